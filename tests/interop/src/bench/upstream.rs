//! The work done by do-memory-storage-redb 0.1.47, with its default settings.
//!
//! Episodes are read after the cache was opened anew, which is in do-memory's favour: an episode that the same process
//! stored is in its list of recent ones, and every access walks that list.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use do_memory_core::Episode;
use do_memory_storage_redb::RedbStorage;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Case, Figure, Figures, Plan, Stopwatch, Workload};

/// Does all the work in a new cache in `folder`.
///
/// # Errors
/// When a call fails, or an episode is not found.
pub async fn measure(plan: &Plan, workload: &Workload, folder: &Path) -> Result<Figures> {
    let cache = folder.join("upstream.redb");
    let mut figures = Figures::new();

    let storage = RedbStorage::new(&cache).await?;
    // It knows durable batches only.
    let batches = store_in_batches(&storage, &workload.filling, plan.batch).await?;
    figures.insert(Case::StoreBatch, batches);
    figures.insert(Case::StoreBatchDurable, batches);
    drop(storage);

    let storage = Arc::new(RedbStorage::new(&cache).await?);
    figures.insert(Case::FirstGet, get(&storage, &workload.cold).await?);
    figures.insert(Case::RepeatedGet, get(&storage, &workload.hot).await?);
    figures.insert(
        Case::Store,
        store_one_by_one(&storage, &workload.singles).await?,
    );
    figures.insert(
        Case::StoreFromSixteen,
        store_from_tasks(&storage, &workload.threads).await?,
    );
    Ok(figures)
}

async fn store_in_batches(
    storage: &RedbStorage,
    episodes: &[Episode],
    size: usize,
) -> Result<Figure> {
    ensure!(
        size > 0 && episodes.len().is_multiple_of(size),
        "{} episodes in batches of {size}",
        episodes.len()
    );
    let mut watch = Stopwatch::start(size);
    for batch in episodes.chunks(size) {
        let since = Instant::now();
        storage.store_episodes_batch(batch).await?;
        watch.note(since);
    }
    Ok(watch.stop())
}

async fn get(storage: &RedbStorage, ids: &[Uuid]) -> Result<Figure> {
    let mut watch = Stopwatch::start(1);
    for id in ids {
        let since = Instant::now();
        let episode = storage.get_episode(*id).await?;
        watch.note(since);
        episode.with_context(|| format!("{id} is not in the cache"))?;
    }
    Ok(watch.stop())
}

async fn store_one_by_one(storage: &RedbStorage, episodes: &[Episode]) -> Result<Figure> {
    let mut watch = Stopwatch::start(1);
    for episode in episodes {
        let since = Instant::now();
        storage.store_episode(episode).await?;
        watch.note(since);
    }
    Ok(watch.stop())
}

/// Tasks stand for threads: each store runs on a thread of the runtime's pool for blocking work.
async fn store_from_tasks(storage: &Arc<RedbStorage>, shares: &[Vec<Episode>]) -> Result<Figure> {
    let shares = shares.to_vec();
    let mut watch = Stopwatch::start(1);
    let mut tasks = JoinSet::new();
    for share in shares {
        let storage = Arc::clone(storage);
        tasks.spawn(async move {
            let mut watch = Stopwatch::start(1);
            for episode in &share {
                let since = Instant::now();
                storage.store_episode(episode).await?;
                watch.note(since);
            }
            anyhow::Ok(watch)
        });
    }
    while let Some(share) = tasks.join_next().await {
        watch.absorb(share??);
    }
    Ok(watch.stop())
}
