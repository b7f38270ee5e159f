//! What `diff` gives back, and how it looks.

use std::time::Duration;

use serde::Serialize;

use super::super::Report;
use super::super::compare::{Found, KeptApart, Verdict};
use super::super::list::List;
use crate::cache::Table;
use crate::source::Unreadable;
use crate::ui::{Cell, Column, Severity, View};

/// A row that both have and that is not the same.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    key: String,
    fields: Vec<String>,
}

/// How one table differs.
#[derive(Debug, Serialize)]
pub(super) struct TableDiff {
    table: Table,
    /// Rows that can be compared, as those of the store.
    in_cache: u64,
    in_store: u64,
    /// Rows that do-memory and the cache keep about themselves, on both sides; they are compared
    /// with nothing.
    bookkeeping: u64,
    /// Rows of which something is said: all, or those of the sample.
    compared: u64,
    equal: u64,
    /// Rows that the limit of the cache does not let it have.
    beyond_limit: u64,
    missing_in_cache: List<String>,
    missing_in_store: List<String>,
    older_in_cache: List<Changed>,
    different: List<Changed>,
    /// Rows of the cache that nobody can read.
    undecodable: List<String>,
    /// Rows of the store that nobody can read.
    unreadable: List<Unreadable>,
}

/// How the cache and the store differ.
#[derive(Debug, Serialize)]
pub struct DiffReport {
    from: String,
    /// Whether only some rows were compared.
    sampled: bool,
    equal: bool,
    pub(super) tables: Vec<TableDiff>,
    pub(super) elapsed_ms: u64,
}

impl TableDiff {
    /// Of a table that has so many rows on either side, those kept apart among them.
    pub(super) fn new(table: Table, in_cache: u64, in_store: u64, apart: KeptApart) -> Self {
        Self {
            table,
            in_cache: in_cache.saturating_sub(apart.in_cache),
            in_store: in_store.saturating_sub(apart.in_store),
            bookkeeping: apart.in_cache + apart.in_store,
            compared: 0,
            equal: 0,
            beyond_limit: 0,
            missing_in_cache: List::default(),
            missing_in_store: List::default(),
            older_in_cache: List::default(),
            different: List::default(),
            undecodable: List::default(),
            unreadable: List::default(),
        }
    }

    pub(super) fn add(&mut self, found: Found<'_>) {
        self.compared += 1;
        let key = || (found.key.len(), found.key.to_owned());
        let changed = |fields| {
            let (bytes, key) = key();
            (bytes, Changed { key, fields })
        };
        match found.verdict {
            Verdict::Equal => self.equal += 1,
            Verdict::BeyondLimit => self.beyond_limit += 1,
            Verdict::MissingInCache => self.missing_in_cache.add(key),
            Verdict::MissingInStore => self.missing_in_store.add(key),
            Verdict::Older { fields } => self.older_in_cache.add(|| changed(fields)),
            Verdict::Different { fields } => self.different.add(|| changed(fields)),
            Verdict::Undecodable { .. } => self.undecodable.add(key),
            Verdict::Unreadable(row) => self.unreadable.add(|| (row.why.len(), row)),
        }
    }

    fn is_equal(&self) -> bool {
        self.compared == self.equal + self.beyond_limit
    }
}

impl DiffReport {
    pub(super) fn new(from: String, sampled: bool) -> Self {
        Self {
            from,
            sampled,
            equal: false,
            tables: Vec::new(),
            elapsed_ms: 0,
        }
    }

    /// After the last table.
    pub(super) fn conclude(&mut self) {
        self.equal = self.tables.iter().all(TableDiff::is_equal);
    }

    fn can_be_repaired(&self) -> bool {
        let repairable =
            |diff: &TableDiff| !diff.missing_in_cache.is_empty() || !diff.older_in_cache.is_empty();
        self.tables.iter().any(repairable)
    }
}

impl Report for DiffReport {
    fn schema(&self) -> &'static str {
        "diff"
    }

    fn view(&self) -> View {
        let columns = [
            Column::left("table"),
            Column::right("in the cache"),
            Column::right("in the store"),
            Column::right("equal"),
            Column::right("missing in cache"),
            Column::right("missing in store"),
            Column::right("older"),
            Column::right("different"),
            Column::right("unreadable"),
        ];
        let rows = self.tables.iter().map(|diff| {
            let unreadable = diff.unreadable.len() + diff.undecodable.len();
            vec![
                Cell::key(diff.table.name()),
                Cell::count(diff.in_cache),
                Cell::count(diff.in_store),
                Cell::count(diff.equal),
                Cell::count(diff.missing_in_cache.len()),
                Cell::count(diff.missing_in_store.len()),
                Cell::count(diff.older_in_cache.len()),
                Cell::count(diff.different.len()),
                Cell::count(unreadable),
            ]
        });
        let verdict = if self.equal { "equal" } else { "different" };
        let beyond: u64 = self.tables.iter().map(|diff| diff.beyond_limit).sum();
        let bookkeeping: u64 = self.tables.iter().map(|diff| diff.bookkeeping).sum();
        let compared: u64 = self.tables.iter().map(|diff| diff.compared).sum();
        View::new()
            .pair("store", Cell::key(&self.from))
            .pair("verdict", Cell::text(verdict))
            .pair("compared", Cell::count(compared))
            .pair(
                "took",
                Cell::elapsed(Duration::from_millis(self.elapsed_ms)),
            )
            .heading("tables")
            .table(columns, rows)
            .when(beyond > 0, |view| {
                let text = format!("{beyond} rows of the store are beyond the limit of the cache");
                view.note(Severity::Info, text)
            })
            .when(bookkeeping > 0, |view| {
                let text = format!(
                    "{bookkeeping} rows of metadata are bookkeeping of the cache or the store"
                );
                view.note(Severity::Info, text)
            })
            .when(self.sampled, |view| {
                view.note(Severity::Info, "only a sample was compared")
            })
            .when(!self.equal, |view| {
                view.note(
                    Severity::Info,
                    "--verbose names each row, --format json lists the keys",
                )
            })
            .when(self.can_be_repaired(), |view| {
                view.next("redb-cache rebuild --only-missing --only-stale")
            })
    }

    fn exit_code(&self) -> u8 {
        if self.equal { 0 } else { 3 }
    }
}
