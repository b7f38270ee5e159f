//! Comparing JSON values the way two encoders of the same f32 must agree.

use serde_json::{Map, Number, Value};

/// Where and how two values first differ, or `None` when they are the same value.
///
/// Integers compare exactly. As soon as one side is written as a float, both compare as f32, bit by bit, so that
/// `0.1` and `0.10000000149011612` are equal and `0.0` and `-0.0` are not.
#[must_use]
pub fn difference(got: &Value, want: &Value) -> Option<String> {
    match (got, want) {
        (Value::Number(got), Value::Number(want)) => numbers_differ(got, want),
        (Value::Array(got), Value::Array(want)) => arrays_differ(got, want),
        (Value::Object(got), Value::Object(want)) => objects_differ(got, want),
        _ if got == want => None,
        _ => Some(format!(": {} instead of {}", excerpt(got), excerpt(want))),
    }
}

fn numbers_differ(got: &Number, want: &Number) -> Option<String> {
    let both_integers = !got.is_f64() && !want.is_f64();
    let same = got == want || (!both_integers && as_f32_bits(got) == as_f32_bits(want));
    (!same || signs_of_zero_differ(got, want)).then(|| format!(": {got} instead of {want}"))
}

#[expect(clippy::cast_possible_truncation, reason = "the stored type is f32")]
fn as_f32_bits(number: &Number) -> Option<u32> {
    number.as_f64().map(|float| (float as f32).to_bits())
}

fn signs_of_zero_differ(got: &Number, want: &Number) -> bool {
    let sign = |number: &Number| number.as_f64().map(f64::is_sign_negative);
    got.is_f64() && want.is_f64() && sign(got) != sign(want)
}

fn arrays_differ(got: &[Value], want: &[Value]) -> Option<String> {
    if got.len() != want.len() {
        return Some(format!(": {} items instead of {}", got.len(), want.len()));
    }
    let mut pairs = got.iter().zip(want).enumerate();
    pairs.find_map(|(index, (got, want))| Some(format!("[{index}]{}", difference(got, want)?)))
}

fn objects_differ(got: &Map<String, Value>, want: &Map<String, Value>) -> Option<String> {
    if let Some(unknown) = got.keys().find(|key| !want.contains_key(*key)) {
        return Some(format!(".{unknown}: not in the truth"));
    }
    want.iter().find_map(|(key, want)| match got.get(key) {
        None => Some(format!(".{key}: missing")),
        Some(got) => Some(format!(".{key}{}", difference(got, want)?)),
    })
}

/// A value short enough for one line of a report.
fn excerpt(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::difference;
    use serde_json::json;

    #[test]
    fn the_short_and_the_long_decimal_of_one_f32_are_equal() {
        assert_eq!(difference(&json!(0.1), &json!(0.10000000149011612)), None);
        assert!(difference(&json!(0.1), &json!(0.10001)).is_some());
    }

    #[test]
    fn zeros_of_different_sign_differ() {
        assert!(difference(&json!(0.0), &json!(-0.0)).is_some());
        assert_eq!(difference(&json!(-0.0), &json!(-0.0)), None);
    }

    #[test]
    fn large_integers_compare_exactly() {
        assert!(difference(&json!(u64::MAX), &json!(u64::MAX - 1)).is_some());
        assert_eq!(difference(&json!(u64::MAX), &json!(u64::MAX)), None);
    }

    #[test]
    fn a_difference_names_its_path() {
        let found = difference(
            &json!({"a": [1, {"b": "x"}]}),
            &json!({"a": [1, {"b": "y"}]}),
        );
        assert_eq!(found.as_deref(), Some(".a[1].b: \"x\" instead of \"y\""));
    }

    #[test]
    fn missing_and_unknown_fields_are_differences() {
        assert!(difference(&json!({}), &json!({"a": null})).is_some());
        assert!(difference(&json!({"a": null}), &json!({})).is_some());
    }
}
