//! Rows as bytes: do-memory's metadata, and tables that neither it nor this crate knows.

use super::super::Table;
use super::super::entry::{METADATA_PREFIX, TABLE_PREFIX};
use super::super::overlay::{Op, Space};
use super::RedbStorage;
use crate::error::{Error, ErrorKind, Result};

impl RedbStorage {
    /// A row of do-memory's `metadata` table, or of a table that neither do-memory nor this crate
    /// knows, as bytes.
    ///
    /// # Errors
    /// When the table holds something else than text keys and bytes.
    pub fn get_raw(&self, table: &str, key: impl AsRef<str>) -> Result<Option<Vec<u8>>> {
        self.engine.get_plain(&raw_space(table)?, key.as_ref())
    }

    /// Writes bytes to a row of `metadata` or of a table of the caller's, which is made if need be. A
    /// cache of more than [`MAX_TABLES`](crate::file::MAX_TABLES) is refused when it is opened again.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for a table or key that is not the caller's.
    pub fn insert_raw(&self, table: &str, key: impl AsRef<str>, value: &[u8]) -> Result<()> {
        let (space, key) = (raw_space(table)?, key.as_ref());
        refuse_own_key(&space, key)?;
        self.engine.set_plain(space, key, Op::Plain(value.into()))
    }

    /// Removes a row of `metadata` or of a table of the caller's.
    ///
    /// # Errors
    /// As [`RedbStorage::insert_raw`].
    pub fn remove_raw(&self, table: &str, key: impl AsRef<str>) -> Result<()> {
        let (space, key) = (raw_space(table)?, key.as_ref());
        refuse_own_key(&space, key)?;
        self.engine.set_plain(space, key, Op::Remove)
    }
}

fn raw_space(table: &str) -> Result<Space> {
    match Table::from_name(table) {
        Some(Table::Metadata) => Ok(Space::Known(Table::Metadata)),
        None if !table.is_empty() && !table.starts_with(TABLE_PREFIX) => {
            Ok(Space::User(table.into()))
        }
        _ => Err(Error::new(
            ErrorKind::Usage,
            format!("the table {table:?} has no raw access: it is do-memory's or the cache's own"),
        )),
    }
}

fn refuse_own_key(space: &Space, key: &str) -> Result<()> {
    if *space == Space::Known(Table::Metadata) && key.starts_with(METADATA_PREFIX) {
        let message = format!("the metadata key {key:?} is reserved for the cache itself");
        return Err(Error::new(ErrorKind::Usage, message));
    }
    Ok(())
}
