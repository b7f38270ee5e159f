//! Rows of `embeddings`, and of the tables for one dimension each.

use super::super::row::{Cells, Flaw, floats};
use crate::cache::record::Embedding;

/// Reads a vector and finds the key that do-memory's cache gives it.
pub(super) fn read(cells: &Cells) -> Result<(String, Embedding), Flaw> {
    let item = cells.text("item_id")?;
    let key = match cells.text("item_type")? {
        // What a caller stored under a name of its own; `unknown` in do-memory 0.1.9.
        "embedding" | "unknown" => item.to_owned(),
        kind => format!("{kind}_{item}"),
    };
    let vector = cells.vector("embedding_data");
    match (vector, cells.bytes("embedding_vector")) {
        (Err(_), Some(bytes)) => floats(bytes).map(|vector| (key, vector)),
        (vector, _) => vector.map(|vector| (key, vector)),
    }
}
