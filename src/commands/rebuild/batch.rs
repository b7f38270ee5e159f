//! Rows that come in the order of their keys, written so many at a time.

use crate::cache::ledger::{Ledger, Row};
use crate::cache::{Entry, Table};
use crate::error::Result;

/// Bytes of rows that may wait.
const BYTES: usize = 1 << 18;
/// Rows that may wait.
const ROWS: usize = 1 << 12;

/// Rows that wait to be written.
#[derive(Default)]
pub(super) struct Batch {
    rows: Vec<Waiting>,
    bytes: usize,
}

struct Waiting {
    key: String,
    stored: Vec<u8>,
    entry: Entry,
    /// An episode's revision in the store.
    revision: Option<i64>,
}

impl Batch {
    /// Adds a row whose key comes after all earlier ones.
    pub(super) fn put(&mut self, key: &str, stored: Vec<u8>, entry: Entry, revision: Option<i64>) {
        self.bytes = self.bytes.saturating_add(stored.len());
        self.rows.push(Waiting {
            key: key.to_owned(),
            stored,
            entry,
            revision,
        });
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= BYTES || self.rows.len() >= ROWS
    }

    /// Writes what waits.
    pub(super) fn write(&mut self, table: Table, ledger: &mut Ledger<'_>) -> Result<()> {
        let Self { rows, .. } = std::mem::take(self);
        let revisions: Vec<_> = rows
            .iter()
            .filter_map(|row| Some((row.key.as_str(), row.revision?)))
            .collect();
        ledger.copy_revisions(&revisions)?;
        let rows: Vec<_> = rows.iter().map(Waiting::as_row).collect();
        ledger.load(table, &rows)
    }
}

impl Waiting {
    fn as_row(&self) -> Row<'_> {
        Row {
            key: &self.key,
            stored: &self.stored,
            entry: &self.entry,
        }
    }
}
