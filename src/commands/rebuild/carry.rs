//! The tables that stay as they are while others are rebuilt.

use std::path::Path;

use redb::Database;

use super::super::{Context, access};
use super::fill::is_bookkeeping;
use super::plan::Plan;
use crate::cache::contents::{self, Contents};
use crate::cache::ledger::{Ledger, bytes_table};
use crate::cache::rewrite::{self, Recompress};
use crate::cache::{Table, View};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Snapshot};

/// Copies the old cache without the rows of the tables that are filled anew. Answers what the
/// others must hold.
///
/// # Errors
/// When the old cache cannot be read or copied, and when it is interrupted.
pub(super) fn over(
    context: &Context<'_>,
    plan: &Plan,
    old: &Path,
    to: &Database,
) -> Result<Contents> {
    let bar = context.ui.progress("copying the other tables");
    let mut expected = read(context, old, |snapshot, view| {
        if !rewrite::can_rewrite(&snapshot.tables()?) {
            return Err(Error::new(
                ErrorKind::Failed,
                "the cache has tables whose rows only their owner can read, which --table cannot carry",
            )
            .help("rebuild all tables: the old cache is kept as a backup"));
        }
        let now_ms = context.now.timestamp_millis();
        rewrite::rewrite(snapshot, view, to, Recompress::Keep, now_ms, &mut |rows| {
            bar.advance(rows);
            context.cancel.check()
        })?;
        contents::of(snapshot, view)
    })?;
    empty(plan, to)?;
    bar.finish();
    expected.remove(Table::SchemaVersion.name());
    Ok(expected)
}

/// Makes sure that nobody has written the old cache since its tables were copied.
///
/// # Errors
/// When somebody has, and when the cache cannot be read.
pub(super) fn unchanged(context: &Context<'_>, old: &Path, carried: &Contents) -> Result<Contents> {
    let mut found = read(context, old, contents::of)?;
    found.remove(Table::SchemaVersion.name());
    if found == *carried {
        return Ok(found);
    }
    Err(Error::new(
        ErrorKind::Failed,
        "the cache was written since the rebuild of some of its tables began",
    )
    .at(old)
    .help("run the same command without --resume"))
}

fn read<T>(
    context: &Context<'_>,
    old: &Path,
    mut read: impl FnMut(&Snapshot, &View) -> Result<T>,
) -> Result<T> {
    file::read(old, &access::thorough(context)?, |snapshot| {
        let txn = snapshot.transaction().cloned();
        let old = || Error::new(ErrorKind::OldFormat, "the cache has an old format");
        read(snapshot, &View::new(txn.ok_or_else(old)?))
    })
}

/// Removes the rows of the tables that are to be filled.
fn empty(plan: &Plan, db: &Database) -> Result<()> {
    let txn = db.begin_write()?;
    let mut ledger = Ledger::open(&txn)?;
    for table in plan.tables.iter().filter(|table| table.holds_records()) {
        ledger.clear(*table)?;
    }
    ledger.finish()?;
    if plan.tables.contains(&Table::Metadata) {
        let mut rows = txn.open_table(bytes_table(Table::Metadata.name()))?;
        rows.retain(|key, _| is_bookkeeping(key))?;
    }
    txn.commit()?;
    Ok(())
}
