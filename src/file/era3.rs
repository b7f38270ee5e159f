//! redb 4, which reads and writes file format v3.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use redb as engine;
use redb::{ConcurrencyMode, ReadableDatabase};

use super::header::Header;
use super::shadow::{FirstError, Shadow};
use super::tables::tables_of_engine;
use super::verified::{Torn, Verified};

/// redb's page cache for one snapshot; its default is 1 GiB.
const CACHE: usize = 16 << 20;

#[expect(dead_code, reason = "a database is open as long as something holds it")]
enum Keep {
    Written(redb::Database),
    Read(redb::ReadOnlyDatabase),
}

/// One commit of a v3 file. Fields drop in this order.
pub(super) struct Era3 {
    transaction: Arc<redb::ReadTransaction>,
    _database: Keep,
    failed: FirstError,
}

tables_of_engine!(Era3);

impl Era3 {
    /// Opens the file over a shadow, in which redb repairs what was not closed.
    pub(super) fn repaired(file: File, verify: bool) -> Result<Self> {
        let shadow = Shadow::new(file)?;
        let failed = shadow.first_error();
        let database = builder()
            .set_check_integrity_on_open(verify)
            .create_with_backend(shadow)?;
        Ok(Self {
            transaction: Arc::new(database.begin_read()?),
            _database: Keep::Written(database),
            failed,
        })
    }

    /// The commit that `header` names. Each page is checked when it is read; `torn` tells of the
    /// first that does not belong to it.
    pub(super) fn verified(file: File, header: &Header, torn: &Torn) -> Result<Self> {
        let backend = Verified::new(file, header.clone(), torn.clone());
        builder()
            .set_concurrency_mode(ConcurrencyMode::SingleWriter)
            .open_read_only_with_backend(backend)
            .map_err(Error::from)
            .and_then(Self::read_only)
            .map_err(|error| torn.error().unwrap_or(error))
    }

    /// The last commit of whichever file has the path, beside others that have it open.
    pub(super) fn shared(path: &Path, mode: ConcurrencyMode) -> Result<Self> {
        let database = builder().set_concurrency_mode(mode).open_read_only(path)?;
        Self::read_only(database)
    }

    fn read_only(database: redb::ReadOnlyDatabase) -> Result<Self> {
        Ok(Self {
            transaction: Arc::new(database.begin_read()?),
            _database: Keep::Read(database),
            failed: FirstError::default(),
        })
    }

    pub(super) fn first_error(&self) -> FirstError {
        self.failed.clone()
    }

    pub(super) fn transaction(&self) -> &Arc<redb::ReadTransaction> {
        &self.transaction
    }
}

fn builder() -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CACHE);
    builder
}
