//! The engine where others interfere: panics, other programs' writes, odd settings, busy neighbours.
#![cfg(test)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use common::{episode, long_episode};
use redb::{ReadableDatabase, TableDefinition};
use redb_cache::cache::record::{Embedding, Episode};
use redb_cache::cache::{Clock, ManualClock, View, sweep};
use redb_cache::file::open_for_writing;
use redb_cache::{Concurrency, RedbConfig, RedbStorage};

/// Whether `work` ends within five seconds.
fn ends<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || drop(tell.send(work())));
    told.recv_timeout(Duration::from_secs(5)).ok()
}

#[test]
fn a_check_interval_that_never_comes_does_not_stop_the_writer() {
    let config = RedbConfig {
        ttl_check_interval: u64::MAX,
        ..RedbConfig::default()
    };
    let cache = RedbStorage::in_memory(config).unwrap();
    let done = ends(move || cache.insert_durable("a", episode("a")).is_ok());
    assert_eq!(done, Some(true), "an insert that waits must end");
}

#[derive(Debug)]
struct Panics;
impl Clock for Panics {
    fn now_us(&self) -> i64 {
        assert!(std::thread::current().name() != Some("redb-cache"), "boom");
        1_800_000_000_000_000
    }
}

#[test]
fn a_panic_in_the_committing_thread_is_an_error_and_no_hang() {
    let config = RedbConfig {
        ttl_check_interval: 1,
        clock: Arc::new(Panics),
        ..RedbConfig::default()
    };
    let cache = RedbStorage::in_memory(config).unwrap();
    let told = ends(move || while cache.insert_durable("a", episode("a")).is_ok() {});
    assert!(told.is_some(), "the failure is told to whoever waits");
}

#[test]
fn bytes_for_a_table_of_another_type_are_refused_and_harm_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    RedbStorage::new(&path).unwrap().close().unwrap();
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(TableDefinition::<&str, u64>::new("counters"))
        .unwrap()
        .insert("n", 1)
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    let cache = RedbStorage::new(&path).unwrap();
    cache.insert("a", episode("a")).unwrap();
    let refused = cache.insert_raw("counters", "n", b"x");
    let durable = cache.flush();
    assert!(refused.is_err(), "refused at once: {refused:?}");
    durable.unwrap();
}

#[test]
fn an_expiry_that_describes_an_older_row_does_not_remove_the_newer_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let clock = Arc::new(ManualClock::at_ms(1_800_000_000_000));
    let config = || RedbConfig {
        ttl_seconds: Some(1_000),
        clock: clock.clone(),
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(&path, config()).unwrap();
    cache.insert_as::<Embedding>("e", vec![1.0; 4]).unwrap();
    cache.close().unwrap();
    // do-memory writes the same embedding anew, 900 seconds later.
    clock.advance_ms(900_000);
    let bytes = {
        let db = redb::Database::open(&path).unwrap();
        let txn = db.begin_read().unwrap();
        txn.open_table(TableDefinition::<&str, &[u8]>::new("embeddings"))
            .unwrap()
            .get("e")
            .unwrap()
            .unwrap()
            .value()
            .to_vec()
    };
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    let mut other = bytes.clone();
    let n = other.len();
    other[n - 1] ^= 1;
    txn.open_table(TableDefinition::<&str, &[u8]>::new("embeddings"))
        .unwrap()
        .insert("e", other.as_slice())
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    let cache = RedbStorage::with_full_config(&path, config()).unwrap();
    assert!(cache.get_as::<Embedding>("e").unwrap().is_some());
    clock.advance_ms(200_000);
    assert!(
        cache.get_as::<Embedding>("e").unwrap().is_some(),
        "200 s old"
    );
    assert_eq!(cache.remove_expired().unwrap(), 0);
    assert!(
        cache.get_as::<Embedding>("e").unwrap().is_some(),
        "200 s old, of 1000"
    );
}

#[test]
fn a_closed_cache_is_free_though_a_wait_for_durability_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let cache = RedbStorage::new(&path).unwrap();
    let kept = cache.flushed();
    cache.close().unwrap();
    let again = RedbStorage::new(&path);
    assert!(again.is_ok(), "{:?}", again.err());
    drop(kept);
}

fn shared(config: RedbConfig) -> RedbConfig {
    RedbConfig {
        concurrency: Concurrency::MultiWriter,
        ..config
    }
}

#[test]
fn rows_that_another_writer_compressed_with_a_new_dictionary_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let config = || {
        shared(RedbConfig {
            enable_compression: true,
            compression_threshold: 100,
            ..RedbConfig::default()
        })
    };
    let a = RedbStorage::with_full_config(&path, config()).unwrap();
    let b = RedbStorage::with_full_config(&path, shared(RedbConfig::default())).unwrap();
    a.insert_all::<Episode>((0..200).map(|n| (format!("k{n:03}"), long_episode(n))))
        .unwrap();
    a.close().unwrap();
    // There is enough to learn from now, so this one trains a dictionary when it opens.
    let a = RedbStorage::with_full_config(&path, config()).unwrap();
    a.insert_durable("k205", long_episode(205)).unwrap();
    while b.get("k205").unwrap().is_none() {}
    drop(a);
    assert_eq!(
        *b.get("k205").unwrap().unwrap().task_description,
        *"task 205"
    );
}

#[test]
fn what_another_writer_has_renewed_does_not_go_by_an_older_states_word() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let clock = Arc::new(ManualClock::at_ms(1_800_000_000_000));
    let config = || {
        shared(RedbConfig {
            ttl_seconds: Some(10),
            stale_after: Duration::from_secs(3_600),
            clock: clock.clone(),
            ..RedbConfig::default()
        })
    };
    let a = RedbStorage::with_full_config(&path, config()).unwrap();
    a.insert_durable("k", episode("old")).unwrap();
    let b = RedbStorage::with_full_config(&path, config()).unwrap();
    clock.advance_ms(11_000);
    a.insert_durable("k", episode("renewed")).unwrap();
    assert_eq!(b.remove_expired().unwrap(), 0);
    b.close().unwrap();
    a.close().unwrap();
    let cache = RedbStorage::with_full_config(&path, config()).unwrap();
    assert_eq!(cache.get("k").unwrap().unwrap().task_description, "renewed");
}

#[test]
fn counters_of_two_writers_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let a = RedbStorage::with_full_config(&path, shared(RedbConfig::default())).unwrap();
    let b = RedbStorage::with_full_config(&path, shared(RedbConfig::default())).unwrap();
    for n in 0..10 {
        a.insert(format!("a{n}"), episode("a")).unwrap();
    }
    a.flush().unwrap();
    for n in 0..5 {
        b.insert(format!("b{n}"), episode("b")).unwrap();
    }
    b.flush().unwrap();
    a.close().unwrap();
    b.close().unwrap();
    let c = RedbStorage::new(&path).unwrap();
    assert_eq!(c.get_stats().unwrap().total_writes, 15);
}

#[test]
fn what_has_expired_is_removed_also_while_others_write_without_a_pause() {
    let dir = tempfile::tempdir().unwrap();
    let config = RedbConfig {
        ttl_seconds: Some(0),
        ttl_check_interval: 1,
        max_cache_size: u64::MAX,
        commit_window: Duration::ZERO,
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(dir.path().join("cache.redb"), config).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0_u64.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                cache.insert(format!("{}", n % 100), episode("x")).unwrap();
            }
        });
        // Ends when the cleaning has come round; the harness stops a test that never ends.
        while cache.get_stats().unwrap().expirations == 0 {}
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn one_entry_that_is_not_legible_does_not_stop_the_writes_of_other_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let cache = RedbStorage::new(&path).unwrap();
    cache.insert("a", episode("a")).unwrap();
    cache.close().unwrap();
    spoil_the_entry_of_a(&path);
    // Either the open refuses it, or it harms the row alone.
    let Ok(cache) = RedbStorage::new(&path) else {
        return;
    };
    cache.insert("b", episode("b")).unwrap();
    drop(cache.insert("a", episode("a")));
    drop(cache.flush());
    cache.insert_durable("c", episode("c")).unwrap();
}

#[test]
fn an_episode_that_was_used_since_the_plan_keeps_what_hangs_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.redb");
    let clock = Arc::new(ManualClock::at_ms(1_800_000_000_000));
    let config = RedbConfig {
        clock: clock.clone(),
        concurrency: Concurrency::MultiWriter,
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    cache.insert("e", episode("e")).unwrap();
    cache
        .insert_as::<Embedding>("episode_e", vec![1.0; 4])
        .unwrap();
    cache.flush().unwrap();
    let db = open_for_writing(
        &path,
        redb::ConcurrencyMode::MultiWriter,
        Duration::ZERO,
        1 << 20,
    )
    .unwrap();
    let bounds = sweep::Bounds {
        max_episodes: Some(0),
        ..Default::default()
    };
    let plan = sweep::plan(
        &View::new(db.begin_read().unwrap()),
        &bounds,
        1_800_000_000_000,
    )
    .unwrap();
    assert_eq!(plan.doomed.len(), 2);
    clock.advance_ms(1_000);
    cache.get("e").unwrap().unwrap();
    cache.insert_durable("f", episode("f")).unwrap();
    sweep::remove(&db, &plan.doomed).unwrap();
    drop(db);
    cache.close().unwrap();
    let cache = RedbStorage::new(&path).unwrap();
    assert!(cache.get("e").unwrap().is_some(), "used meanwhile");
    assert!(
        cache.get_as::<Embedding>("episode_e").unwrap().is_some(),
        "it hangs on what stays"
    );
}

#[test]
fn a_cleaning_that_fails_is_told_by_the_health_check_and_harms_no_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let clock = Arc::new(ManualClock::at_ms(1_800_000_000_000));
    let config = || RedbConfig {
        ttl_seconds: Some(10),
        ttl_check_interval: 1,
        clock: clock.clone(),
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(&path, config()).unwrap();
    cache.insert("a", episode("a")).unwrap();
    cache.close().unwrap();
    spoil_the_entry_of_a(&path);
    let cache = RedbStorage::with_full_config(&path, config()).unwrap();
    clock.advance_ms(20_000);
    // Ends when the cleaning has come round; the harness stops a test that never ends.
    while cache.health_check().unwrap().is_healthy {
        std::thread::yield_now();
    }
    cache.insert_durable("b", episode("b")).unwrap();
}

/// Makes what is recorded of the episode `a` illegible.
fn spoil_the_entry_of_a(path: &Path) {
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(TableDefinition::<&[u8], &[u8]>::new("redb_cache.entries"))
        .unwrap()
        .insert(b"\x01a".as_slice(), b"\xff".as_slice())
        .unwrap();
    txn.commit().unwrap();
}
