//! Rows of `heuristics`.

use super::super::row::{Cells, Flaw};
use super::uuid;
use crate::cache::record::Heuristic;

/// Reads a heuristic. Until do-memory 0.1.9 its times are those of the insert.
pub(super) fn read(id: &str, cells: &Cells) -> Result<(String, Heuristic), Flaw> {
    let heuristic = Heuristic {
        heuristic_id: uuid(id)?,
        condition: cells.text("condition_text")?.to_owned(),
        action: cells.text("action_text")?.to_owned(),
        confidence: cells
            .number("confidence")?
            .ok_or("confidence: there is nothing")?,
        evidence: cells.json("evidence")?,
        created_at: cells.time("created_at")?,
        updated_at: cells.time("updated_at")?,
    };
    Ok((heuristic.heuristic_id.to_string(), heuristic))
}
