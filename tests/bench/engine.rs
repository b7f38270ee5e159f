//! How fast the engine is. `tests/interop` holds the same work against do-memory's own library.
//!
//! Sizes and rates are of caches on the disk that holds the target folder.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on fails"
)]

use std::sync::Arc;
use std::thread;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use redb_cache::cache::ManualClock;
use redb_cache::cache::record::{Episode, ExecutionResult, ExecutionStep, TaskContext, TaskType};
use redb_cache::{RedbConfig, RedbStorage};
use tempfile::TempDir;

const EPISODES: usize = 10_000;
const THREADS: usize = 16;
const TTL_SECONDS: u64 = 1_000;

fn main() {
    divan::main();
}

/// About 1.7 KB as stored.
fn episode(n: usize) -> Episode {
    let task = format!("task {n}: make the retry test stop failing now and then");
    let mut episode = Episode::new(task, TaskContext::default(), TaskType::Debugging);
    episode.steps = (1..=5).map(|number| step(number, n)).collect();
    episode
}

fn step(number: u64, n: usize) -> ExecutionStep {
    let tool = ["grep", "read", "edit", "cargo_test", "git"][n % 5];
    let mut step = ExecutionStep::new(number, tool, format!("{tool} src/module_{}.rs", n % 97));
    step.parameters_json = format!("{{\"path\":\"src/module_{}.rs\",\"attempt\":{n}}}", n % 97);
    let output = format!("line {n}: test result: ok. {} passed; ", n % 300).repeat(5);
    step.result = Some(ExecutionResult::Success { output });
    step
}

struct Filled {
    cache: RedbStorage,
    keys: Vec<String>,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

fn filled(episodes: usize, change: impl Fn(&mut RedbConfig)) -> Filled {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("cache.redb");
    let clock = Arc::new(ManualClock::at_ms(1_800_000_000_000));
    let mut config = RedbConfig {
        max_cache_size: u64::MAX,
        clock: clock.clone(),
        ..RedbConfig::default()
    };
    change(&mut config);
    let cache = RedbStorage::with_full_config(&path, config.clone()).unwrap();
    let keys: Vec<String> = (0..episodes).map(key).collect();
    cache
        .insert_all::<Episode>(keys.iter().zip((0..episodes).map(episode)))
        .unwrap();
    cache.close().unwrap();
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    Filled {
        cache,
        keys,
        clock,
        _folder: folder,
    }
}

/// Spread as evenly as the identifiers that they stand for.
fn key(n: usize) -> String {
    let spread = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!(
        "{:08x}-{:04x}-4000-8000-{:012x}",
        spread >> 32,
        spread >> 16 & 0xffff,
        n
    )
}

#[divan::bench]
fn repeated_get(bencher: Bencher<'_, '_>) {
    let filled = filled(100, |_| {});
    filled.cache.get(&filled.keys[0]).unwrap();
    bencher.bench_local(|| filled.cache.get(black_box(&filled.keys[0])).unwrap());
}

#[divan::bench(args = [false, true])]
fn first_get(bencher: Bencher<'_, '_>, compressed: bool) {
    let filled = filled(EPISODES, |config| {
        config.hot_bytes = 0;
        config.enable_compression = compressed;
        config.compression_threshold = 0;
    });
    let mut keys = filled.keys.iter().cycle();
    bencher.bench_local(|| filled.cache.get(keys.next().unwrap()).unwrap());
}

#[divan::bench(sample_size = 1_000, sample_count = 10)]
fn buffered_insert(bencher: Bencher<'_, '_>) {
    let filled = filled(EPISODES, |_| {});
    let mut n = 0;
    bencher
        .with_inputs(|| {
            n += 1;
            (key(EPISODES + n), episode(n))
        })
        .bench_local_values(|(key, episode)| filled.cache.insert(key, episode).unwrap());
}

#[divan::bench(sample_count = 20)]
fn durable_insert_of_16_threads(bencher: Bencher<'_, '_>) {
    let filled = filled(EPISODES, |_| {});
    bencher
        .counter(ItemsCount::new(THREADS * 10))
        .bench_local(|| {
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let cache = &filled.cache;
                    scope.spawn(move || {
                        for n in 0..10 {
                            cache
                                .insert_durable(key(thread * 10 + n), episode(n))
                                .unwrap();
                        }
                    });
                }
            });
        });
}

#[divan::bench(args = [1_000, 10_000], sample_count = 10)]
fn batch(bencher: Bencher<'_, '_>, size: usize) {
    let episodes: Vec<_> = (0..size).map(|n| (key(n), episode(n))).collect();
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| filled(0, |_| {}))
        .bench_local_values(|filled| {
            filled
                .cache
                .insert_all::<Episode>(episodes.iter().map(|(key, e)| (key, e)))
                .unwrap();
            filled
        });
}

/// An insert into a full cache, and the eviction that it takes. Durable a group later.
#[divan::bench(args = [10_000, 1_000_000], sample_size = 100, sample_count = 10)]
fn insert_with_eviction(bencher: Bencher<'_, '_>, entries: usize) {
    let filled = filled(entries, |config| config.max_cache_size = entries as u64);
    let mut n = 0;
    bencher
        .with_inputs(|| {
            n += 1;
            (key(entries + n), episode(n))
        })
        .bench_local_values(|(key, episode)| filled.cache.insert(key, episode).unwrap());
}

#[divan::bench(sample_size = 1, sample_count = 3)]
fn clean_10_000_expired_of_100_000(bencher: Bencher<'_, '_>) {
    let setup = || {
        let filled = filled(100_000, |config| config.ttl_seconds = Some(TTL_SECONDS));
        filled.clock.advance_ms(1_000);
        let fresh = filled.keys.iter().skip(EPISODES).enumerate();
        filled
            .cache
            .insert_all::<Episode>(fresh.map(|(n, key)| (key, episode(n))))
            .unwrap();
        filled
            .clock
            .advance_ms((TTL_SECONDS * 1_000 - 500).cast_signed());
        filled
    };
    bencher.with_inputs(setup).bench_local_values(|filled| {
        assert_eq!(filled.cache.remove_expired().unwrap(), EPISODES as u64);
        filled
    });
}
