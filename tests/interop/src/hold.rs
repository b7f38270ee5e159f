//! Holding a cache as a do-memory agent does: open for as long as the process runs, committing now and then.

use std::fmt;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use do_memory_core::Episode;
use do_memory_storage_redb::{RedbQuery, RedbStorage};
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

use crate::generation::{self, SETS, Verified};
use crate::upstream;

/// What to hold and how often to commit.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cache; made when it is missing.
    pub cache: PathBuf,
    /// How long, unless told to stop earlier.
    pub time: Duration,
    /// Commits a second; 0 holds the file without writing to it.
    pub rate: f64,
}

/// What the holder went through.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Commits after the file was ready.
    pub commits: u64,
    /// How long the longest of them took.
    pub slowest: Duration,
    /// Why commits failed.
    pub errors: Vec<String>,
    /// What the file held after it was closed and opened again.
    pub verified: Verified,
}

/// Opens the cache, reports it ready, and commits generations until the time is over or `stop` completes. Then closes
/// the file, opens it again and verifies that it holds the last generation.
///
/// # Errors
/// When the cache cannot be opened, or does not hold in the end what was committed. Failed commits are in the outcome.
pub async fn hold(
    plan: &Plan,
    ready: impl FnOnce(),
    stop: impl Future<Output = ()>,
) -> Result<Outcome> {
    let storage = upstream::open(&plan.cache).await?;
    let mut commits = Commits::start(&storage).await?;
    ready();
    commits.go_on(&storage, plan, stop).await;
    drop(storage);
    commits.into_outcome(&plan.cache).await
}

/// The commits made so far.
struct Commits {
    next: u64,
    made: u64,
    slowest: Duration,
    errors: Vec<String>,
}

impl Commits {
    /// Writes every set once, or goes on after the generation that an earlier holder left.
    async fn start(storage: &RedbStorage) -> Result<Self> {
        let rows = episodes(storage).await?;
        let next = if rows.iter().any(|(key, _)| generation::is_ours(key)) {
            verify(&rows)
                .context("the generations of an earlier holder")?
                .generation
                + 1
        } else {
            for generation in 0..SETS {
                storage
                    .store_episodes_batch(&generation::batch(generation))
                    .await?;
            }
            SETS
        };
        Ok(Self {
            next,
            made: 0,
            slowest: Duration::ZERO,
            errors: Vec::new(),
        })
    }

    /// Never stops in the middle of a commit, which would go on behind our back.
    async fn go_on(&mut self, storage: &RedbStorage, plan: &Plan, stop: impl Future<Output = ()>) {
        let mut ticks = ticks(plan.rate);
        let mut over = pin!(async {
            tokio::select! { () = sleep(plan.time) => {}, () = stop => {} }
        });
        loop {
            let batch = generation::batch(self.next);
            tokio::select! {
                biased;
                () = &mut over => return,
                () = tick(&mut ticks) => self.commit(storage, &batch).await,
            }
        }
    }

    async fn commit(&mut self, storage: &RedbStorage, batch: &[Episode]) {
        let started = Instant::now();
        let stored = storage.store_episodes_batch(batch).await;
        self.slowest = self.slowest.max(started.elapsed());
        match stored {
            Ok(()) => {
                self.made += 1;
                self.next += 1;
            }
            Err(error) => self.errors.push(error.to_string()),
        }
    }

    async fn into_outcome(self, cache: &Path) -> Result<Outcome> {
        let storage = upstream::open(cache).await.context("after it was closed")?;
        let verified = verify(&episodes(&storage).await?)?;
        let last = self.next - 1;
        ensure!(
            verified.generation == last,
            "committed up to {last}, the file holds {}",
            verified.generation
        );
        Ok(Outcome {
            commits: self.made,
            slowest: self.slowest,
            errors: self.errors,
            verified,
        })
    }
}

fn ticks(rate: f64) -> Option<Interval> {
    let period = Duration::try_from_secs_f64(1.0 / rate)
        .ok()
        .filter(|period| !period.is_zero())?;
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    Some(ticks)
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => _ = ticks.tick().await,
        None => pending().await,
    }
}

async fn episodes(storage: &RedbStorage) -> Result<Vec<(String, Value)>> {
    let all = storage.get_all_episodes(&RedbQuery { limit: None }).await?;
    let keyed = all
        .into_iter()
        .map(|one| Ok((one.episode_id.to_string(), serde_json::to_value(one)?)));
    keyed.collect()
}

fn verify(rows: &[(String, Value)]) -> Result<Verified> {
    generation::verify(rows.iter().map(|(key, value)| (key.as_str(), value)))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slowest = self.slowest.as_secs_f64() * 1000.0;
        writeln!(
            f,
            "done commits={} slowest_ms={slowest:.1} errors={}",
            self.commits,
            self.errors.len()
        )?;
        write!(
            f,
            "verified rows={} generation={}",
            self.verified.rows, self.verified.generation
        )?;
        self.errors
            .iter()
            .try_for_each(|error| write!(f, "\nerror {error}"))
    }
}
