//! How old a row is that another program wrote.

use super::Table;
use super::entry::Entry;
use super::ledger::witness;
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
    Ok(witness(stored, written_ms, None))
}
