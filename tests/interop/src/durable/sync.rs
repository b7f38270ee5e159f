//! do-memory's own way from the durable store into a cache: episodes only, page by page.

use std::sync::Arc;

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use do_memory_core::StorageSynchronizer;
use do_memory_storage_redb::RedbStorage;
use do_memory_storage_turso::TursoStorage;

/// Brings the episodes that changed since then, or since the time that the store remembers, and says how many.
///
/// # Errors
/// When do-memory cannot read the store, or not write an episode.
pub async fn synchronize(
    store: &Arc<TursoStorage>,
    cache: &Arc<RedbStorage>,
    since: DateTime<Utc>,
) -> Result<usize> {
    const PAGE: usize = 1_000;
    const BATCH: usize = 100;
    let synchronizer = StorageSynchronizer::new(Arc::clone(store), Arc::clone(cache))
        .with_page_size(PAGE)
        .with_batch_size(BATCH);
    let stats = synchronizer.sync_all_recent_episodes(since).await?;
    ensure!(
        stats.errors == 0,
        "{} episodes were not brought",
        stats.errors
    );
    Ok(stats.episodes_synced)
}
