//! JSON text to a value whose every number is the one written.

use std::collections::HashMap;

use serde_json::{Number, Value};

/// The value of JSON text. serde_json alone may miss a float by the last of its bits, which is
/// mended here; only two floats of one text that it takes for the same could be confused.
pub fn value_of(text: &str) -> serde_json::Result<Value> {
    let mut value: Value = serde_json::from_str(text)?;
    let mut exact = HashMap::new();
    for number in numbers(text) {
        if let Some(read) = serde_json::from_str::<Number>(number)?.as_f64() {
            exact.insert(read.to_bits(), number.parse().unwrap());
        }
    }
    mend(&mut value, &exact);
    Ok(value)
}

/// Puts the exact floats, by the bits of what was read, into the value.
fn mend(value: &mut Value, exact: &HashMap<u64, f64>) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let read = number.as_f64().unwrap().to_bits();
            *number = Number::from_f64(exact[&read]).unwrap();
        }
        Value::Array(list) => list.iter_mut().for_each(|it| mend(it, exact)),
        Value::Object(map) => map.values_mut().for_each(|it| mend(it, exact)),
        _ => {}
    }
}

/// The numbers of valid JSON, as they are written.
fn numbers(text: &str) -> Vec<&str> {
    let mut numbers = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        rest = &rest[at..];
        let end = if rest.starts_with('"') {
            end_of_string(rest)
        } else {
            let part = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
            let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
            numbers.push(&rest[..end]);
            end
        };
        rest = &rest[end..];
    }
    numbers
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let closing = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closing
    });
    end.unwrap() + 2
}

#[test]
fn every_digit_of_a_number_counts_and_no_digit_of_a_string() {
    let text = r#"{"1":"2\"3","a\\":[4,-0.0,1e300,0.1,1.7976931348623157e308,5e-324],"b":-7}"#;
    assert_eq!(
        numbers(text),
        [
            "4",
            "-0.0",
            "1e300",
            "0.1",
            "1.7976931348623157e308",
            "5e-324",
            "-7"
        ]
    );
    assert_eq!(value_of(text).unwrap()["a\\"][4], f64::MAX);
}
