//! redb 2.6, the last release that reads file format v2. When no v2 file is left in the world,
//! this file and the dependency go.

use std::fs::File;
use std::io;

use redb2 as engine;

use super::shadow::{FirstError, Shadow};
use super::tables::tables_of_engine;
use crate::error::SEE_REPAIR;

/// redb's page cache for one snapshot.
const CACHE: usize = 16 << 20;

/// One commit of a v2 file. Fields drop in this order.
pub(super) struct Era2 {
    transaction: engine::ReadTransaction,
    _database: engine::Database,
    failed: FirstError,
}

tables_of_engine!(Era2);

impl Era2 {
    /// Opens the file over a shadow. The caller has made sure that it is a v2 file: on others
    /// redb 2.6 panics.
    pub(super) fn open(file: File, verify: bool) -> Result<Self> {
        let shadow = Shadow::new(file)?;
        let failed = shadow.first_error();
        let mut database = engine::Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(shadow)?;
        if verify && !database.check_integrity()? {
            return Err(Error::new(
                ErrorKind::Damaged,
                "the cache is damaged: its pages fail their checksums",
            )
            .help(SEE_REPAIR));
        }
        Ok(Self {
            transaction: database.begin_read()?,
            _database: database,
            failed,
        })
    }

    pub(super) fn first_error(&self) -> FirstError {
        self.failed.clone()
    }

    fn transaction(&self) -> &ReadTransaction {
        &self.transaction
    }
}

impl engine::StorageBackend for Shadow {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length())
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        // The length comes from the file: ask for it before giving it memory.
        self.fill(offset.saturating_add(len as u64), &mut [])?;
        let mut out = vec![0; len];
        self.fill(offset, &mut out)?;
        Ok(out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.resize(len);
        Ok(())
    }

    fn sync_data(&self, _eventual: bool) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.store(offset, data)
    }
}

impl From<engine::StorageError> for Error {
    fn from(error: engine::StorageError) -> Self {
        match error {
            engine::StorageError::Io(io) => io.into(),
            engine::StorageError::Corrupted(what) => {
                Self::new(ErrorKind::Damaged, format!("the cache is damaged: {what}"))
                    .help(SEE_REPAIR)
            }
            other => Self::new(ErrorKind::Failed, "redb 2.6 failed").caused_by(other),
        }
    }
}

impl From<engine::TableError> for Error {
    fn from(error: engine::TableError) -> Self {
        match error {
            engine::TableError::Storage(storage) => storage.into(),
            other => Self::new(ErrorKind::Failed, "redb 2.6 failed").caused_by(other),
        }
    }
}

impl From<engine::TransactionError> for Error {
    fn from(error: engine::TransactionError) -> Self {
        match error {
            engine::TransactionError::Storage(storage) => storage.into(),
            other => Self::new(ErrorKind::Failed, "redb 2.6 failed").caused_by(other),
        }
    }
}

impl From<engine::DatabaseError> for Error {
    fn from(error: engine::DatabaseError) -> Self {
        match error {
            engine::DatabaseError::Storage(storage) => storage.into(),
            other => Self::new(ErrorKind::Failed, "redb 2.6 failed").caused_by(other),
        }
    }
}
