//! The published do-memory-storage-redb, and only through what it offers to everybody.

mod queries;
mod read;
mod write;

pub use queries::contradictions;
pub(crate) use read::repeated;
pub use read::{Reading, read};
pub use write::{Stored, store_all};

use std::path::Path;

use anyhow::{Context, Result, ensure};
use do_memory_storage_redb::RedbStorage;

/// The schema version that release 0.1.47 stamps and demands.
pub const SCHEMA_VERSION: u64 = 4;

/// Opens a cache as every do-memory agent does. A missing file is created, an existing one is written to.
///
/// # Errors
/// When do-memory refuses the file, wants a migration or does not find itself healthy.
pub async fn open(path: &Path) -> Result<RedbStorage> {
    let storage = RedbStorage::new(path)
        .await
        .with_context(|| format!("do-memory does not open {}", path.display()))?;
    ensure!(
        !storage.requires_schema_migration().await?,
        "do-memory wants {} migrated",
        path.display()
    );
    let version = storage.stored_schema_version().await?;
    ensure!(
        version == Some(SCHEMA_VERSION),
        "the schema version is {version:?}, not {SCHEMA_VERSION}"
    );
    ensure!(
        storage.health_check().await?,
        "do-memory finds {} unhealthy",
        path.display()
    );
    Ok(storage)
}
