//! Many rows at once: those that come after all others fill their pages.

use std::ops::Bound;

use redb::ReadableTable;

use super::super::Table;
use super::super::bulk::append;
use super::super::entry::row_key;
use super::{Ledger, Row};
use crate::error::Result;

impl Ledger<'_> {
    /// Records the revisions that another store has given out to episodes, in ascending order of
    /// these.
    ///
    /// # Errors
    /// When redb fails.
    pub fn copy_revisions(&mut self, revisions: &[(&str, i64)]) -> Result<()> {
        let greatest = revisions.iter().map(|(_, revision)| *revision).max();
        self.last_revision = self.last_revision.max(greatest.unwrap_or(i64::MIN));
        self.write_revisions(revisions)
    }

    /// Writes rows of records of one table, in ascending order of keys, together with their entries.
    /// Episodes are given new revisions.
    ///
    /// # Errors
    /// When redb fails.
    pub fn put_all(&mut self, table: Table, rows: &[Row<'_>]) -> Result<()> {
        self.load(table, rows)?;
        if table == Table::Episodes {
            self.revise(rows)?;
        }
        Ok(())
    }

    /// The same without revisions.
    ///
    /// # Errors
    /// When redb fails.
    pub fn load(&mut self, table: Table, rows: &[Row<'_>]) -> Result<()> {
        self.record_all(table, rows)?;
        let stored = self.rows(table)?;
        let last = stored.last()?.map(|(key, _)| key.value().to_owned());
        let (between, later) = split_after(rows, last.as_deref().map(str::as_bytes));
        for row in between {
            stored.insert(row.key, row.stored)?;
        }
        let later = later.iter().map(|row| (row.key, row.stored));
        append(stored, Bound::Unbounded, later)
    }

    /// Gives episodes their revisions in the order in which they were written, which is not that of
    /// their keys.
    fn revise(&mut self, rows: &[Row<'_>]) -> Result<()> {
        let mut written: Vec<&Row<'_>> = rows.iter().collect();
        written.sort_unstable_by_key(|row| row.entry.accessed);
        let mut revisions = Vec::with_capacity(rows.len());
        for row in written {
            let next = self.last_revision.saturating_add(1);
            self.last_revision = row.entry.written_ms.max(next);
            revisions.push((row.key, self.last_revision));
        }
        revisions.sort_unstable();
        self.write_revisions(&revisions)
    }

    fn write_revisions(&mut self, revisions: &[(&str, i64)]) -> Result<()> {
        self.revised |= !revisions.is_empty();
        let last = self
            .revisions
            .last()?
            .map(|(key, _)| key.value().to_owned());
        let later = revisions.partition_point(|(key, _)| Some(*key) <= last.as_deref());
        let (between, later) = revisions.split_at_checked(later).unwrap_or_default();
        for (key, revision) in between {
            self.revisions.insert(key, revision)?;
        }
        append(&mut self.revisions, Bound::Unbounded, later.iter().copied())
    }

    fn record_all(&mut self, table: Table, rows: &[Row<'_>]) -> Result<()> {
        let next_table = [table.id().saturating_add(1)];
        let until = Bound::Excluded(next_table.as_slice());
        let last = match self
            .entries
            .range::<&[u8]>(..next_table.as_slice())?
            .next_back()
        {
            Some(last) => last?.0.value().to_vec(),
            None => Vec::new(),
        };
        // Those of other tables come first, so such a key is no limit.
        let last = last.strip_prefix(&[table.id()]).unwrap_or_default();
        let (between, later) = split_after(rows, Some(last));
        for row in between {
            self.record(table, row.key, row.entry)?;
        }
        let mut entries = Vec::with_capacity(later.len());
        for row in later {
            entries.push((row_key(table, row.key), row.entry.encode()?));
            self.totals(table)?.add(row.entry);
            self.reorder(table, row.key, None, Some(row.entry))?;
        }
        let entries = entries
            .iter()
            .map(|(key, entry)| (key.as_slice(), entry.as_slice()));
        append(&mut self.entries, until, entries)
    }
}

/// The rows up to `last`, and those after it.
fn split_after<'r, 'a>(rows: &'r [Row<'a>], last: Option<&[u8]>) -> (&'r [Row<'a>], &'r [Row<'a>]) {
    let later = rows.partition_point(|row| Some(row.key.as_bytes()) <= last);
    rows.split_at_checked(later).unwrap_or_default()
}
