//! Counting every row, for `--exact`.

use std::ops::ControlFlow;

use super::super::Context;
use super::report::TableRows;
use crate::cache::{Codec, Entry, Table, View};
use crate::error::{ErrorKind, Result};
use crate::file::{Snapshot, TableInfo, ValueKind, ValueRef};
use crate::ui::Progress;

/// Rows between two looks at whether to stop.
const STEP: u64 = 1_000;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) tables: Vec<TableRows>,
    /// Rows that are compressed, and the bytes that this saves.
    pub(super) compressed_rows: u64,
    pub(super) saved_bytes: u64,
}

/// Reads every row of `tables`. Without a `view`, of a file of an old layout, nothing is known of
/// expiry.
pub(super) fn count(
    context: &Context<'_>,
    snapshot: &Snapshot,
    view: Option<&View>,
    tables: &[TableInfo],
    now_ms: i64,
) -> Result<Counted> {
    let bar = context.ui.progress("counting");
    bar.set_total(tables.iter().map(|table| table.rows).sum());
    let mut counter = Counter {
        context,
        bar: &bar,
        view,
        now_ms,
        counted: Counted::default(),
    };
    for table in tables {
        counter.count_table(snapshot, table)?;
    }
    Ok(counter.counted)
}

struct Counter<'a> {
    context: &'a Context<'a>,
    bar: &'a Progress,
    view: Option<&'a View>,
    now_ms: i64,
    counted: Counted,
}

/// The sums over one table.
#[derive(Default)]
struct Sums {
    rows: u64,
    expired: u64,
    unrecorded: u64,
    bytes: u64,
}

impl Counter<'_> {
    fn count_table(&mut self, snapshot: &Snapshot, info: &TableInfo) -> Result<()> {
        let legible = !matches!(info.kind, ValueKind::Multimap | ValueKind::Other);
        let table = Table::from_name(&info.name);
        let mut sums = Sums::default();
        if legible {
            snapshot.scan(&info.name, None, &mut |key, value| {
                self.count_row(table, key, value, &mut sums)?;
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let expires = table.is_some_and(Table::expires);
        let known = !expires || self.view.is_some() || info.rows == 0;
        let recorded = table.is_some_and(Table::holds_records) && self.view.is_some();
        self.counted.tables.push(TableRows {
            table: info.name.clone(),
            rows: info.rows,
            live: known.then(|| info.rows.saturating_sub(sums.expired)),
            expired: known.then_some(sums.expired),
            unrecorded: recorded.then_some(sums.unrecorded),
            value_bytes: legible.then_some(sums.bytes),
        });
        Ok(())
    }

    fn count_row(
        &mut self,
        table: Option<Table>,
        key: &str,
        value: ValueRef<'_>,
        sums: &mut Sums,
    ) -> Result<()> {
        sums.rows += 1;
        if sums.rows.is_multiple_of(STEP) {
            self.context.cancel.check()?;
            self.bar.advance(STEP);
        }
        sums.bytes = sums.bytes.saturating_add(length(value));
        let (Some(table), ValueRef::Bytes(stored)) = (table, value) else {
            return Ok(());
        };
        if !table.holds_records() {
            return Ok(());
        }
        match self.entry(table, key, stored)? {
            None => sums.unrecorded += 1,
            Some(entry) => {
                sums.expired += u64::from(entry.is_expired(self.now_ms));
                if entry.codec != Codec::Plain {
                    self.counted.compressed_rows += 1;
                    let saved = entry.raw_len.saturating_sub(entry.stored_len);
                    // The lengths are what the file claims.
                    self.counted.saved_bytes = self.counted.saved_bytes.saturating_add(saved);
                }
            }
        }
        Ok(())
    }

    /// What is recorded of a row, if it is of this row and legible.
    fn entry(&self, table: Table, key: &str, stored: &[u8]) -> Result<Option<Entry>> {
        let Some(view) = self.view else {
            return Ok(None);
        };
        match view.entry(table, key) {
            Ok(entry) => Ok(entry.filter(|entry| entry.describes(stored))),
            Err(error) if error.kind() == ErrorKind::UnknownLayout => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn length(value: ValueRef<'_>) -> u64 {
    match value {
        ValueRef::Bytes(bytes) => bytes.len() as u64,
        ValueRef::Text(text) => text.len() as u64,
        ValueRef::U64(_) | ValueRef::I64(_) => 8,
    }
}
