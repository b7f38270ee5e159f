//! Rows of `procedural_memory`.

use super::super::row::{Cells, Flaw};
use super::uuid;
use crate::cache::record::ProceduralMemory;

/// Reads a procedure.
pub(super) fn read(id: &str, cells: &Cells) -> Result<(String, ProceduralMemory), Flaw> {
    let procedure = ProceduralMemory {
        id: uuid(id)?,
        name: cells.text("name")?.to_owned(),
        description: cells.text("description")?.to_owned(),
        context: cells.json("context")?,
        steps: cells.json("steps")?,
        effectiveness: cells.json("effectiveness")?,
        source_episodes: cells.json("source_episodes")?,
        source_patterns: cells.json("source_patterns")?,
        created_at: cells.time("created_at")?,
        updated_at: cells.time("updated_at")?,
    };
    Ok((procedure.id.to_string(), procedure))
}
