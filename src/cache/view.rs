//! The read side: one consistent state of the cache.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, TableError};

use super::Table;
use super::entry::{
    BY_ACCESS, BY_EXPIRY, ENTRIES, Entry, TOTALS, Totals, expiry_key, parse_access_key,
    parse_expiry_key, row_key,
};
use super::facts::{self, ACTIVITY_KEY, Activity, REVISION_SEQ_KEY};
use super::ledger::{REVISIONS, bytes_table};
use super::overlay::Space;
use crate::error::Result;

type Rows = ReadOnlyTable<&'static str, &'static [u8]>;
type Keys = ReadOnlyTable<&'static [u8], ()>;

/// A read transaction whose tables are opened once, when first needed. A table that the file does
/// not have reads as empty.
pub struct View {
    txn: Arc<ReadTransaction>,
    rows: [OnceLock<Option<Rows>>; Table::ALL.len()],
    entries: OnceLock<Option<ReadOnlyTable<&'static [u8], &'static [u8]>>>,
    taken: Instant,
}

impl View {
    /// The state that `txn` sees.
    #[must_use]
    pub fn new(txn: impl Into<Arc<ReadTransaction>>) -> Self {
        Self {
            txn: txn.into(),
            rows: std::array::from_fn(|_| OnceLock::new()),
            entries: OnceLock::new(),
            taken: Instant::now(),
        }
    }

    /// The time since this state was the newest.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.taken.elapsed()
    }

    /// When this state was the newest.
    #[must_use]
    pub const fn taken(&self) -> Instant {
        self.taken
    }

    /// The transaction itself, for tables that are not do-memory's.
    #[must_use]
    pub fn transaction(&self) -> &ReadTransaction {
        &self.txn
    }

    /// The rows of a table of bytes; `None` when the file has no such table.
    ///
    /// # Errors
    /// When redb fails or the table is of another type.
    pub fn rows(&self, table: Table) -> Result<Option<&Rows>> {
        let Some(cell) = self.rows.get(usize::from(table.id()).saturating_sub(1)) else {
            return Ok(None);
        };
        open_once(cell, || self.txn.open_table(bytes_table(table.name())))
    }

    /// Passes the stored bytes of a row to `read`.
    ///
    /// # Errors
    /// When redb fails.
    pub fn row<T>(
        &self,
        table: Table,
        key: &str,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>> {
        match self.rows(table)? {
            Some(rows) => Ok(rows.get(key)?.map(|row| read(row.value()))),
            None => Ok(None),
        }
    }

    /// The bytes of a row of which nothing is recorded; `None` when the table or the row is missing.
    ///
    /// # Errors
    /// When redb fails, or the table's values are not bytes.
    pub(super) fn plain_row(&self, space: &Space, key: &str) -> Result<Option<Vec<u8>>> {
        match space {
            Space::Known(table) => self.row(*table, key, <[u8]>::to_vec),
            Space::User(name) => self.user_row(name, key),
        }
    }

    /// The bytes of a row in a table of the user's; `None` when the table or the row is missing.
    ///
    /// # Errors
    /// When redb fails, or the table's values are not bytes.
    fn user_row(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>> {
        match found(self.txn.open_table(bytes_table(table)))? {
            Some(rows) => Ok(rows.get(key)?.map(|row| row.value().to_vec())),
            None => Ok(None),
        }
    }

    /// How many rows a table has.
    ///
    /// # Errors
    /// When redb fails.
    pub fn len(&self, table: Table) -> Result<u64> {
        match self.rows(table)? {
            Some(rows) => Ok(rows.len()?),
            None => Ok(0),
        }
    }

    /// What is recorded about a row.
    ///
    /// # Errors
    /// When redb fails, or the entry is of an unknown layout.
    pub fn entry(&self, table: Table, key: &str) -> Result<Option<Entry>> {
        let Some(entries) = self.entries()? else {
            return Ok(None);
        };
        match entries.get(row_key(table, key).as_slice())? {
            Some(bytes) => Entry::decode(bytes.value()).map(Some),
            None => Ok(None),
        }
    }

    /// All entries.
    ///
    /// # Errors
    /// When redb fails.
    pub fn entries(&self) -> Result<Option<&ReadOnlyTable<&'static [u8], &'static [u8]>>> {
        open_once(&self.entries, || self.txn.open_table(ENTRIES))
    }

    /// The recorded sums over the rows of a table. They count only rows that have an entry.
    ///
    /// # Errors
    /// When redb fails, or they are of an unknown layout.
    pub fn totals(&self, table: Table) -> Result<Totals> {
        let Some(totals) = found(self.txn.open_table(TOTALS))? else {
            return Ok(Totals::default());
        };
        match totals.get(table.name())? {
            Some(bytes) => Totals::decode(bytes.value()),
            None => Ok(Totals::default()),
        }
    }

    /// Whether what is recorded of a table is of its present rows: as many, and no revision of an
    /// episode was given out by another program since our last commit.
    ///
    /// # Errors
    /// When redb fails, or what is recorded is of an unknown layout.
    pub fn records_agree(&self, table: Table) -> Result<bool> {
        let rows = self.len(table)?;
        if self.totals(table)?.rows != rows {
            return Ok(false);
        }
        if table != Table::Episodes || rows == 0 {
            return Ok(true);
        }
        let ours: Option<Activity> = self.fact(ACTIVITY_KEY)?;
        let theirs: Option<i64> = self.fact(REVISION_SEQ_KEY)?;
        Ok(ours.map_or(0, |activity| activity.revision) == theirs.unwrap_or(0))
    }

    /// How many rows are recorded as expired at `now_ms`.
    ///
    /// # Errors
    /// When redb fails.
    pub fn count_expired(&self, now_ms: i64) -> Result<u64> {
        let Some(keys) = found(self.txn.open_table(BY_EXPIRY))? else {
            return Ok(0);
        };
        // Keys begin with the time, and no table has the number 0: all before this one are over.
        let end = expiry_key(now_ms.saturating_add(1), Table::Episodes, "");
        let mut count = 0;
        for key in keys.range::<&[u8]>(..end.as_slice())? {
            key?;
            count += 1;
        }
        Ok(count)
    }

    /// Up to `limit` episodes, least recently used first, from the first one after `after`.
    ///
    /// # Errors
    /// When redb fails.
    pub fn least_recent(&self, after: Option<&[u8]>, limit: usize) -> Result<Vec<(u64, String)>> {
        self.keys(BY_ACCESS, after, limit, |bytes| {
            parse_access_key(bytes).map(|(at, key)| (at, key.to_owned()))
        })
    }

    /// Up to `limit` rows whose time is over at `now_ms`, those that expired first first.
    ///
    /// # Errors
    /// When redb fails.
    pub fn expired(
        &self,
        now_ms: i64,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(i64, Table, String)>> {
        let mut found = self.keys(BY_EXPIRY, after, limit, |bytes| {
            parse_expiry_key(bytes).map(|(at, table, key)| (at, table, key.to_owned()))
        })?;
        found.retain(|(at, _, _)| *at <= now_ms);
        Ok(found)
    }

    /// The greatest access stamp that was given out.
    ///
    /// # Errors
    /// When redb fails.
    pub fn last_access(&self) -> Result<u64> {
        let Some(keys) = found(self.txn.open_table(BY_ACCESS))? else {
            return Ok(0);
        };
        let last = keys.last()?;
        Ok(last
            .and_then(|(key, _)| parse_access_key(key.value()).map(|(at, _)| at))
            .unwrap_or(0))
    }

    /// The modification time of an episode, in milliseconds since the epoch.
    ///
    /// # Errors
    /// When redb fails.
    pub fn revision(&self, episode: &str) -> Result<Option<i64>> {
        match found(self.txn.open_table(REVISIONS))? {
            Some(table) => Ok(table.get(episode)?.map(|row| row.value())),
            None => Ok(None),
        }
    }

    /// A fact about the whole cache; `None` when it is not recorded, or not legible.
    ///
    /// # Errors
    /// When redb fails.
    pub fn fact<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        Ok(self.row(Table::Metadata, key, facts::decode)?.flatten())
    }

    fn keys<T>(
        &self,
        definition: redb::TableDefinition<&'static [u8], ()>,
        after: Option<&[u8]>,
        limit: usize,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>> {
        let Some(keys): Option<Keys> = found(self.txn.open_table(definition))? else {
            return Ok(Vec::new());
        };
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = keys.range::<&[u8]>((from, std::ops::Bound::Unbounded))?;
        let mut out = Vec::new();
        for row in range.take(limit) {
            out.extend(parse(row?.0.value()));
        }
        Ok(out)
    }
}

/// `None` for a table that does not exist.
fn found<T>(opened: Result<T, TableError>) -> Result<Option<T>> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn open_once<T>(
    cell: &OnceLock<Option<T>>,
    open: impl FnOnce() -> Result<T, TableError>,
) -> Result<Option<&T>> {
    if let Some(opened) = cell.get() {
        return Ok(opened.as_ref());
    }
    let opened = found(open())?;
    Ok(cell.get_or_init(|| opened).as_ref())
}
