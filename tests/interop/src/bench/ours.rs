//! The work done by redb-cache, with its default settings but for a limit that evicts nothing.
//!
//! The same shape as `upstream.rs`. What a call is given is made before the clock starts, in the type that the
//! engine takes.

use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use redb_cache::cache::record::Episode;
use redb_cache::{RedbConfig, RedbStorage};
use serde::Deserialize;
use uuid::Uuid;

use super::{Case, Figure, Figures, Plan, Stopwatch, Workload};

/// An episode under its key.
type Row = (String, Episode);

/// Does all the work in a new cache in `folder`.
///
/// # Errors
/// When a call fails, or an episode is not found.
pub fn measure(plan: &Plan, workload: &Workload, folder: &Path) -> Result<Figures> {
    let cache = folder.join("ours.redb");
    let mut figures = Figures::new();

    let filling = rows(&workload.filling)?;
    let storage = open(&folder.join("ours-buffered.redb"))?;
    let store = |batch: Vec<Row>| storage.insert_all_buffered(batch);
    figures.insert(
        Case::StoreBatch,
        store_in_batches(&storage, &filling, plan.batch, store)?,
    );
    storage.close()?;

    let storage = open(&cache)?;
    let store = |batch: Vec<Row>| storage.insert_all(batch);
    figures.insert(
        Case::StoreBatchDurable,
        store_in_batches(&storage, &filling, plan.batch, store)?,
    );
    storage.close()?;

    let storage = open(&cache)?;
    figures.insert(Case::FirstGet, get(&storage, &workload.cold)?);
    figures.insert(Case::RepeatedGet, get(&storage, &workload.hot)?);
    figures.insert(
        Case::Store,
        store_one_by_one(&storage, rows(&workload.singles)?)?,
    );
    figures.insert(
        Case::StoreFromSixteen,
        store_from_threads(&storage, &workload.threads)?,
    );
    storage.close()?;
    Ok(figures)
}

fn open(cache: &Path) -> Result<RedbStorage> {
    let config = RedbConfig {
        max_cache_size: 10_000_000,
        ..RedbConfig::default()
    };
    Ok(RedbStorage::with_full_config(cache, config)?)
}

fn rows(episodes: &[do_memory_core::Episode]) -> Result<Vec<Row>> {
    let row = |episode: &do_memory_core::Episode| {
        Ok((
            episode.episode_id.to_string(),
            Episode::deserialize(serde_json::to_value(episode)?)?,
        ))
    };
    episodes.iter().map(row).collect()
}

/// The time until all are durable counts in the mean.
fn store_in_batches(
    storage: &RedbStorage,
    rows: &[Row],
    size: usize,
    store: impl Fn(Vec<Row>) -> redb_cache::Result<()>,
) -> Result<Figure> {
    ensure!(
        size > 0 && rows.len().is_multiple_of(size),
        "{} episodes in batches of {size}",
        rows.len()
    );
    let batches: Vec<Vec<Row>> = rows.chunks(size).map(<[Row]>::to_vec).collect();
    let mut watch = Stopwatch::start(size);
    for batch in batches {
        let since = Instant::now();
        store(batch)?;
        watch.note(since);
    }
    storage.flush()?;
    Ok(watch.stop())
}

fn get(storage: &RedbStorage, ids: &[Uuid]) -> Result<Figure> {
    let keys: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let mut watch = Stopwatch::start(1);
    for key in &keys {
        let since = Instant::now();
        let episode = storage.get(key)?;
        watch.note(since);
        episode.with_context(|| format!("{key} is not in the cache"))?;
    }
    Ok(watch.stop())
}

/// Every insert is visible when it returns; the time until all are durable counts in the mean.
fn store_one_by_one(storage: &RedbStorage, rows: Vec<Row>) -> Result<Figure> {
    let mut watch = Stopwatch::start(1);
    for (key, episode) in rows {
        let since = Instant::now();
        storage.insert(key, episode)?;
        watch.note(since);
    }
    storage.flush()?;
    Ok(watch.stop())
}

fn store_from_threads(
    storage: &RedbStorage,
    shares: &[Vec<do_memory_core::Episode>],
) -> Result<Figure> {
    let shares: Vec<Vec<Row>> = shares
        .iter()
        .map(|share| rows(share))
        .collect::<Result<_>>()?;
    let mut watch = Stopwatch::start(1);
    let watches: Vec<Result<Stopwatch>> = thread::scope(|scope| {
        let spawn = |share: Vec<Row>| scope.spawn(move || store_durably(storage, share));
        let threads: Vec<_> = shares.into_iter().map(spawn).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread
                .join()
                .unwrap_or_else(|_| anyhow::bail!("a thread died"))
        };
        threads.into_iter().map(join).collect()
    });
    for share in watches {
        watch.absorb(share?);
    }
    Ok(watch.stop())
}

fn store_durably(storage: &RedbStorage, share: Vec<Row>) -> Result<Stopwatch> {
    let mut watch = Stopwatch::start(1);
    for (key, episode) in share {
        let since = Instant::now();
        storage.insert_durable(key, episode)?;
        watch.note(since);
    }
    Ok(watch)
}
