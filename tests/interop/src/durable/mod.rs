//! The published do-memory-storage-turso: the durable store, from which a cache can be made anew.

mod limits;
mod page;
mod server;
mod sync;
mod write;

pub use limits::{Times, kept, times_of_summaries};
pub use page::{Amount, read_all_pages};
pub use server::Server;
pub use sync::synchronize;
pub use write::{add_metadata, store_all, store_all_in_batches, store_episodes};

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use do_memory_core::{MAX_QUERY_LIMIT, SyncWatermarkBackend};
use do_memory_storage_turso::{TursoConfig, TursoStorage};
use libsql::{Builder, Database};
use uuid::Uuid;

/// Opens a database as an agent does that keeps its own, written as by do-memory's default features: makes it, or the
/// tables and columns that are missing.
///
/// # Errors
/// When do-memory refuses the file.
pub async fn open(path: &Path) -> Result<TursoStorage> {
    let plain = TursoConfig {
        compress_episodes: false,
        compress_patterns: false,
        compress_embeddings: false,
        ..TursoConfig::default()
    };
    open_with(path, plain).await
}

/// The same, written as by do-memory's feature `compression`.
///
/// # Errors
/// When do-memory refuses the file.
pub async fn open_compressing(path: &Path) -> Result<TursoStorage> {
    open_with(path, TursoConfig::default()).await
}

async fn open_with(path: &Path, config: TursoConfig) -> Result<TursoStorage> {
    let one_connection = TursoConfig {
        enable_pooling: false,
        ..config
    };
    let url = format!("file:{}", path.display());
    let storage = TursoStorage::with_config(&url, "", one_connection)
        .await
        .with_context(|| format!("do-memory does not open {url}"))?;
    storage
        .initialize_schema()
        .await
        .context("do-memory does not make its tables")?;
    Ok(storage)
}

/// When each episode changed, told page by page by either library.
///
/// # Errors
/// When a query fails.
pub async fn revisions(
    storage: &impl SyncWatermarkBackend,
) -> Result<BTreeMap<Uuid, DateTime<Utc>>> {
    let mut revisions = BTreeMap::new();
    let mut cursor = None;
    loop {
        let page = storage
            .query_episodes_modified_since(
                DateTime::<Utc>::UNIX_EPOCH,
                cursor,
                Some(MAX_QUERY_LIMIT),
            )
            .await?;
        let Some((last, changed)) = page.last() else {
            return Ok(revisions);
        };
        cursor = Some((*changed, last.episode_id));
        revisions.extend(
            page.iter()
                .map(|(episode, changed)| (episode.episode_id, *changed)),
        );
    }
}

/// The file through the client that do-memory uses, without do-memory.
///
/// # Errors
/// When it does not open.
pub async fn database(path: &Path) -> Result<Database> {
    Ok(Builder::new_local(path).build().await?)
}

/// Moves everything into the one file, which the library leaves to chance, and demands that it is there.
///
/// # Errors
/// When somebody still has it open.
pub async fn settle(path: &Path) -> Result<()> {
    let connection = database(path).await?.connect()?;
    let mut rows = connection
        .query("PRAGMA wal_checkpoint(TRUNCATE)", ())
        .await?;
    let busy: Option<i64> = rows.next().await?.map(|row| row.get(0)).transpose()?;
    ensure!(busy == Some(0), "{} is in use", path.display());
    Ok(())
}
