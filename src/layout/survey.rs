//! What a file says about its rows that no row says of itself.

use super::{Decoded, Undecodable, decode};
use crate::cache::Table;
use crate::file::FileFormat;

/// What a file states of itself before any row is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The format of the file.
    pub format: FileFormat,
    /// The schema version that it states, if any.
    pub schema: Option<u64>,
}

/// What the rows of a file tell about each other: a first reading learns, a second one decides.
#[derive(Clone, Debug)]
pub struct Survey {
    #[expect(dead_code, reason = "decides between the layouts that fit a row")]
    origin: Origin,
}

impl Survey {
    /// Knows nothing yet but where the rows are from.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self { origin }
    }

    /// Learns from a row. Its memory is bounded, whatever the number of rows.
    pub fn add(&mut self, _table: Table, _bytes: &[u8]) {}

    /// Reads a row in the light of what was learned. Its time and memory grow with the length of
    /// the row alone.
    ///
    /// # Errors
    /// When no layout fits, or the table holds no records.
    pub fn decode(&self, table: Table, bytes: &[u8]) -> Result<Decoded, Undecodable> {
        decode(table, bytes)
    }
}
