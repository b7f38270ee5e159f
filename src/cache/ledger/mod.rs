//! The write side: rows, and what is recorded about them, changed together or not at all.
//!
//! Everything that changes a row goes through here, the engine as well as `sweep` and `clear`, so
//! that entries, both orders and totals always agree with the rows within one transaction.

mod load;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};

use super::Table;
use super::bulk::Order;
use super::entry::{
    self, BY_ACCESS, BY_EXPIRY, ENTRIES, Entry, TOTALS, Totals, access_key, expiry_key, row_key,
};
use super::facts::REVISION_SEQ_KEY;
use crate::error::Result;

type Rows<'txn> = redb::Table<'txn, &'static str, &'static [u8]>;

/// The definition of a table whose values are bytes.
#[must_use]
pub const fn bytes_table(name: &str) -> TableDefinition<'_, &'static str, &'static [u8]> {
    TableDefinition::new(name)
}

/// do-memory's modification times.
pub const REVISIONS: TableDefinition<&str, i64> = TableDefinition::new("episode_revisions");

/// A row of records, to be written.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its bytes.
    pub stored: &'a [u8],
    /// What is recorded about it.
    pub entry: &'a Entry,
}

/// One write transaction's view of the cache. Dropped without [`Ledger::finish`], what it did
/// must not be committed: the totals would be wrong.
pub struct Ledger<'txn> {
    pub(super) txn: &'txn WriteTransaction,
    rows: BTreeMap<Table, Rows<'txn>>,
    entries: redb::Table<'txn, &'static [u8], &'static [u8]>,
    by_access: Order<'txn>,
    by_expiry: Order<'txn>,
    totals: BTreeMap<Table, Totals>,
    revisions: redb::Table<'txn, &'static str, i64>,
    last_revision: i64,
    revised: bool,
    lost_sessions: bool,
}

impl<'txn> Ledger<'txn> {
    /// Opens the tables, making those that are missing.
    ///
    /// # Errors
    /// When a table cannot be opened or read.
    pub fn open(txn: &'txn WriteTransaction) -> Result<Self> {
        let mut ledger = Self {
            txn,
            rows: BTreeMap::new(),
            entries: txn.open_table(ENTRIES)?,
            by_access: Order::new(txn.open_table(BY_ACCESS)?),
            by_expiry: Order::new(txn.open_table(BY_EXPIRY)?),
            totals: BTreeMap::new(),
            revisions: txn.open_table(REVISIONS)?,
            last_revision: 0,
            revised: false,
            lost_sessions: false,
        };
        ledger.last_revision = ledger.read_last_revision()?;
        Ok(ledger)
    }

    /// The last revision that was given out to an episode, by us or by do-memory.
    #[must_use]
    pub const fn last_revision(&self) -> i64 {
        self.last_revision
    }

    /// Records `entry` for a row that stays as it is.
    ///
    /// # Errors
    /// When redb fails.
    pub fn record(&mut self, table: Table, key: &str, entry: &Entry) -> Result<()> {
        let row = row_key(table, key);
        let old = match self
            .entries
            .insert(row.as_slice(), entry.encode()?.as_slice())?
        {
            // One that is not legible counts as none: it is about to be replaced.
            Some(old) => Entry::decode(old.value()).ok(),
            None => None,
        };
        let totals = self.totals(table)?;
        if let Some(old) = &old {
            totals.subtract(old);
        }
        totals.add(entry);
        self.reorder(table, key, old.as_ref(), Some(entry))
    }

    /// Removes a row and all that is recorded about it. Returns the stored bytes that went, or
    /// `None` when there was no such row.
    ///
    /// # Errors
    /// When redb fails.
    pub fn remove(&mut self, table: Table, key: &str) -> Result<Option<u64>> {
        self.forget(table, key)?;
        let freed = self
            .rows(table)?
            .remove(key)?
            .map(|row| row.value().len() as u64);
        match table {
            Table::Episodes => {
                self.revisions.remove(key)?;
            }
            Table::RecommendationSessions => self.lost_sessions |= freed.is_some(),
            _ => {}
        }
        Ok(freed)
    }

    /// Drops what is recorded about a row, whether or not the row is there.
    ///
    /// # Errors
    /// When redb fails.
    pub fn forget(&mut self, table: Table, key: &str) -> Result<()> {
        if !table.holds_records() {
            return Ok(());
        }
        let row = row_key(table, key);
        let removed = self.entries.remove(row.as_slice())?;
        let Some(old) = removed.and_then(|old| Entry::decode(old.value()).ok()) else {
            return Ok(());
        };
        self.totals(table)?.subtract(&old);
        self.reorder(table, key, Some(&old), None)
    }

    /// What is recorded about a row, as far as it is legible.
    ///
    /// # Errors
    /// When redb fails.
    pub fn entry(&self, table: Table, key: &str) -> Result<Option<Entry>> {
        match self.entries.get(row_key(table, key).as_slice())? {
            Some(bytes) => Ok(Entry::decode(bytes.value()).ok()),
            None => Ok(None),
        }
    }

    /// Whether the row is still the one that `seen` describes, neither written nor used since.
    ///
    /// # Errors
    /// When redb fails.
    pub fn is_unchanged(&mut self, table: Table, key: &str, seen: &Entry) -> Result<bool> {
        if self
            .entry(table, key)?
            .is_some_and(|now| now.accessed > seen.accessed)
        {
            return Ok(false);
        }
        let stored = self.rows(table)?.get(key)?;
        Ok(stored.is_some_and(|stored| seen.describes(stored.value())))
    }

    /// Makes a table that may stay empty.
    ///
    /// # Errors
    /// When redb fails.
    pub fn make(&mut self, table: Table) -> Result<()> {
        self.rows(table).map(drop)
    }

    /// Removes every row of a table. Returns how many there were.
    ///
    /// # Errors
    /// When redb fails.
    pub fn clear(&mut self, table: Table) -> Result<u64> {
        let rows = self.rows(table)?;
        let count = rows.len()?;
        rows.retain(|_, _| false)?;
        let (from, to) = ([table.id()], [table.id().saturating_add(1)]);
        self.entries
            .retain_in::<&[u8], _>(from.as_slice()..to.as_slice(), |_, _| false)?;
        let of_table =
            |key: &[u8]| matches!(entry::parse_expiry_key(key), Some((_, of, _)) if of == table);
        self.by_expiry.retain(|key| !of_table(key))?;
        self.totals.insert(table, Totals::default());
        match table {
            Table::Episodes => {
                self.by_access.retain(|_| false)?;
                self.revisions.retain(|_, _| false)?;
            }
            Table::RecommendationSessions => self.lost_sessions |= count > 0,
            _ => {}
        }
        Ok(count)
    }

    /// The bytes of a row as stored.
    ///
    /// # Errors
    /// When redb fails.
    pub fn stored(&mut self, table: Table, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.rows(table)?.get(key)?.map(|row| row.value().to_vec()))
    }

    /// Moves a row to `accessed` in the LRU order.
    ///
    /// # Errors
    /// When redb fails.
    pub fn touch(&mut self, table: Table, key: &str, entry: &Entry, accessed: u64) -> Result<()> {
        if accessed <= entry.accessed {
            return Ok(());
        }
        self.record(table, key, &Entry { accessed, ..*entry })
    }

    /// Writes a row of a table that holds no records, such as `metadata`.
    ///
    /// # Errors
    /// When redb fails.
    pub fn put_plain(&mut self, table: Table, key: &str, value: &[u8]) -> Result<()> {
        self.rows(table)?.insert(key, value)?;
        Ok(())
    }

    /// Writes the totals, do-memory's revision counter and, where sessions went, their index. The
    /// transaction can be committed afterwards.
    ///
    /// # Errors
    /// When redb fails.
    pub fn finish(mut self) -> Result<()> {
        if self.revised {
            let text = self.last_revision.to_string();
            self.put_plain(Table::Metadata, REVISION_SEQ_KEY, text.as_bytes())?;
        }
        if self.lost_sessions {
            self.rebuild_session_index()?;
        }
        self.by_access.write()?;
        self.by_expiry.write()?;
        let mut table = self.txn.open_table(TOTALS)?;
        for (of, totals) in &self.totals {
            table.insert(of.name(), totals.encode()?.as_slice())?;
        }
        Ok(())
    }

    pub(super) fn rows(&mut self, table: Table) -> Result<&mut Rows<'txn>> {
        Ok(match self.rows.entry(table) {
            Slot::Occupied(open) => open.into_mut(),
            Slot::Vacant(slot) => slot.insert(self.txn.open_table(bytes_table(table.name()))?),
        })
    }

    fn totals(&mut self, table: Table) -> Result<&mut Totals> {
        Ok(match self.totals.entry(table) {
            Slot::Occupied(loaded) => loaded.into_mut(),
            Slot::Vacant(slot) => {
                let stored = match self.txn.open_table(TOTALS)?.get(table.name())? {
                    Some(bytes) => Totals::decode(bytes.value())?,
                    None => Totals::default(),
                };
                slot.insert(stored)
            }
        })
    }

    fn reorder(
        &mut self,
        table: Table,
        key: &str,
        old: Option<&Entry>,
        new: Option<&Entry>,
    ) -> Result<()> {
        if table == Table::Episodes {
            let at = |entry: &Entry| access_key(entry.accessed, key);
            self.by_access.exchange(old.map(at), new.map(at))?;
        }
        let at = |entry: &Entry| Some(expiry_key(entry.expires_ms?, table, key));
        self.by_expiry.exchange(old.and_then(at), new.and_then(at))
    }

    fn read_last_revision(&mut self) -> Result<i64> {
        let text = self.stored(Table::Metadata, REVISION_SEQ_KEY)?;
        Ok(text
            .and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok())
            .unwrap_or(0))
    }
}
