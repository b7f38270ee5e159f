//! Making a cache anew from a durable database: redb-cache, do-memory's synchronizer, and nothing but reading.

use std::fmt;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use do_memory_core::Episode;
use do_memory_storage_redb::RedbStorage;
use libsql::Builder;

use crate::durable::{self, Amount, Server};
use crate::tool::RedbCache;

/// What took how long, from one place.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// Whence.
    pub from: &'static str,
    /// The whole run of `redb-cache rebuild`.
    pub ours: Duration,
    /// The most memory that it had at once, in bytes.
    pub peak: u64,
    /// Reading the same columns page by page through the client.
    pub paging: Duration,
    /// do-memory's synchronizer, which brings the episodes only; it was not asked where the store is a server.
    pub synchronizer: Option<Duration>,
    /// What was read.
    pub amount: Amount,
}

impl Rebuilt {
    /// How many times as long as reading alone a rebuild may take.
    pub const PAGING: f64 = 2.0;
    /// How many times as long the synchronizer has to take.
    pub const SYNCHRONIZER: f64 = 4.0;
    /// The memory that is allowed, in bytes.
    pub const PEAK: u64 = 128 << 20;

    /// The goals that were missed.
    #[must_use]
    pub fn missed(&self) -> Vec<String> {
        let from = self.from;
        let slow = (self.by_paging() > Self::PAGING)
            .then(|| format!("from {from}: more than {} times paging", Self::PAGING));
        let synchronizer = self
            .by_synchronizer()
            .is_some_and(|ratio| ratio < Self::SYNCHRONIZER);
        let synchronizer = synchronizer.then(|| {
            let goal = Self::SYNCHRONIZER;
            format!("from {from}: not {goal} times faster than the synchronizer")
        });
        let large = (self.peak >= Self::PEAK).then(|| format!("from {from}: too much memory"));
        [slow, synchronizer, large].into_iter().flatten().collect()
    }

    fn by_paging(&self) -> f64 {
        self.ours.as_secs_f64() / self.paging.as_secs_f64()
    }

    fn by_synchronizer(&self) -> Option<f64> {
        Some(self.synchronizer?.as_secs_f64() / self.ours.as_secs_f64())
    }
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        let line = |f: &mut fmt::Formatter<'_>, what: &str, took: Duration, note: String| {
            writeln!(f, "  {what:<27}{:>8.3} s  {note}", took.as_secs_f64())
        };
        let Amount { rows, bytes } = self.amount;
        let size = mib(bytes as f64);
        writeln!(f, "from {}: {rows} rows, {size:.1} MiB", self.from)?;
        let goal = mib(Self::PEAK as f64);
        let peak = format!("at most {:.1} MiB (< {goal})", mib(self.peak as f64));
        line(f, "redb-cache rebuild", self.ours, peak)?;
        let ratio = self.by_paging();
        let paging = format!("{ratio:.2} times this (≤ {})", Self::PAGING);
        line(f, "paging through libsql", self.paging, paging)?;
        if let (Some(took), Some(ratio)) = (self.synchronizer, self.by_synchronizer()) {
            let faster = format!("{ratio:.2} times faster (≥ {})", Self::SYNCHRONIZER);
            line(f, "do-memory's synchronizer", took, faster)?;
        }
        Ok(())
    }
}

/// A database, and where to work with it.
#[derive(Debug)]
pub struct Bench<'a> {
    folder: &'a Path,
    database: PathBuf,
    episodes: usize,
    /// How often everything is done; the median counts.
    runs: usize,
}

impl<'a> Bench<'a> {
    /// Lets do-memory write a database.
    ///
    /// # Errors
    /// When it does not.
    pub async fn prepare(folder: &'a Path, episodes: &[Episode], runs: usize) -> Result<Self> {
        let database = folder.join("turso.db");
        durable::store_episodes(&database, episodes).await?;
        Ok(Self {
            folder,
            database,
            episodes: episodes.len(),
            runs,
        })
    }

    /// From the file.
    ///
    /// # Errors
    /// When one of the three fails.
    pub async fn from_file(&self) -> Result<Rebuilt> {
        let page = async || {
            let database = durable::database(&self.database).await?;
            durable::read_all_pages(&database).await
        };
        let from = self.database.display().to_string();
        let mut rebuilt = self.measure("the file", &from, page).await?;
        let mut times = Vec::new();
        for _ in 0..self.runs {
            times.push(self.synchronize().await?);
        }
        rebuilt.synchronizer = Some(median(times));
        Ok(rebuilt)
    }

    /// From a server on this machine.
    ///
    /// # Errors
    /// When one of the two fails.
    pub async fn from_server(&self, program: &Path) -> Result<Rebuilt> {
        let server = Server::start(program, &self.database)?;
        let url = server.url();
        let page = async || {
            let database = Builder::new_remote(url.clone(), String::new())
                .build()
                .await?;
            durable::read_all_pages(&database).await
        };
        self.measure("a server", &url, page).await
    }

    async fn measure<F: Future<Output = Result<Amount>>>(
        &self,
        place: &'static str,
        from: &str,
        page: impl Fn() -> F,
    ) -> Result<Rebuilt> {
        let (mut ours, mut paging, mut peak) = (Vec::new(), Vec::new(), 0);
        let mut amount = Amount::default();
        for _ in 0..self.runs {
            let (took, memory) = self.rebuild(from)?;
            ours.push(took);
            peak = peak.max(memory);
            let since = Instant::now();
            amount = page().await?;
            paging.push(since.elapsed());
        }
        Ok(Rebuilt {
            from: place,
            ours: median(ours),
            peak,
            paging: median(paging),
            synchronizer: None,
            amount,
        })
    }

    /// The whole run, a file that is verified and durable in the end.
    fn rebuild(&self, from: &str) -> Result<(Duration, u64)> {
        let cache = self.folder.join("ours.redb");
        remove(&cache)?;
        let rebuild = ["rebuild", "--from", from, "--yes"];
        let run = RedbCache::on(&cache)?.succeed(&rebuild)?;
        Ok((run.took, run.peak.context("no peak of memory")?))
    }

    /// In a copy, because it notes in the database how far it came. The time is that of the call alone.
    async fn synchronize(&self) -> Result<Duration> {
        let (copy, cache) = (self.folder.join("copy.db"), self.folder.join("sync.redb"));
        remove(&cache)?;
        fs::copy(&self.database, &copy)?;
        let store = Arc::new(durable::open(&copy).await?);
        let cache = Arc::new(RedbStorage::new(&cache).await?);
        let since = Instant::now();
        let brought = durable::synchronize(&store, &cache, DateTime::<Utc>::UNIX_EPOCH).await?;
        let took = since.elapsed();
        ensure!(brought == self.episodes, "{brought} episodes");
        Ok(took)
    }
}

fn remove(file: &Path) -> Result<()> {
    if file.exists() {
        fs::remove_file(file)?;
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::median;
    use std::time::Duration;

    #[test]
    fn the_median_is_the_time_in_the_middle() {
        let times = [3, 1, 2].map(Duration::from_secs).to_vec();
        assert_eq!(median(times), Duration::from_secs(2));
    }
}
