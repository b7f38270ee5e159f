//! The steps of an episode. Until do-memory 0.1.31 their parameters are any JSON, later text.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::cache::record::{ExecutionResult, ExecutionStep};

#[derive(Deserialize)]
struct Step<'a> {
    step_number: u64,
    timestamp: DateTime<Utc>,
    tool: String,
    action: String,
    #[serde(default)]
    parameters_json: Option<String>,
    /// As it stands in the text, so that no number loses a digit.
    #[serde(borrow, default, deserialize_with = "present")]
    parameters: Option<&'a RawValue>,
    result: Option<ExecutionResult>,
    latency_ms: u64,
    tokens_used: Option<u64>,
    metadata: BTreeMap<String, String>,
}

/// `null` is a value, too.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads the steps of an episode.
pub(super) fn read_all(json: &[u8]) -> serde_json::Result<Vec<ExecutionStep>> {
    let steps: Vec<Step<'_>> = serde_json::from_slice(json)?;
    steps.into_iter().map(Step::into_step).collect()
}

impl Step<'_> {
    fn into_step(self) -> serde_json::Result<ExecutionStep> {
        let parameters_json = match (self.parameters_json, self.parameters) {
            (Some(text), _) => text,
            (None, Some(value)) => compact(value.get()),
            (None, None) => {
                let missing = format!("step {} has no parameters", self.step_number);
                return Err(serde::de::Error::custom(missing));
            }
        };
        Ok(ExecutionStep {
            step_number: self.step_number,
            timestamp: self.timestamp,
            tool: self.tool,
            action: self.action,
            parameters_json,
            result: self.result,
            latency_ms: self.latency_ms,
            tokens_used: self.tokens_used,
            metadata: self.metadata,
        })
    }
}

/// JSON text without the blanks that mean nothing.
fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        if in_string || !character.is_ascii_whitespace() {
            compact.push(character);
        }
        in_string ^= character == '"' && !escaped;
        escaped = in_string && character == '\\' && !escaped;
    }
    compact
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(field: &str) -> Result<String, serde_json::Error> {
        let json = format!(
            r#"[{{"step_number":1,"timestamp":"2025-01-02T03:04:05Z","tool":"t","action":"a",
                {field}"result":null,"latency_ms":0,"tokens_used":null,"metadata":{{}}}}]"#
        );
        read_all(json.as_bytes()).map(|mut steps| steps.remove(0).parameters_json)
    }

    #[test]
    fn parameters_keep_every_digit_and_lose_the_blanks_between() {
        for (written, kept) in [
            (
                r#"{"a": [1.0, 123456789012345678901234567890 ]}"#,
                r#"{"a":[1.0,123456789012345678901234567890]}"#,
            ),
            (r#"" \" {  } ""#, r#"" \" {  } ""#),
            (r#""\\" "#, r#""\\""#),
            ("null", "null"),
        ] {
            assert_eq!(
                parameters(&format!("\"parameters\":{written},")).unwrap(),
                kept
            );
        }
    }

    #[test]
    fn text_stays_whatever_it_says() {
        let field = r#""parameters_json":"no { json","#;
        assert_eq!(parameters(field).unwrap(), "no { json");
    }

    #[test]
    fn a_step_without_parameters_is_refused() {
        assert!(parameters("").is_err());
    }
}
