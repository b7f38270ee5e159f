//! Which layout a file is of, by what it says of itself, and making a new one.

use redb::{
    Database, ReadTransaction, ReadableTableMetadata, TableDefinition, TableError, TableHandle,
    WriteTransaction,
};

use super::Table;
use super::entry::{BY_ACCESS, BY_EXPIRY, DICTIONARIES, ENTRIES, TABLE_PREFIX, TOTALS};
use super::facts::{self, FORMAT_KEY, OWN_FORMAT};
use super::ledger::{REVISIONS, bytes_table};
use super::sessions::SESSION_INDEX;
use crate::error::{Error, ErrorKind, Result};
use crate::file;

/// The version that do-memory 0.1.35-0.1.47 stamps, and the one we write.
pub const SCHEMA_VERSION: u64 = 4;
/// do-memory's table with the version, under the key [`VERSION_KEY`].
pub const VERSIONS: TableDefinition<&str, u64> = TableDefinition::new("schema_version");
/// The only key of [`VERSIONS`].
pub const VERSION_KEY: &str = "version";

/// What a file that may be opened holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A cache of the current layout.
    Current,
    /// Nothing yet.
    Empty,
}

/// Decides whether the file is of the layout that the engine reads and writes.
///
/// # Errors
/// [`ErrorKind::OldFormat`] for a layout of an earlier do-memory, [`ErrorKind::UnknownLayout`] for
/// one that this release does not know, or of more than [`MAX_TABLES`](crate::file::MAX_TABLES).
pub fn check(txn: &ReadTransaction) -> Result<Standing> {
    file::require_few(txn.list_tables()?.count() + txn.list_multimap_tables()?.count())?;
    let version = version(txn)?;
    let known = has_rows(txn)?;
    match version {
        Some(SCHEMA_VERSION) => {}
        Some(2 | 3) | None if known => return Err(old_layout(version)),
        Some(version @ (0 | 1 | 5..)) => return Err(unknown_layout(version)),
        _ if has_foreign_tables(txn)? => {
            return Err(no_cache());
        }
        _ => return Ok(Standing::Empty),
    }
    check_own_format(txn)?;
    Ok(Standing::Current)
}

/// The schema version that the file states.
///
/// # Errors
/// When redb fails, or the table is of another type.
pub fn version(txn: &ReadTransaction) -> Result<Option<u64>> {
    match txn.open_table(VERSIONS) {
        Ok(table) => Ok(table.get(VERSION_KEY)?.map(|version| version.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes every table of do-memory's and of ours that is missing, and stamps the versions.
///
/// # Errors
/// When redb fails.
pub fn prepare(db: &Database) -> Result<()> {
    let txn = db.begin_write()?;
    make_tables(&txn)?;
    make_own_tables(&txn)?;
    txn.commit()?;
    Ok(())
}

/// Makes every table of do-memory's that is missing, and stamps the version.
///
/// # Errors
/// When redb fails, or a table is of another type.
pub fn make_tables(txn: &WriteTransaction) -> Result<()> {
    for table in Table::ALL {
        match table {
            Table::SchemaVersion => {
                txn.open_table(VERSIONS)?
                    .insert(VERSION_KEY, SCHEMA_VERSION)?;
            }
            Table::EpisodeRevisions => drop(txn.open_table(REVISIONS)?),
            Table::RecommendationEpisodeIndex => drop(txn.open_table(SESSION_INDEX)?),
            _ => drop(txn.open_table(bytes_table(table.name()))?),
        }
    }
    Ok(())
}

/// Makes every table of ours that is missing, and stamps our format.
///
/// # Errors
/// When redb fails, or a table is of another type.
pub fn make_own_tables(txn: &WriteTransaction) -> Result<()> {
    drop(txn.open_table(ENTRIES)?);
    drop(txn.open_table(BY_ACCESS)?);
    drop(txn.open_table(BY_EXPIRY)?);
    drop(txn.open_table(TOTALS)?);
    drop(txn.open_table(DICTIONARIES)?);
    txn.open_table(bytes_table(Table::Metadata.name()))?
        .insert(FORMAT_KEY, facts::encode(&OWN_FORMAT)?.as_slice())?;
    Ok(())
}

/// Whether [`prepare`] has been here.
///
/// # Errors
/// When redb fails.
pub fn is_prepared(txn: &ReadTransaction) -> Result<bool> {
    Ok(own_format(txn)?.is_some())
}

fn own_format(txn: &ReadTransaction) -> Result<Option<u32>> {
    match txn.open_table(bytes_table(Table::Metadata.name())) {
        Ok(table) => Ok(table
            .get(FORMAT_KEY)?
            .map(|text| facts::decode(text.value()).unwrap_or(u32::MAX))),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Decides whether the file is of a layout that can be brought to the current one: every one that
/// do-memory ever had, the current one as well.
///
/// # Errors
/// [`ErrorKind::UnknownLayout`] for any other.
pub fn check_migratable(txn: &ReadTransaction) -> Result<()> {
    match check(txn) {
        Err(error) if error.kind() == ErrorKind::OldFormat => check_own_format(txn),
        checked => checked.map(drop),
    }
}

/// The same of a file of format v2, by the names of its tables and the version that it states.
///
/// # Errors
/// As [`check_migratable`].
pub fn check_migratable_v2<'a>(
    mut tables: impl Iterator<Item = &'a str>,
    version: Option<u64>,
) -> Result<()> {
    match version {
        Some(version @ (0 | 1 | 5..)) => return Err(unknown_layout(version)),
        Some(_) => return Ok(()),
        None => {}
    }
    // Without any table it is a cache that nothing was ever put into.
    match tables.next() {
        Some(first) if Table::from_name(first).is_none() => tables
            .any(|table| Table::from_name(table).is_some())
            .then_some(())
            .ok_or_else(no_cache),
        _ => Ok(()),
    }
}

fn no_cache() -> Error {
    Error::new(
        ErrorKind::UnknownLayout,
        "the file is a redb database, but no cache of do-memory",
    )
    .help("name the cache's own file with --cache")
}

fn check_own_format(txn: &ReadTransaction) -> Result<()> {
    match own_format(txn)? {
        Some(format) if format > OWN_FORMAT => Err(Error::new(
            ErrorKind::UnknownLayout,
            "the cache was written by a newer redb-cache",
        )
        .help("use that release, or a newer one")),
        _ => Ok(()),
    }
}

fn has_rows(txn: &ReadTransaction) -> Result<bool> {
    for handle in txn.list_tables()? {
        let known =
            Table::from_name(handle.name()).is_some_and(|table| table != Table::SchemaVersion);
        if known && !txn.open_untyped_table(handle)?.is_empty()? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_foreign_tables(txn: &ReadTransaction) -> Result<bool> {
    Ok(txn.list_multimap_tables()?.next().is_some()
        || txn.list_tables()?.any(|handle| {
            Table::from_name(handle.name()).is_none() && !handle.name().starts_with(TABLE_PREFIX)
        }))
}

fn old_layout(version: Option<u64>) -> Error {
    let message = match version {
        Some(version) => {
            format!("the cache has schema version {version}, of do-memory 0.1.23-0.1.34")
        }
        None => "the cache has no schema version: do-memory 0.1.22 or earlier wrote it".to_owned(),
    };
    Error::new(ErrorKind::OldFormat, message).help("run: redb-cache migrate")
}

fn unknown_layout(version: u64) -> Error {
    Error::new(
        ErrorKind::UnknownLayout,
        format!("the cache has schema version {version}, which this release does not know"),
    )
    .help("use a newer redb-cache")
}
