//! An agent that embeds the engine, in a process of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use redb_cache::cache::record::Episode;
use redb_cache::{Concurrency, RedbConfig, RedbStorage};

use crate::common::{given, long_episode};

/// What tells the process its role.
const ROLE: &str = "TORTURE_ROLE";
/// Threads whose writes are committed together.
const THREADS: usize = 3;
/// Writes of each thread.
const WRITES: usize = 24;
/// Each thread writes so many keys again and again.
const KEYS: usize = 5;

/// The newest write of each key, by its number.
pub type Newest = BTreeMap<String, usize>;

/// This test binary, as an agent that writes `cache`.
pub fn command(cache: &Path, concurrency: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env(ROLE, format!("writer {concurrency}"))
        .env("TEST_CACHE", cache);
    command
}

/// Opens the cache as the agent does.
pub fn open(cache: &Path, concurrency: Concurrency) -> redb_cache::Result<RedbStorage> {
    let config = RedbConfig {
        concurrency,
        commit_window: Duration::from_millis(1),
        max_cache_size: 1_000_000,
        ..RedbConfig::default()
    };
    RedbStorage::with_full_config(cache, config)
}

/// Plays the agent, where that is this process's role.
pub fn play_role() -> bool {
    let Ok(role) = std::env::var(ROLE) else {
        return false;
    };
    let concurrency = match role.strip_prefix("writer ") {
        Some("single") => Concurrency::SingleWriter,
        Some("exclusive") => Concurrency::ExclusiveWriter,
        Some("multi") => Concurrency::MultiWriter,
        _ => return false,
    };
    let cache = open(&given().unwrap(), concurrency).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let cache = &cache;
            scope.spawn(move || write(cache, thread));
        }
    });
    cache.close().unwrap();
    true
}

fn write(cache: &RedbStorage, thread: usize) {
    for n in 1..=WRITES {
        let key = format!("{thread}-{}", n % KEYS);
        if n % 8 == 0 {
            // Larger than what was free: the file grows.
            let keys = (0..20).map(|i| format!("{thread}-all-{i}"));
            let rows: Vec<_> = keys.map(|key| (key, long_episode(n))).collect();
            let keys: Vec<_> = rows.iter().map(|(key, _)| format!("{key}={n}")).collect();
            cache.insert_all::<Episode>(rows).unwrap();
            println!("{}", keys.join(" "));
        } else {
            cache.insert_durable(&key, long_episode(n)).unwrap();
            println!("{key}={n}");
        }
    }
}

/// Notes what the agent said to be durable.
pub fn note(newest: &mut Newest, said: &str) {
    for (key, n) in said
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
    {
        newest.insert(key.to_owned(), n.parse().unwrap());
    }
}

/// What is in the cache, in the same terms.
pub fn written(key: &str, episode: &Episode) -> Option<(String, usize)> {
    let n = episode.task_description.strip_prefix("task ")?;
    Some((key.to_owned(), n.parse().ok()?))
}
