//! Writing a cache anew, row by row: a dense file, with the compression asked for.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};

use super::compression::{self, Dictionaries};
use super::entry::{self, Codec, DICTIONARIES, Entry, OWN_TABLES};
use super::facts::{LIMITS_KEY, Limits};
use super::ledger::Ledger;
use super::observe::observe;
use super::view::View;
use super::{Table, training};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{Snapshot, TableInfo, ValueKind, ValueRef};

/// What becomes of the compression of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recompress {
    /// Every row stays as it is.
    Keep,
    /// Rows are stored plain, as do-memory reads them.
    Off,
    /// Rows are compressed at that level, with a newly trained dictionary.
    Level(u8),
}

/// Whether every table is of a kind that can be written anew row by row.
#[must_use]
pub fn can_rewrite(tables: &[TableInfo]) -> bool {
    tables.iter().all(|table| {
        !matches!(table.kind, ValueKind::Multimap | ValueKind::Other) || is_own(&table.name)
    })
}

/// Writes all of `view` into `to`, which is empty.
///
/// `step` is called with the number of rows after each few of them, and may stop the work.
///
/// # Errors
/// When a row cannot be read, inflated or written, and what `step` returns.
pub fn rewrite(
    snapshot: &Snapshot,
    view: &View,
    to: &Database,
    how: Recompress,
    now_ms: i64,
    step: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let limits: Option<Limits> = view.fact(LIMITS_KEY)?;
    let old = Dictionaries::load(view.transaction(), 0)?;
    let trained = match how {
        Recompress::Level(_) => compression::train(&training::samples(view, &old)?),
        Recompress::Keep | Recompress::Off => None,
    };
    let mut new = Dictionaries::default();
    let next_id = old.newest().unwrap_or(0).saturating_add(1);
    if let (Some(bytes), Recompress::Level(level)) = (&trained, how) {
        new.add(next_id, bytes, level);
    }
    let txn = to.begin_write()?;
    let mut writer = Writer {
        view,
        old,
        new,
        how,
        now_ms,
        ttl_seconds: limits.and_then(|limits| limits.ttl_seconds),
        needed: BTreeSet::new(),
        step,
        since_step: 0,
    };
    let mut ledger = Ledger::open(&txn)?;
    // In the order of their numbers, so that entries are appended and never inserted.
    let mut records: Vec<Table> = Table::ALL
        .into_iter()
        .filter(|table| table.holds_records())
        .collect();
    records.sort_by_key(|table| table.id());
    for table in records {
        writer.copy_records(&mut ledger, table)?;
    }
    ledger.finish()?;
    for table in snapshot.tables()? {
        let is_record = Table::from_name(&table.name).is_some_and(Table::holds_records);
        if !is_record && !is_own(&table.name) {
            copy_table(snapshot, &txn, &table, &mut |_, _| writer.tick())?;
        }
    }
    let needed = std::mem::take(&mut writer.needed);
    copy_dictionaries(view, &txn, &needed)?;
    if let Some(bytes) = trained {
        txn.open_table(DICTIONARIES)?
            .insert(next_id, bytes.as_slice())?;
    }
    txn.commit()?;
    Ok(())
}

struct Writer<'a> {
    view: &'a View,
    old: Dictionaries,
    new: Dictionaries,
    how: Recompress,
    now_ms: i64,
    /// The time to live that the cache has recorded, for rows of which nothing else is.
    ttl_seconds: Option<u64>,
    /// Old dictionaries that a row written still refers to.
    needed: BTreeSet<u32>,
    step: &'a mut dyn FnMut(u64) -> Result<()>,
    since_step: u64,
}

/// Rows between two calls of `step`.
const STEP: u64 = 256;

impl Writer<'_> {
    fn copy_records(&mut self, ledger: &mut Ledger<'_>, table: Table) -> Result<()> {
        let Some(rows) = self.view.rows(table)? else {
            return Ok(());
        };
        ledger.make(table)?;
        for row in rows.iter()? {
            let (key, stored) = row?;
            let (key, stored) = (key.value(), stored.value());
            let recorded = self
                .view
                .entry(table, key)?
                .filter(|entry| entry.describes(stored));
            let (bytes, entry) = self.recoded(table, key, stored, recorded)?;
            ledger.put_plain(table, key, bytes.as_deref().unwrap_or(stored))?;
            if let Some(entry) = entry {
                if let Codec::ZstdDictionary(id) = entry.codec
                    && bytes.is_none()
                {
                    self.needed.insert(id);
                }
                ledger.record(table, key, &entry)?;
            }
            self.tick()?;
        }
        Ok(())
    }

    /// The bytes to store instead of `stored`, if others, and what to record of them. A row of
    /// which nothing was recorded stays so while it stays plain.
    fn recoded(
        &self,
        table: Table,
        key: &str,
        stored: &[u8],
        recorded: Option<Entry>,
    ) -> Result<(Option<Vec<u8>>, Option<Entry>)> {
        let level = match self.how {
            Recompress::Keep => return Ok((None, recorded)),
            Recompress::Off => None,
            Recompress::Level(level) => Some(level).filter(|_| table.expires()),
        };
        let raw = match recorded {
            Some(entry) if entry.codec != Codec::Plain => {
                Some(self.old.inflate(entry.codec, stored, entry.raw_len)?)
            }
            _ => None,
        };
        let plain = raw.as_deref().unwrap_or(stored);
        let (codec, smaller) = match level {
            Some(level) => self.new.compress(plain, level)?,
            None => (Codec::Plain, None),
        };
        let raw_len = plain.len() as u64;
        let bytes = smaller.or(raw);
        if bytes.is_none() {
            return Ok((None, recorded));
        }
        let entry = match recorded {
            Some(entry) => entry,
            None => self.observed(table, key, stored)?,
        };
        let now_stored = bytes.as_deref().unwrap_or(stored);
        let entry = Entry {
            stored_len: now_stored.len() as u64,
            raw_len,
            codec,
            digest: entry::digest(now_stored),
            ..entry
        };
        Ok((bytes, Some(entry)))
    }

    fn observed(&self, table: Table, key: &str, stored: &[u8]) -> Result<Entry> {
        let entry = observe(self.view, table, key, stored, self.now_ms)?;
        Ok(entry.expiring_after(self.ttl_seconds.filter(|_| table.expires())))
    }

    fn tick(&mut self) -> Result<()> {
        self.since_step += 1;
        if self.since_step == STEP {
            self.since_step = 0;
            (self.step)(STEP)?;
        }
        Ok(())
    }
}

/// Copies a table that holds no records into `txn`, and passes each row to `seen`.
///
/// # Errors
/// When a row cannot be read or written, what `seen` returns, and [`ErrorKind::Failed`] for a table
/// whose rows only their owner can read.
pub fn copy_table(
    from: &Snapshot,
    txn: &WriteTransaction,
    table: &TableInfo,
    seen: &mut dyn FnMut(&str, ValueRef<'_>) -> Result<()>,
) -> Result<()> {
    let mut copy = TableCopy {
        from,
        txn,
        name: &table.name,
        seen,
    };
    match table.kind {
        ValueKind::Bytes => copy.rows::<&[u8]>(|value| match value {
            ValueRef::Bytes(bytes) => Some(bytes),
            _ => None,
        }),
        ValueKind::Text => copy.rows::<&str>(|value| match value {
            ValueRef::Text(text) => Some(text),
            _ => None,
        }),
        ValueKind::U64 => copy.rows::<u64>(|value| match value {
            ValueRef::U64(number) => Some(number),
            _ => None,
        }),
        ValueKind::I64 => copy.rows::<i64>(|value| match value {
            ValueRef::I64(number) => Some(number),
            _ => None,
        }),
        ValueKind::Multimap | ValueKind::Other => Err(Error::new(
            ErrorKind::Failed,
            format!("the table {:?} cannot be written row by row", table.name),
        )),
    }
}

struct TableCopy<'a> {
    from: &'a Snapshot,
    txn: &'a WriteTransaction,
    name: &'a str,
    seen: &'a mut dyn FnMut(&str, ValueRef<'_>) -> Result<()>,
}

impl TableCopy<'_> {
    /// Copies each row whose value is the one that `pick` finds in it.
    fn rows<V: redb::Value + 'static>(
        &mut self,
        pick: for<'v> fn(ValueRef<'v>) -> Option<V::SelfType<'v>>,
    ) -> Result<()> {
        let mut to = self
            .txn
            .open_table(TableDefinition::<&str, V>::new(self.name))?;
        self.from.scan(self.name, None, &mut |key, value| {
            if let Some(value) = pick(value) {
                to.insert(key, value)?;
            }
            (self.seen)(key, value)?;
            Ok(ControlFlow::Continue(()))
        })
    }
}

fn copy_dictionaries(view: &View, txn: &WriteTransaction, needed: &BTreeSet<u32>) -> Result<()> {
    let mut to = txn.open_table(DICTIONARIES)?;
    if needed.is_empty() {
        return Ok(());
    }
    let from = view.transaction().open_table(DICTIONARIES)?;
    for id in needed {
        let bytes = from.get(id)?.ok_or_else(|| {
            Error::new(
                ErrorKind::Damaged,
                format!("the compression dictionary {id} is missing"),
            )
        })?;
        to.insert(id, bytes.value())?;
    }
    Ok(())
}

/// Whether the table of that name is one of ours.
#[must_use]
pub fn is_own(table: &str) -> bool {
    OWN_TABLES.contains(&table)
}
