//! Rows of `patterns`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::debug_text;
use super::super::row::{Cells, Flaw};
use super::uuid;
use crate::cache::record::Pattern;

/// Reads a pattern: from its debug text since do-memory 0.1.10, when `pattern_data` became a
/// summary that leaves most of it out; from its JSON before.
pub(super) fn read(id: &str, cells: &Cells) -> Result<(String, Pattern), Flaw> {
    let kind = cells.text("pattern_type")?;
    let pattern = if kind.contains(" { ") {
        debug_text::pattern(kind).map_err(|flaw| format!("pattern_type: {flaw}"))?
    } else {
        cells.json_with("pattern_data", tagged)?
    };
    if pattern.id() != uuid(id)? {
        return Err(format!("it is of the pattern {}", pattern.id()));
    }
    Ok((pattern.id().to_string(), pattern))
}

/// `{"type": "tool_sequence", …}` instead of `{"tool_sequence": {…}}`.
fn tagged(json: &[u8]) -> serde_json::Result<Pattern> {
    let mut fields: Map<String, Value> = serde_json::from_slice(json)?;
    let Some(Value::String(name)) = fields.remove("type") else {
        return Err(serde::de::Error::custom(
            "it does not say of which type it is",
        ));
    };
    Pattern::deserialize(Value::Object(Map::from_iter([(
        name,
        Value::Object(fields),
    )])))
}
