//! Rows of `embeddings`, and of the tables for one dimension each.

use super::super::row::{Cells, Flaw, floats};
use crate::cache::record::Embedding;

/// The key that do-memory's cache gives a vector.
pub(super) fn key(cells: &Cells) -> Result<String, Flaw> {
    let item = cells.text("item_id")?;
    Ok(match cells.text("item_type")? {
        // What a caller stored under a name of its own; `unknown` in do-memory 0.1.9.
        "embedding" | "unknown" => item.to_owned(),
        kind => format!("{kind}_{item}"),
    })
}

/// Reads a vector.
pub(super) fn read(cells: &Cells) -> Result<(String, Embedding), Flaw> {
    let key = key(cells)?;
    let vector = cells.vector("embedding_data");
    match (vector, cells.bytes("embedding_vector")) {
        (Err(_), Some(bytes)) => floats(bytes).map(|vector| (key, vector)),
        (vector, _) => vector.map(|vector| (key, vector)),
    }
}
