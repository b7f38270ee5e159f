//! Writing what was found into a new cache.

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use crate::cache::entry::{DICTIONARIES, ENTRIES, Entry};
use crate::cache::ledger::Ledger;
use crate::cache::{Table, rewrite};
use crate::error::Result;
use crate::file::{Commit, FoundRow, Remains, ValueKind};

type Rows<'t, V> = redb::Table<'t, &'static str, V>;

/// One table, of whichever kind its rows can be read.
enum Open<'t> {
    Bytes(Rows<'t, &'static [u8]>),
    Text(Rows<'t, &'static str>),
    U64(Rows<'t, u64>),
    I64(Rows<'t, i64>),
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Done,
    /// Another row has the key, of a page that more is known of.
    Taken,
    /// Its key or value is not of the type of the table.
    Misfit,
}

/// Writes rows, those of one table after another.
pub(super) struct Writer<'t> {
    txn: &'t WriteTransaction,
    open: Option<(String, Open<'t>)>,
}

impl<'t> Writer<'t> {
    pub(super) const fn new(txn: &'t WriteTransaction) -> Self {
        Self { txn, open: None }
    }

    /// Makes a table, which may stay empty. Nothing where its rows cannot be written.
    pub(super) fn make(&mut self, name: &str, kind: ValueKind) -> Result<()> {
        if !matches!(&self.open, Some((open, _)) if open == name) {
            // One that is open cannot be opened again.
            self.open = None;
            self.open = Open::new(self.txn, name, kind)?.map(|open| (name.to_owned(), open));
        }
        Ok(())
    }

    pub(super) fn put(&mut self, row: &FoundRow<'_>) -> Result<Put> {
        self.make(&row.table.name, row.table.kind)?;
        match (&mut self.open, str::from_utf8(row.key)) {
            (Some((_, table)), Ok(key)) => table.put(key, row.value),
            _ => Ok(Put::Misfit),
        }
    }
}

impl<'t> Open<'t> {
    fn new(txn: &'t WriteTransaction, name: &str, kind: ValueKind) -> Result<Option<Self>> {
        fn open<'t, V: redb::Value + 'static>(
            txn: &'t WriteTransaction,
            name: &str,
        ) -> Result<Rows<'t, V>> {
            Ok(txn.open_table(TableDefinition::<&str, V>::new(name))?)
        }
        Ok(Some(match kind {
            ValueKind::Bytes => Self::Bytes(open(txn, name)?),
            ValueKind::Text => Self::Text(open(txn, name)?),
            ValueKind::U64 => Self::U64(open(txn, name)?),
            ValueKind::I64 => Self::I64(open(txn, name)?),
            ValueKind::Multimap | ValueKind::Other => return Ok(None),
        }))
    }

    fn put(&mut self, key: &str, value: &[u8]) -> Result<Put> {
        match self {
            Self::Bytes(table) => insert(table, key, Some(value)),
            Self::Text(table) => insert(table, key, str::from_utf8(value).ok()),
            Self::U64(table) => insert(table, key, number(value).map(u64::from_le_bytes)),
            Self::I64(table) => insert(table, key, number(value).map(i64::from_le_bytes)),
        }
    }
}

fn number(value: &[u8]) -> Option<[u8; 8]> {
    value.try_into().ok()
}

fn insert<V: redb::Value + 'static>(
    table: &mut Rows<'_, V>,
    key: &str,
    value: Option<V::SelfType<'_>>,
) -> Result<Put> {
    let Some(value) = value else {
        return Ok(Put::Misfit);
    };
    if table.get(key)?.is_some() {
        return Ok(Put::Taken);
    }
    table.insert(key, value)?;
    Ok(Put::Done)
}

/// Copies what our engine has recorded about the rows that are there, and what it needs to inflate
/// them; the rest of its tables follows from that.
pub(super) fn own(remains: &Remains, commit: &Commit, txn: &WriteTransaction) -> Result<()> {
    let mut ledger = Ledger::open(txn)?;
    let mut dictionaries = txn.open_table(DICTIONARIES)?;
    let entries = redb::TableHandle::name(&ENTRIES).to_owned();
    let ids = redb::TableHandle::name(&DICTIONARIES).to_owned();
    remains.read(commit, &mut |row| {
        if !row.is_whole {
            return Ok(());
        }
        if row.table.name == ids
            && let Ok(id) = <[u8; 4]>::try_from(row.key)
        {
            dictionaries.insert(u32::from_le_bytes(id), row.value)?;
        }
        if row.table.name == entries
            && let Some((table, key, entry)) = recorded(&row)
            && ledger
                .stored(table, key)?
                .is_some_and(|stored| entry.describes(&stored))
        {
            ledger.record(table, key, &entry)?;
        }
        Ok(())
    })?;
    ledger.finish()
}

fn recorded<'a>(row: &FoundRow<'a>) -> Option<(Table, &'a str, Entry)> {
    let (table, key) = row.key.split_first()?;
    let table = Table::from_id(*table).filter(|table| table.holds_records())?;
    let entry = Entry::decode(row.value).ok()?;
    Some((table, str::from_utf8(key).ok()?, entry))
}

/// Whether the rows of a table are copied one by one.
pub(super) fn is_copied(name: &str, kind: ValueKind) -> bool {
    !rewrite::is_own(name) && !matches!(kind, ValueKind::Multimap | ValueKind::Other)
}
