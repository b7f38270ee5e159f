//! How old a row is that another program wrote.

use super::Table;
use super::entry::{self, Codec, Entry};
use super::record::Record;
use super::view::View;
use crate::error::Result;

/// What to record of such a row. Its age is do-memory's revision, else the times inside the value;
/// what has neither begins to age now. Nothing is said of its expiry.
///
/// # Errors
/// When redb fails.
pub fn observe(view: &View, table: Table, key: &str, stored: &[u8], now_ms: i64) -> Result<Entry> {
    let revision = match table {
        Table::Episodes => view.revision(key)?,
        _ => None,
    };
    let written_ms = revision
        .or_else(|| {
            Some(
                Record::decode(table, stored)?
                    .ok()?
                    .changed_at()?
                    .timestamp_millis(),
            )
        })
        .unwrap_or(now_ms)
        .min(now_ms);
    Ok(witness(stored, written_ms))
}

/// What to record of a row of that age, of which nothing else is known.
fn witness(stored: &[u8], written_ms: i64) -> Entry {
    Entry {
        written_ms,
        accessed: u64::try_from(written_ms.saturating_mul(1_000)).unwrap_or(0),
        expires_ms: None,
        stored_len: stored.len() as u64,
        raw_len: stored.len() as u64,
        codec: Codec::Plain,
        digest: entry::digest(stored),
    }
}
