//! Tables and rows, the same whichever release of redb reads them.

use std::ops::ControlFlow;

use crate::error::{Error, ErrorKind, Result};

/// Tables that a file may have. Each is told, carried along and read back, and no release of
/// do-memory makes more than twenty.
pub const MAX_TABLES: usize = 10_000;

/// What the values of a table are. Keys are strings wherever values can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// `&str` -> `&[u8]`.
    Bytes,
    /// `&str` -> `&str`.
    Text,
    /// `&str` -> `u64`.
    U64,
    /// `&str` -> `i64`.
    I64,
    /// Several values a key.
    Multimap,
    /// Key or value of some other type. The rows can be counted, not read.
    Other,
}

/// A table of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ValueKind,
    /// How many rows it has.
    pub rows: u64,
}

/// A borrowed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// Of a [`ValueKind::Bytes`] table.
    Bytes(&'a [u8]),
    /// Of a [`ValueKind::Text`] table.
    Text(&'a str),
    /// Of a [`ValueKind::U64`] table.
    U64(u64),
    /// Of a [`ValueKind::I64`] table.
    I64(i64),
}

impl ValueRef<'_> {
    /// A copy that outlives the snapshot.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Bytes(bytes) => Value::Bytes(bytes.to_owned()),
            Self::Text(text) => Value::Text(text.to_owned()),
            Self::U64(number) => Value::U64(number),
            Self::I64(number) => Value::I64(number),
        }
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of a [`ValueKind::Bytes`] table.
    Bytes(Vec<u8>),
    /// Of a [`ValueKind::Text`] table.
    Text(String),
    /// Of a [`ValueKind::U64`] table.
    U64(u64),
    /// Of a [`ValueKind::I64`] table.
    I64(i64),
}

/// The pages of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageUse {
    /// Bytes of keys and values.
    pub stored_bytes: u64,
    /// Bytes of the tree itself.
    pub metadata_bytes: u64,
    /// Bytes of its pages that hold nothing.
    pub fragmented_bytes: u64,
    /// Pages with rows.
    pub leaf_pages: u64,
    /// Pages above those.
    pub branch_pages: u64,
    /// Steps from the root to a row.
    pub tree_height: u32,
}

impl PageUse {
    /// Bytes of the pages.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.stored_bytes
            .saturating_add(self.metadata_bytes)
            .saturating_add(self.fragmented_bytes)
    }
}

/// Lists one table more.
///
/// # Errors
/// [`ErrorKind::UnknownLayout`] when there are too many.
pub(super) fn add(tables: &mut Vec<TableInfo>, table: TableInfo) -> Result<()> {
    tables.push(table);
    require_few(tables.len())
}

/// Refuses a file of so many tables, where they are too many.
///
/// # Errors
/// [`ErrorKind::UnknownLayout`].
pub(crate) fn require_few(tables: usize) -> Result<()> {
    if tables <= MAX_TABLES {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::UnknownLayout,
        format!("the file has more than {MAX_TABLES} tables, as no cache of do-memory's has"),
    )
    .help("see that --cache names an agent's cache"))
}

/// What a scan calls for each row.
pub(super) type Visit<'a> = dyn FnMut(&str, ValueRef<'_>) -> Result<ControlFlow<()>> + 'a;

/// One commit's tables.
pub(super) trait Tables {
    /// Every table in the order of their names, multimap tables last.
    fn list(&self) -> Result<Vec<TableInfo>>;
    fn info(&self, table: &str) -> Result<Option<TableInfo>>;
    fn get(&self, table: &str, key: &str) -> Result<Option<Value>>;
    fn scan(&self, table: &str, from: Option<&str>, visit: &mut Visit<'_>) -> Result<()>;
    fn measure(&self, table: &str) -> Result<PageUse>;

    /// [`scan`](Self::scan) of all rows of a small table, and of a large one of so many that they
    /// tell about the others.
    #[cfg(feature = "cli")]
    fn sample(&self, table: &str, visit: &mut Visit<'_>) -> Result<()> {
        let mut rows = 0u64;
        self.scan(table, None, &mut |key, value| {
            rows += 1;
            match rows <= SAMPLE_FIRST || rows.is_multiple_of(SAMPLE_ONE_IN) {
                true => visit(key, value),
                false => Ok(ControlFlow::Continue(())),
            }
        })
    }
}

/// A sample has at least so many rows, where there are so many.
#[cfg(feature = "cli")]
pub(super) const SAMPLE_FIRST: u64 = 1 << 12;
/// Of the rows after those, or of their pages, it has one in so many.
#[cfg(feature = "cli")]
pub(super) const SAMPLE_ONE_IN: u64 = 16;

/// About how many rows a sample of so many has.
#[cfg(feature = "cli")]
#[must_use]
pub fn sample_size(rows: u64) -> u64 {
    rows.min(SAMPLE_FIRST) + rows.saturating_sub(SAMPLE_FIRST) / SAMPLE_ONE_IN
}

/// Implements [`Tables`] for a read transaction of the release of redb in scope as `engine`.
macro_rules! tables_of_engine {
    ($name:ident) => {
        use std::ops::{Bound, ControlFlow};

        use engine::{
            MultimapTableDefinition, MultimapTableHandle, ReadOnlyTable, ReadTransaction,
            ReadableTable, ReadableTableMetadata, TableDefinition, TableError, TableHandle,
        };

        use $crate::error::{Error, ErrorKind, Result};
        use $crate::file::tables::{
            PageUse, TableInfo, Tables, Value, ValueKind, ValueRef, Visit, add,
        };

        impl Tables for $name {
            fn list(&self) -> Result<Vec<TableInfo>> {
                let transaction = self.transaction();
                let mut tables = Vec::new();
                for handle in transaction.list_tables()? {
                    let name = handle.name();
                    let info = TableInfo {
                        name: name.to_owned(),
                        kind: kind_of(transaction, name)?.unwrap_or(ValueKind::Other),
                        rows: transaction.open_untyped_table(handle)?.len()?,
                    };
                    add(&mut tables, info)?;
                }
                for handle in transaction.list_multimap_tables()? {
                    let info = TableInfo {
                        name: handle.name().to_owned(),
                        kind: ValueKind::Multimap,
                        rows: transaction.open_untyped_multimap_table(handle)?.len()?,
                    };
                    add(&mut tables, info)?;
                }
                Ok(tables)
            }

            fn info(&self, table: &str) -> Result<Option<TableInfo>> {
                let transaction = self.transaction();
                let Some(kind) = kind_of(transaction, table)? else {
                    return Ok(None);
                };
                let rows = match kind {
                    ValueKind::Multimap => transaction
                        .open_untyped_multimap_table(multimap_of(table))?
                        .len()?,
                    _ => transaction.open_untyped_table(table_of(table))?.len()?,
                };
                let name = table.to_owned();
                Ok(Some(TableInfo { name, kind, rows }))
            }

            fn get(&self, table: &str, key: &str) -> Result<Option<Value>> {
                let mut found = None;
                self.scan(table, Some(key), &mut |at, value| {
                    found = (at == key).then(|| value.to_value());
                    Ok(ControlFlow::Break(()))
                })?;
                Ok(found)
            }

            fn scan(&self, table: &str, from: Option<&str>, visit: &mut Visit<'_>) -> Result<()> {
                let transaction = self.transaction();
                match kind_of(transaction, table)? {
                    None => Ok(()),
                    Some(ValueKind::Bytes) => rows::<&[u8]>(transaction, table, from, visit),
                    Some(ValueKind::Text) => rows::<&str>(transaction, table, from, visit),
                    Some(ValueKind::U64) => rows::<u64>(transaction, table, from, visit),
                    Some(ValueKind::I64) => rows::<i64>(transaction, table, from, visit),
                    Some(ValueKind::Multimap | ValueKind::Other) => Err(Error::new(
                        ErrorKind::Failed,
                        format!("rows of table {table:?} have a type that cannot be read"),
                    )),
                }
            }

            fn measure(&self, table: &str) -> Result<PageUse> {
                let transaction = self.transaction();
                if table.is_empty() {
                    return Ok(PageUse::default());
                }
                match transaction.open_untyped_table(table_of(table)) {
                    Ok(table) => Ok(page_use(&table.stats()?)),
                    Err(TableError::TableDoesNotExist(_)) => Ok(PageUse::default()),
                    Err(TableError::TableIsMultimap(_)) => {
                        let handle = multimap_of(table);
                        let table = transaction.open_untyped_multimap_table(handle)?;
                        Ok(page_use(&table.stats()?))
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }

        /// The table by its name alone, whatever its types.
        fn table_of(table: &str) -> TableDefinition<'_, &'static str, &'static [u8]> {
            TableDefinition::new(table)
        }

        fn multimap_of(table: &str) -> MultimapTableDefinition<'_, &'static str, &'static [u8]> {
            MultimapTableDefinition::new(table)
        }

        fn page_use(stats: &engine::TableStats) -> PageUse {
            PageUse {
                stored_bytes: stats.stored_bytes(),
                metadata_bytes: stats.metadata_bytes(),
                fragmented_bytes: stats.fragmented_bytes(),
                leaf_pages: stats.leaf_pages(),
                branch_pages: stats.branch_pages(),
                tree_height: stats.tree_height(),
            }
        }

        /// `None` is no such table.
        fn kind_of(transaction: &ReadTransaction, table: &str) -> Result<Option<ValueKind>> {
            if table.is_empty() {
                return Ok(None);
            }
            let attempts = [
                (opens::<&[u8]>(transaction, table), ValueKind::Bytes),
                (opens::<&str>(transaction, table), ValueKind::Text),
                (opens::<u64>(transaction, table), ValueKind::U64),
                (opens::<i64>(transaction, table), ValueKind::I64),
            ];
            for (opened, kind) in attempts {
                match opened {
                    Ok(()) => return Ok(Some(kind)),
                    Err(TableError::TableTypeMismatch { .. }) => {}
                    Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                    Err(TableError::TableIsMultimap(_)) => return Ok(Some(ValueKind::Multimap)),
                    Err(TableError::TypeDefinitionChanged { .. }) => break,
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(Some(ValueKind::Other))
        }

        fn opens<V: engine::Value + 'static>(
            transaction: &ReadTransaction,
            table: &str,
        ) -> Result<(), TableError> {
            open::<V>(transaction, table).map(drop)
        }

        fn open<V: engine::Value + 'static>(
            transaction: &ReadTransaction,
            table: &str,
        ) -> Result<ReadOnlyTable<&'static str, V>, TableError> {
            transaction.open_table(TableDefinition::<&'static str, V>::new(table))
        }

        /// A type of value that can be read.
        trait Shown: engine::Value + 'static {
            fn show(value: Self::SelfType<'_>) -> ValueRef<'_>;
        }

        impl Shown for &'static [u8] {
            fn show(value: Self::SelfType<'_>) -> ValueRef<'_> {
                ValueRef::Bytes(value)
            }
        }

        impl Shown for &'static str {
            fn show(value: Self::SelfType<'_>) -> ValueRef<'_> {
                ValueRef::Text(value)
            }
        }

        impl Shown for u64 {
            fn show(value: Self::SelfType<'_>) -> ValueRef<'_> {
                ValueRef::U64(value)
            }
        }

        impl Shown for i64 {
            fn show(value: Self::SelfType<'_>) -> ValueRef<'_> {
                ValueRef::I64(value)
            }
        }

        fn rows<V: Shown>(
            transaction: &ReadTransaction,
            table: &str,
            from: Option<&str>,
            visit: &mut Visit<'_>,
        ) -> Result<()> {
            let table = open::<V>(transaction, table)?;
            let start = from.map_or(Bound::Unbounded, Bound::Included);
            for row in ReadableTable::range::<&str>(&table, (start, Bound::Unbounded))? {
                let (key, value) = row?;
                if visit(key.value(), V::show(value.value()))?.is_break() {
                    break;
                }
            }
            Ok(())
        }
    };
}

pub(super) use tables_of_engine;
