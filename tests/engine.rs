//! The engine as a program that embeds it sees it: limits, time, restarts, other programs.
#![cfg(test)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{episode, long_episode};
use redb::{ReadableDatabase, ReadableTableMetadata, TableDefinition};
use redb_cache::cache::record::{Embedding, Episode, EpisodeSummary, RecommendationSession};
use redb_cache::cache::{ManualClock, Table};
use redb_cache::{Concurrency, ErrorKind, RedbConfig, RedbStorage};

const START_MS: i64 = 1_800_000_000_000;

struct Setup {
    _dir: tempfile::TempDir,
    path: std::path::PathBuf,
    clock: Arc<ManualClock>,
}

impl Setup {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache.redb");
        let clock = Arc::new(ManualClock::at_ms(START_MS));
        Self {
            _dir: dir,
            path,
            clock,
        }
    }

    fn open(&self, change: impl FnOnce(&mut RedbConfig)) -> RedbStorage {
        open(&self.path, &self.clock, change).unwrap()
    }
}

fn open(
    path: &Path,
    clock: &Arc<ManualClock>,
    change: impl FnOnce(&mut RedbConfig),
) -> redb_cache::Result<RedbStorage> {
    let mut config = RedbConfig {
        clock: clock.clone(),
        ..RedbConfig::default()
    };
    change(&mut config);
    RedbStorage::with_full_config(path, config)
}

fn keys_present(cache: &RedbStorage, keys: &[&str]) -> Vec<String> {
    let live = |key: &&&str| cache.get(key).unwrap().is_some();
    keys.iter().filter(live).map(ToString::to_string).collect()
}

#[test]
fn the_least_recently_used_episode_is_evicted_also_after_a_restart() {
    let setup = Setup::new();
    let cache = setup.open(|config| config.max_cache_size = 3);
    for key in ["a", "b", "c"] {
        cache.insert(key, episode(key)).unwrap();
    }
    cache.get("a").unwrap().unwrap();
    cache.insert("d", episode("d")).unwrap();
    assert!(
        cache.get("b").unwrap().is_none(),
        "b was the least recently used"
    );
    cache.get("c").unwrap().unwrap();
    cache.close().unwrap();

    let cache = setup.open(|config| config.max_cache_size = 3);
    cache.insert("e", episode("e")).unwrap();
    assert!(
        cache.get("a").unwrap().is_none(),
        "a was used before d was written and c read"
    );
    assert_eq!(keys_present(&cache, &["c", "d", "e"]), ["c", "d", "e"]);
    assert_eq!(cache.get_stats().unwrap().total_evictions, 2);
}

#[test]
fn the_limit_holds_at_every_moment_of_a_bulk_load() {
    let setup = Setup::new();
    let cache = setup.open(|config| config.max_cache_size = 10);
    for n in 0..1_000 {
        cache.insert(format!("k{n}"), episode("x")).unwrap();
        if n % 97 == 0 {
            assert!(cache.get_stats().unwrap().total_entries <= 10);
        }
    }
    for n in 990..1_000 {
        assert!(
            cache.get(format!("k{n}")).unwrap().is_some(),
            "k{n} is among the newest"
        );
    }
    let stats = cache.get_stats().unwrap();
    assert_eq!((stats.total_entries, stats.total_evictions), (10, 990));
}

#[test]
fn writing_what_is_there_already_evicts_nothing() {
    let setup = Setup::new();
    let cache = setup.open(|config| config.max_cache_size = 100);
    let rows = |range: std::ops::Range<usize>| range.map(|n| (format!("k{n}"), episode("x")));
    cache.insert_all::<Episode>(rows(0..80)).unwrap();
    for _ in 0..3 {
        cache
            .insert_all_buffered::<Episode>(rows(0..80).chain(rows(0..40)))
            .unwrap();
        cache.insert("k0", episode("x")).unwrap();
    }
    cache.insert_all_buffered::<Episode>(rows(80..100)).unwrap();
    let stats = cache.get_stats().unwrap();
    assert_eq!((stats.total_entries, stats.total_evictions), (100, 0));
    cache.insert("one more", episode("x")).unwrap();
    let stats = cache.get_stats().unwrap();
    assert_eq!((stats.total_entries, stats.total_evictions), (100, 1));
}

#[test]
fn a_limit_of_zero_keeps_nothing_and_a_huge_one_everything() {
    let setup = Setup::new();
    let cache = setup.open(|config| config.max_cache_size = 0);
    cache.insert("a", episode("a")).unwrap();
    assert!(cache.get("a").unwrap().is_none());
    assert_eq!(cache.get_stats().unwrap().total_entries, 0);
    cache.close().unwrap();
    let cache = setup.open(|config| {
        config.max_cache_size = u64::MAX;
        config.ttl_seconds = Some(u64::MAX);
    });
    cache.insert("a", episode("a")).unwrap();
    setup.clock.advance_ms(1_000_000_000_000);
    assert!(cache.get("a").unwrap().is_some());
}

#[test]
fn what_hangs_on_an_evicted_episode_goes_with_it() {
    let setup = Setup::new();
    let cache = setup.open(|config| config.max_cache_size = 1);
    let first = episode("first");
    let key = first.episode_id.to_string();
    cache
        .insert_as::<Embedding>(format!("episode_{key}"), vec![0.5, 1.5])
        .unwrap();
    cache.insert_as::<Embedding>("mine", vec![2.5]).unwrap();
    cache
        .insert_as::<EpisodeSummary>(&key, summary(&first))
        .unwrap();
    cache.insert(&key, first).unwrap();
    cache.flush().unwrap();
    cache.insert("second", episode("second")).unwrap();
    assert!(
        cache
            .get_as::<Embedding>(format!("episode_{key}"))
            .unwrap()
            .is_none()
    );
    assert!(cache.get_as::<EpisodeSummary>(&key).unwrap().is_none());
    assert_eq!(*cache.get_as::<Embedding>("mine").unwrap().unwrap(), [2.5]);
    cache.close().unwrap();

    let db = redb::Database::open(&setup.path).unwrap();
    let txn = db.begin_read().unwrap();
    let revisions: TableDefinition<&str, i64> = TableDefinition::new("episode_revisions");
    assert_eq!(txn.open_table(revisions).unwrap().len().unwrap(), 1);
}

fn summary(of: &Episode) -> EpisodeSummary {
    EpisodeSummary {
        episode_id: of.episode_id,
        summary_text: "short".into(),
        key_concepts: Vec::new(),
        key_steps: Vec::new(),
        summary_embedding: None,
        created_at: chrono::DateTime::from_timestamp_millis(START_MS).unwrap(),
    }
}

#[test]
fn an_expired_entry_is_a_miss_before_it_is_removed_and_then_it_is_removed() {
    let setup = Setup::new();
    let cache = setup.open(|config| config.ttl_seconds = Some(10));
    cache.insert("old", episode("old")).unwrap();
    cache.insert_raw("metadata", "mine", b"stays").unwrap();
    setup.clock.advance_ms(9_999);
    cache.insert("new", episode("new")).unwrap();
    assert!(cache.get("old").unwrap().is_some());
    setup.clock.advance_ms(1);
    assert!(cache.get("old").unwrap().is_none());
    assert_eq!(
        cache.get_stats().unwrap().total_entries,
        2,
        "not yet removed"
    );
    assert_eq!(cache.remove_expired().unwrap(), 1);
    let stats = cache.get_stats().unwrap();
    assert_eq!((stats.total_entries, stats.expirations), (1, 1));
    assert_eq!(
        cache.get_raw("metadata", "mine").unwrap().unwrap(),
        b"stays"
    );
}

#[test]
fn what_has_expired_is_removed_in_the_background() {
    let setup = Setup::new();
    let cache = setup.open(|config| {
        config.ttl_seconds = Some(10);
        config.ttl_check_interval = 1;
    });
    cache.insert_durable("old", episode("old")).unwrap();
    setup.clock.advance_ms(10_000);
    // Ends when the cleaning has come round; the harness stops a test that never ends.
    while cache.get_stats().unwrap().total_entries > 0 {
        std::thread::yield_now();
    }
    assert_eq!(cache.get_stats().unwrap().expirations, 1);
}

#[test]
fn reading_does_not_prolong_a_life_but_writing_does() {
    let setup = Setup::new();
    let cache = setup.open(|config| config.ttl_seconds = Some(10));
    cache.insert("read", episode("read")).unwrap();
    cache.insert("written", episode("written")).unwrap();
    setup.clock.advance_ms(6_000);
    cache.get("read").unwrap().unwrap();
    cache.insert("written", episode("again")).unwrap();
    setup.clock.advance_ms(6_000);
    assert_eq!(keys_present(&cache, &["read", "written"]), ["written"]);
}

#[test]
fn a_changed_ttl_holds_for_what_was_there_before() {
    let setup = Setup::new();
    let cache = setup.open(|_| {});
    cache.insert("a", episode("a")).unwrap();
    cache.close().unwrap();
    setup.clock.advance_ms(60_000);
    let cache = setup.open(|config| config.ttl_seconds = Some(30));
    assert!(cache.get("a").unwrap().is_none());
    cache.close().unwrap();
    let cache = setup.open(|config| config.ttl_seconds = Some(3_000));
    assert!(cache.get("a").unwrap().is_some());
}

#[test]
fn a_clock_that_goes_back_breaks_neither_order_nor_expiry() {
    let setup = Setup::new();
    let config = |config: &mut RedbConfig| {
        config.max_cache_size = 2;
        config.ttl_seconds = Some(100);
    };
    let cache = setup.open(config);
    cache.insert("a", episode("a")).unwrap();
    cache.insert("b", episode("b")).unwrap();
    setup.clock.advance_ms(-50_000);
    cache.get("a").unwrap().unwrap();
    cache.insert("c", episode("c")).unwrap();
    assert_eq!(keys_present(&cache, &["a", "b", "c"]), ["a", "c"]);
    cache.close().unwrap();
    let cache = setup.open(config);
    cache.insert("d", episode("d")).unwrap();
    assert_eq!(keys_present(&cache, &["a", "c", "d"]), ["c", "d"]);
    setup.clock.advance_ms(100_000);
    assert!(cache.get("d").unwrap().is_none());
}

#[test]
fn counters_continue_after_a_restart() {
    let setup = Setup::new();
    let cache = setup.open(|_| {});
    cache.insert("a", episode("a")).unwrap();
    cache.get("a").unwrap();
    cache.get("nothing").unwrap();
    let before = cache.get_stats().unwrap();
    assert_eq!((before.hits, before.misses, before.total_writes), (1, 1, 1));
    cache.close().unwrap();
    setup.clock.advance_ms(5_000);
    let cache = setup.open(|_| {});
    cache.get("a").unwrap();
    let after = cache.get_stats().unwrap();
    assert_eq!((after.hits, after.misses, after.total_writes), (2, 1, 1));
    assert!((after.hit_rate - 2.0 / 3.0).abs() < 1e-9);
    assert_eq!(after.since, before.since);
}

#[test]
fn compressed_values_come_back_equal_with_and_without_a_dictionary() {
    let setup = Setup::new();
    let compressed = |config: &mut RedbConfig| config.enable_compression = true;
    let cache = setup.open(compressed);
    let episodes: Vec<_> = (0..300).map(long_episode).collect();
    for (n, episode) in episodes.iter().take(150).enumerate() {
        cache.insert(format!("k{n}"), episode.clone()).unwrap();
    }
    cache.close().unwrap();
    let cache = setup.open(compressed);
    for (n, episode) in episodes.iter().enumerate().skip(150) {
        cache.insert(format!("k{n}"), episode.clone()).unwrap();
    }
    cache.close().unwrap();
    let cache = setup.open(compressed);
    for (n, episode) in episodes.iter().enumerate() {
        assert_eq!(*cache.get(format!("k{n}")).unwrap().unwrap(), *episode);
    }
    let stats = cache.get_stats().unwrap().tables["episodes"];
    assert!(stats.stored_bytes * 4 < stats.raw_bytes, "{stats:?}");
}

#[test]
fn many_readers_see_each_write_of_the_writer_whole() {
    let setup = Setup::new();
    let cache = setup.open(|config| config.hot_bytes = 20_000);
    cache
        .insert_all::<Episode>((0..50).map(|n| (format!("k{n}"), long_episode(0))))
        .unwrap();
    std::thread::scope(|scope| {
        let reader = || {
            for n in 0..20_000 {
                let episode = cache.get(format!("k{}", n % 50)).unwrap().unwrap();
                let round = episode.task_description.clone();
                assert!(episode.metadata["plan"].contains(&format!("run {}:", &round[5..])));
            }
        };
        for _ in 0..3 {
            scope.spawn(reader);
        }
        for round in 0..200 {
            for n in 0..50 {
                cache.insert(format!("k{n}"), long_episode(round)).unwrap();
            }
            if round % 20 == 0 {
                cache.flush().unwrap();
            }
        }
    });
}

#[test]
fn a_write_is_read_back_at_once_by_its_own_thread_whatever_the_hot_layer_does() {
    let setup = Setup::new();
    for hot_bytes in [0, 4_000, 1 << 20] {
        let cache = setup.open(|config| {
            config.hot_bytes = hot_bytes;
            config.commit_window = Duration::from_micros(200);
        });
        for n in 0..2_000 {
            let key = format!("k{}", n % 13);
            cache.insert(&key, episode(&n.to_string())).unwrap();
            let read = cache.get(&key).unwrap().unwrap();
            assert_eq!(read.task_description, n.to_string());
            if n % 7 == 0 {
                assert!(cache.remove(&key).unwrap());
                assert!(cache.get(&key).unwrap().is_none());
            }
        }
        cache.close().unwrap();
    }
}

#[test]
fn two_engines_that_share_a_cache_see_each_others_writes() {
    let setup = Setup::new();
    let shared = |config: &mut RedbConfig| {
        config.concurrency = Concurrency::MultiWriter;
        config.stale_after = Duration::ZERO;
        config.max_cache_size = 5;
    };
    let one = setup.open(shared);
    let two = setup.open(shared);
    for n in 0..20 {
        let (writer, reader) = if n % 2 == 0 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        writer
            .insert_durable("shared", episode(&n.to_string()))
            .unwrap();
        let read = reader.get("shared").unwrap().unwrap();
        assert_eq!(read.task_description, n.to_string());
        writer
            .insert_durable(format!("own{n}"), episode("own"))
            .unwrap();
    }
    assert!(one.get_stats().unwrap().total_entries <= 6);
}

#[test]
fn a_second_engine_is_refused_while_the_first_one_writes_alone() {
    let setup = Setup::new();
    let _first = setup.open(|_| {});
    let error = open(&setup.path, &setup.clock, |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert_eq!(error.path(), Some(setup.path.as_path()));
}

#[test]
fn a_cache_that_do_memory_wrote_is_taken_in_with_the_ages_of_its_rows() {
    let (_dir, path) = common::copy_of("0.1.47");
    let clock = Arc::new(ManualClock::at_ms(START_MS));
    let cache = open(&path, &clock, |_| {}).unwrap();
    let truth = common::truth("0.1.47");
    let stats = cache.get_stats().unwrap();
    for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
        let rows = truth[table.name()]
            .as_object()
            .map_or(0, serde_json::Map::len);
        assert_eq!(stats.tables[table.name()].entries, rows as u64, "{table}");
    }
    for (key, value) in truth["episodes"].as_object().unwrap() {
        let read = cache.get(key).unwrap().unwrap();
        assert_eq!(value["task_description"], read.task_description.as_str());
    }
    cache.close().unwrap();
    let cache = open(&path, &clock, |config| config.ttl_seconds = Some(1)).unwrap();
    let key = truth["episodes"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap();
    assert!(
        cache.get(key).unwrap().is_none(),
        "its revision is long past"
    );
    cache.remove_expired().unwrap();
    let left = cache.get_stats().unwrap();
    assert_eq!(left.tables["episodes"].entries, 0);
    for table in [
        "procedural",
        "recommendation_sessions",
        "recommendation_feedback",
    ] {
        assert_eq!(
            left.tables[table].entries, stats.tables[table].entries,
            "{table} never expires"
        );
    }
}

#[test]
fn rows_that_another_program_replaced_are_read_as_they_are_now() {
    let setup = Setup::new();
    let compressed = |config: &mut RedbConfig| config.enable_compression = true;
    let cache = setup.open(compressed);
    cache.insert("replaced", long_episode(1)).unwrap();
    cache.insert("gone", long_episode(2)).unwrap();
    cache.close().unwrap();
    let theirs = long_episode(3);
    {
        let db = redb::Database::open(&setup.path).unwrap();
        let txn = db.begin_write().unwrap();
        let table: TableDefinition<&str, &[u8]> = TableDefinition::new("episodes");
        let bytes = redb_cache::cache::record::encode(&theirs).unwrap();
        let mut rows = txn.open_table(table).unwrap();
        rows.insert("replaced", bytes.as_slice()).unwrap();
        rows.remove("gone").unwrap();
        rows.insert("added", bytes.as_slice()).unwrap();
        drop(rows);
        txn.commit().unwrap();
    }
    let cache = setup.open(compressed);
    assert_eq!(*cache.get("replaced").unwrap().unwrap(), theirs);
    assert_eq!(*cache.get("added").unwrap().unwrap(), theirs);
    assert!(cache.get("gone").unwrap().is_none());
    cache.insert("more", episode("more")).unwrap();
    assert_eq!(cache.get_stats().unwrap().total_entries, 3);
}

#[test]
fn other_layouts_are_refused_and_not_a_byte_of_them_changes() {
    for (fixture, kind) in [
        ("0.1.34", ErrorKind::OldFormat),
        ("0.1.22", ErrorKind::OldFormat),
        ("0.1.6", ErrorKind::OldFormat),
    ] {
        let (_dir, path) = common::copy_of(fixture);
        let before = std::fs::read(&path).unwrap();
        let error = RedbStorage::new(&path).unwrap_err();
        assert_eq!(error.kind(), kind, "{fixture}: {error}");
        assert_eq!(error.advice(), Some("run: redb-cache migrate"));
        assert!(
            std::fs::read(&path).unwrap() == before,
            "{fixture} was changed"
        );
    }
}

#[test]
fn a_newer_schema_version_is_refused_and_not_a_byte_changes() {
    let (_dir, path) = common::copy_of("0.1.47");
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    let versions: TableDefinition<&str, u64> = TableDefinition::new("schema_version");
    txn.open_table(versions)
        .unwrap()
        .insert("version", 5)
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    let before = std::fs::read(&path).unwrap();
    let error = RedbStorage::new(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownLayout);
    assert!(std::fs::read(&path).unwrap() == before);
}

#[test]
fn revisions_follow_the_order_of_writing_within_one_commit() {
    let setup = Setup::new();
    let cache = setup.open(|config| config.commit_window = Duration::from_secs(3_600));
    let keys = ["m", "z", "a", "q", "b"];
    for key in keys {
        cache.insert(key, episode(key)).unwrap();
    }
    cache.close().unwrap();
    let cache = setup.open(|config| config.commit_window = Duration::from_secs(3_600));
    cache.insert("m", episode("again")).unwrap();
    cache.insert("c", episode("new")).unwrap();
    cache.close().unwrap();

    let db = redb::Database::open(&setup.path).unwrap();
    let txn = db.begin_read().unwrap();
    let table: TableDefinition<&str, i64> = TableDefinition::new("episode_revisions");
    let rows = txn.open_table(table).unwrap();
    let revision = |key: &str| {
        redb::ReadableTable::get(&rows, key)
            .unwrap()
            .unwrap()
            .value()
    };
    let revisions: Vec<_> = ["z", "a", "q", "b", "m", "c"].map(revision).into();
    assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
}

#[test]
fn tables_of_the_user_are_kept_and_can_be_used() {
    let setup = Setup::new();
    let cache = setup.open(|_| {});
    cache.insert_raw("my_table", "k", b"v").unwrap();
    assert_eq!(cache.get_raw("my_table", "k").unwrap().unwrap(), b"v");
    cache.close().unwrap();
    let cache = setup.open(|_| {});
    assert_eq!(cache.get_raw("my_table", "k").unwrap().unwrap(), b"v");
    cache.remove_raw("my_table", "k").unwrap();
    assert_eq!(cache.get_raw("my_table", "k").unwrap(), None);
    for reserved in ["episodes", "redb_cache.entries", "schema_version", ""] {
        let error = cache.insert_raw(reserved, "k", b"v").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{reserved}");
    }
    let error = cache
        .insert_raw("metadata", "redb_cache.limits", b"{}")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn the_session_index_names_the_newest_session_of_an_episode() {
    let setup = Setup::new();
    let cache = setup.open(|_| {});
    let episode_id = uuid::Uuid::new_v4();
    let session = |at_s: i64| RecommendationSession {
        session_id: uuid::Uuid::new_v4(),
        episode_id,
        timestamp: chrono::DateTime::from_timestamp(at_s, 0).unwrap(),
        recommended_pattern_ids: Vec::new(),
        recommended_playbook_ids: Vec::new(),
    };
    let (newest, oldest) = (session(200), session(100));
    for session in [&newest, &oldest] {
        let key = session.session_id.to_string();
        cache
            .insert_as::<RecommendationSession>(key, session.clone())
            .unwrap();
    }
    cache.flush().unwrap();
    assert_eq!(
        indexed(&setup, &cache, episode_id),
        Some(newest.session_id.to_string())
    );
    cache
        .remove_as::<RecommendationSession>(newest.session_id.to_string())
        .unwrap();
    cache.flush().unwrap();
    assert_eq!(
        indexed(&setup, &cache, episode_id),
        Some(oldest.session_id.to_string())
    );
}

fn indexed(setup: &Setup, _live: &RedbStorage, episode: uuid::Uuid) -> Option<String> {
    let db = redb::Builder::new()
        .set_concurrency_mode(redb::ConcurrencyMode::SingleWriter)
        .open_read_only(&setup.path)
        .unwrap();
    let txn = db.begin_read().unwrap();
    let table: TableDefinition<&str, &str> = TableDefinition::new("recommendation_episode_index");
    let index = txn.open_table(table).unwrap();
    redb::ReadableTable::get(&index, episode.to_string().as_str())
        .unwrap()
        .map(|id| id.value().to_owned())
}

#[test]
fn the_future_of_a_flush_ends_when_the_write_is_durable() {
    use std::future::Future;
    use std::task::{Context, Poll, Wake};
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let setup = Setup::new();
    let cache = setup.open(|config| config.commit_window = Duration::from_secs(3_600));
    cache.insert("a", episode("a")).unwrap();
    let mut flushed = std::pin::pin!(cache.flushed());
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    while flushed.as_mut().poll(&mut context).is_pending() {
        std::thread::park();
    }
    assert!(matches!(
        flushed.as_mut().poll(&mut context),
        Poll::Ready(Ok(()))
    ));
    let copy = setup.path.with_extension("copy");
    std::fs::copy(&setup.path, &copy).unwrap();
    let crashed = open(&copy, &setup.clock, |_| {}).unwrap();
    assert!(
        crashed.get("a").unwrap().is_some(),
        "it was on disk before the cache was closed"
    );
}

#[test]
fn an_empty_file_becomes_a_cache_and_any_other_file_is_left_alone() {
    let setup = Setup::new();
    std::fs::write(&setup.path, b"").unwrap();
    setup
        .open(|_| {})
        .insert_durable("a", episode("a"))
        .unwrap();
    std::fs::write(&setup.path, b"a letter to somebody").unwrap();
    let error = open(&setup.path, &setup.clock, |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert_eq!(std::fs::read(&setup.path).unwrap(), b"a letter to somebody");
    let missing = setup.path.with_file_name("no/such/folder.redb");
    let error = open(&missing, &setup.clock, |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let setup = Setup::new();
    for change in [
        (|config| config.compression_level = 10) as fn(&mut RedbConfig),
        |config| config.ttl_check_interval = 0,
    ] {
        let error = open(&setup.path, &setup.clock, change).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
    assert!(!setup.path.exists(), "nothing was made");
}

#[test]
fn a_cache_in_memory_does_the_same() {
    let cache = RedbStorage::in_memory(RedbConfig {
        max_cache_size: 1,
        ..RedbConfig::default()
    })
    .unwrap();
    cache.insert("a", episode("a")).unwrap();
    cache.insert("b", episode("b")).unwrap();
    assert_eq!(keys_present(&cache, &["a", "b"]), ["b"]);
    let health = cache.health_check().unwrap();
    assert!(health.is_healthy, "{health:?}");
}

#[test]
fn a_commit_window_without_end_waits_for_a_flush() {
    let config = RedbConfig {
        commit_window: Duration::MAX,
        ..RedbConfig::default()
    };
    let cache = RedbStorage::in_memory(config).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        cache.insert("a", episode("a")).unwrap();
        // Long enough for the committing thread to see that something waits.
        std::thread::sleep(Duration::from_millis(50));
        tell.send(cache.flush().is_ok())
    });
    let flushed = told.recv_timeout(Duration::from_secs(10));
    assert_eq!(flushed, Ok(true), "a flush ends");
}
