//! What a cache holds, in a form that two of them can be compared by.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use xxhash_rust::xxh3::Xxh3Default;

use super::Table;
use super::compression::Dictionaries;
use super::entry::Codec;
use super::rewrite::is_own;
use super::view::View;
use crate::error::Result;
use crate::file::{Snapshot, TableInfo, ValueKind, ValueRef};

/// Rows and a digest over their keys and inflated values, for each table whose rows can be read;
/// for another table its rows and stored bytes. Two caches with equal contents hold the same.
pub type Contents = BTreeMap<String, (u64, u128)>;

/// Reads everything once and sums it up, to compare two caches.
///
/// # Errors
/// When a row cannot be read or inflated.
pub fn of(snapshot: &Snapshot, view: &View) -> Result<Contents> {
    let dictionaries = Dictionaries::load(view.transaction(), 0)?;
    let mut contents = Contents::new();
    for table in snapshot.tables()? {
        if is_own(&table.name) {
            continue;
        }
        let records = Table::from_name(&table.name).filter(|table| table.holds_records());
        let content = match records {
            Some(of) if table.kind == ValueKind::Bytes => {
                of_records(snapshot, view, &dictionaries, of)?
            }
            _ => of_table(snapshot, &table)?,
        };
        contents.insert(table.name, content);
    }
    Ok(contents)
}

/// The [`Contents`] of one table that holds no records.
///
/// # Errors
/// When a row cannot be read.
pub fn of_table(snapshot: &Snapshot, table: &TableInfo) -> Result<(u64, u128)> {
    if matches!(table.kind, ValueKind::Multimap | ValueKind::Other) {
        let bytes = snapshot.measure(&table.name)?.stored_bytes;
        return Ok((table.rows, u128::from(bytes)));
    }
    let mut digest = Digest::default();
    snapshot.scan(&table.name, None, &mut |key, value| {
        digest.add(key, value);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(digest.finish())
}

fn of_records(
    snapshot: &Snapshot,
    view: &View,
    dictionaries: &Dictionaries,
    table: Table,
) -> Result<(u64, u128)> {
    let mut digest = Digest::default();
    snapshot.scan(table.name(), None, &mut |key, value| {
        let ValueRef::Bytes(stored) = value else {
            return Ok(ControlFlow::Continue(()));
        };
        let recorded = view.entry(table, key)?;
        match recorded.filter(|entry| entry.describes(stored)) {
            Some(entry) if entry.codec != Codec::Plain => {
                let raw = dictionaries.inflate(entry.codec, stored, entry.raw_len)?;
                digest.add(key, ValueRef::Bytes(&raw));
            }
            _ => digest.add(key, value),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(digest.finish())
}

/// The [`Contents`] of one of do-memory's tables as a transaction leaves it. Rows must not be
/// compressed.
///
/// # Errors
/// When a row cannot be read.
pub fn of_written(txn: &WriteTransaction, table: Table) -> Result<(u64, u128)> {
    fn sum<V: redb::Value + 'static>(
        txn: &WriteTransaction,
        table: Table,
        add: fn(&mut Digest, &str, V::SelfType<'_>),
    ) -> Result<(u64, u128)> {
        let mut digest = Digest::default();
        let definition = TableDefinition::<&str, V>::new(table.name());
        for row in txn.open_table(definition)?.iter()? {
            let (key, stored) = row?;
            add(&mut digest, key.value(), stored.value());
        }
        Ok(digest.finish())
    }
    match table {
        Table::SchemaVersion => sum::<u64>(txn, table, |digest, key, value| {
            digest.add(key, ValueRef::U64(value))
        }),
        Table::EpisodeRevisions => sum::<i64>(txn, table, |digest, key, value| {
            digest.add(key, ValueRef::I64(value))
        }),
        Table::RecommendationEpisodeIndex => sum::<&str>(txn, table, |digest, key, value| {
            digest.add(key, ValueRef::Text(value))
        }),
        _ => sum::<&[u8]>(txn, table, |digest, key, value| {
            digest.add(key, ValueRef::Bytes(value))
        }),
    }
}

/// Sums up the rows of one table, in the order of their keys.
#[derive(Default)]
pub struct Digest {
    hasher: Xxh3Default,
    rows: u64,
}

impl Digest {
    /// Adds a row.
    pub fn add(&mut self, key: &str, value: ValueRef<'_>) {
        self.rows = self.rows.saturating_add(1);
        self.field(key.as_bytes());
        match value {
            ValueRef::Bytes(bytes) => self.field(bytes),
            ValueRef::Text(text) => self.field(text.as_bytes()),
            ValueRef::U64(number) => self.hasher.update(&number.to_le_bytes()),
            ValueRef::I64(number) => self.hasher.update(&number.to_le_bytes()),
        }
    }

    /// How many rows there were, and their digest.
    #[must_use]
    pub fn finish(self) -> (u64, u128) {
        (self.rows, self.hasher.digest128())
    }

    /// With its length before it, so that no two sequences of fields read alike.
    fn field(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }
}
