//! Rows of `episode_summaries`.

use super::super::row::{Cells, Flaw, floats};
use super::uuid;
use crate::cache::record::{Embedding, EpisodeSummary, decode};

/// Reads a summary. From do-memory 0.1.32 on, its time is that of the insert.
pub(super) fn read(id: &str, cells: &Cells) -> Result<(String, EpisodeSummary), Flaw> {
    let summary = EpisodeSummary {
        episode_id: uuid(id)?,
        summary_text: cells.text("summary_text")?.to_owned(),
        key_concepts: cells.json("key_concepts")?,
        key_steps: cells.json("key_steps")?,
        summary_embedding: embedding(cells)?,
        created_at: cells.time("created_at")?,
    };
    Ok((summary.episode_id.to_string(), summary))
}

/// Postcard in do-memory 0.1.8 and 0.1.9, JSON text until 0.1.31, the floats alone since.
fn embedding(cells: &Cells) -> Result<Option<Embedding>, Flaw> {
    const COLUMN: &str = "summary_embedding";
    let Some(bytes) = cells.bytes(COLUMN) else {
        return Ok(None);
    };
    if cells.text("summary_embedding_type")? == "text" {
        return cells.vector(COLUMN).map(Some);
    }
    // Postcard has one to three bytes of length before the floats.
    let vector = if bytes.len() % 4 == 0 {
        floats(bytes)
    } else {
        decode(bytes).map_err(|misfit| misfit.to_string())
    };
    vector.map(Some).map_err(|flaw| format!("{COLUMN}: {flaw}"))
}
