//! Writing many rows of one redb table at once.

use std::collections::BTreeMap;
use std::ops::Bound;

use redb::{Key, ReadableTable, Table, Value, WriteTransaction};

use super::ledger::bytes_table;
use crate::error::Result;

/// Changes that may wait in an [`Order`].
const MANY: usize = 1 << 16;

/// Appends `pairs`, which ascend and come after every key that `until` admits. Their pages become
/// full, where inserting them one by one would leave every page half empty.
pub(super) fn append<'p, K: Key + 'static, V: Value + 'static>(
    table: &mut Table<'_, K, V>,
    until: Bound<K::SelfType<'p>>,
    pairs: impl Iterator<Item = (K::SelfType<'p>, V::SelfType<'p>)>,
) -> Result<()> {
    let mut pairs = pairs.peekable();
    if pairs.peek().is_none() {
        return Ok(());
    }
    let mut cursor = table.upper_bound_mut(until)?;
    for (key, value) in pairs {
        cursor.insert_before(key, value)?;
    }
    Ok(cursor.close()?)
}

/// Bytes that may wait in a [`Loader`].
const WAITING_BYTES: usize = 1 << 16;

/// Fills an empty table with rows that come in the order of their keys.
pub struct Loader<'txn> {
    rows: Table<'txn, &'static str, &'static [u8]>,
    waiting: Vec<(String, Vec<u8>)>,
    bytes: usize,
}

impl<'txn> Loader<'txn> {
    /// Makes the table.
    ///
    /// # Errors
    /// When redb fails, or the table is of another type.
    pub fn new(txn: &'txn WriteTransaction, table: &str) -> Result<Self> {
        Ok(Self {
            rows: txn.open_table(bytes_table(table))?,
            waiting: Vec::new(),
            bytes: 0,
        })
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// When redb fails, or an earlier row has a greater key.
    pub fn put(&mut self, key: &str, value: Vec<u8>) -> Result<()> {
        self.bytes = self.bytes.saturating_add(key.len() + value.len());
        self.waiting.push((key.to_owned(), value));
        if self.bytes >= WAITING_BYTES || self.waiting.len() >= MANY {
            self.write()?;
        }
        Ok(())
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// As [`Loader::put`].
    pub fn finish(mut self) -> Result<()> {
        self.write()
    }

    fn write(&mut self) -> Result<()> {
        self.bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let rows = waiting
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()));
        append(&mut self.rows, Bound::Unbounded, rows)
    }
}

/// A set of keys, changed in their order when [`Order::write`] is called, or when many changes
/// wait. Nobody reads it in between.
pub(super) struct Order<'txn> {
    keys: Table<'txn, &'static [u8], ()>,
    /// Whether a key is to be there.
    changes: BTreeMap<Vec<u8>, bool>,
}

impl<'txn> Order<'txn> {
    pub(super) const fn new(keys: Table<'txn, &'static [u8], ()>) -> Self {
        Self {
            keys,
            changes: BTreeMap::new(),
        }
    }

    /// Replaces a key by another.
    pub(super) fn exchange(&mut self, old: Option<Vec<u8>>, new: Option<Vec<u8>>) -> Result<()> {
        if old == new {
            return Ok(());
        }
        if let Some(old) = old {
            self.changes.insert(old, false);
        }
        if let Some(new) = new {
            self.changes.insert(new, true);
        }
        if self.changes.len() >= MANY {
            self.write()?;
        }
        Ok(())
    }

    /// Drops the keys that are not wanted.
    pub(super) fn retain(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<()> {
        self.write()?;
        Ok(self.keys.retain(|key, ()| wanted(key))?)
    }

    /// Makes the changes that wait.
    pub(super) fn write(&mut self) -> Result<()> {
        let changes = std::mem::take(&mut self.changes);
        let (new, gone): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, there)| *there);
        for (key, _) in gone {
            self.keys.remove(key.as_slice())?;
        }
        let last = self.keys.last()?.map(|(key, _)| key.value().to_vec());
        let later = new.partition_point(|(key, _)| Some(key) <= last.as_ref());
        let (between, later) = new.split_at_checked(later).unwrap_or_default();
        for (key, _) in between {
            self.keys.insert(key.as_slice(), ())?;
        }
        let later = later.iter().map(|(key, _)| (key.as_slice(), ()));
        append(&mut self.keys, Bound::Unbounded, later)
    }
}
