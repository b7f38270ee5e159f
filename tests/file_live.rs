//! Reading and writing a cache that somebody else has open.
#![cfg(test)]

mod common;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Other, copy_of, given, stay};
use redb::{ConcurrencyMode, Database, TableDefinition};
use redb_cache::file::{
    ExclusiveLock, Holding, ReadOptions, ReadVia, Snapshot, ValueRef, holder, open_for_writing,
    read, stream,
};
use redb_cache::{ErrorKind, Result};
use tempfile::TempDir;

const ROWS: TableDefinition<&str, &[u8]> = TableDefinition::new("episodes");

fn open(path: &Path, mode: ConcurrencyMode) -> Database {
    let backend = redb::backends::FileBackend::new(
        std::fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap(),
    );
    Database::builder()
        .set_concurrency_mode(mode)
        .create_with_backend(backend.unwrap())
        .unwrap()
}

#[test]
fn role_exclusive() {
    let Some(path) = given() else {
        return;
    };
    let _database = open(&path, ConcurrencyMode::ExclusiveWriter);
    stay();
}

#[test]
fn role_single_writer() {
    let Some(path) = given() else {
        return;
    };
    let _database = open(&path, ConcurrencyMode::SingleWriter);
    stay();
}

#[test]
fn role_multi_writer() {
    let Some(path) = given() else {
        return;
    };
    let _database = open(&path, ConcurrencyMode::MultiWriter);
    stay();
}

#[test]
fn role_old_redb() {
    let Some(path) = given() else {
        return;
    };
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.try_lock().unwrap();
    stay();
}

fn holding(path: &Path) -> (Holding, Option<holder::Holder>) {
    let file = std::fs::File::open(path).unwrap();
    (holder::holding(&file), holder::find(&file))
}

#[test]
fn who_holds_a_cache_and_how_is_told_without_touching_it() {
    let shared = Holding::Shared;
    for (role, expected) in [
        ("role_exclusive", Holding::Exclusive),
        ("role_old_redb", Holding::Exclusive),
        ("role_single_writer", shared(ConcurrencyMode::SingleWriter)),
        ("role_multi_writer", shared(ConcurrencyMode::MultiWriter)),
    ] {
        let (_folder, path) = copy_of("0.1.47");
        assert_eq!(holding(&path), (Holding::Nobody, None));
        let other = Other::start(role, &path);
        let (how, who) = holding(&path);
        assert_eq!(how, expected, "{role}");
        let who = who.unwrap();
        assert_eq!(who.pid, other.pid(), "{role}");
        assert!(who.program.unwrap().starts_with("file_live"));
        drop(other);
        assert_eq!(holding(&path), (Holding::Nobody, None));
    }
}

#[test]
fn a_held_cache_is_read_in_the_way_that_its_holder_allows() {
    for (role, expected) in [
        ("role_exclusive", ReadVia::LockFree),
        ("role_single_writer", ReadVia::Shared),
        ("role_multi_writer", ReadVia::Shared),
    ] {
        let (_folder, path) = copy_of("0.1.47");
        let _other = Other::start(role, &path);
        for verify in [false, true] {
            let options = ReadOptions {
                verify,
                ..ReadOptions::default()
            };
            let count = |snapshot: &Snapshot| {
                assert_eq!(snapshot.via(), expected, "{role}");
                Ok(snapshot.table("episodes")?.unwrap().rows)
            };
            assert_eq!(read(&path, &options, count).unwrap(), 70, "{role}");
            assert_eq!(stream(&path, &options, count).unwrap(), 70, "{role}");
        }
    }
}

#[test]
fn a_writer_is_told_who_holds_the_cache_within_its_timeout() {
    for role in [
        "role_exclusive",
        "role_old_redb",
        "role_single_writer",
        "role_multi_writer",
    ] {
        let (_folder, path) = copy_of("0.1.47");
        let other = Other::start(role, &path);
        for timeout in [Duration::ZERO, Duration::from_millis(300)] {
            let begin = Instant::now();
            let error = open_for_writing(&path, ConcurrencyMode::SingleWriter, timeout, 1 << 20)
                .err()
                .unwrap();
            assert!(
                begin.elapsed() >= timeout
                    && begin.elapsed() < timeout * 2 + Duration::from_millis(500)
            );
            assert_eq!(error.kind(), ErrorKind::InUse);
            assert_eq!(error.path(), Some(&*path));
            assert!(
                error
                    .holder()
                    .unwrap()
                    .starts_with(&format!("pid {} (", other.pid()))
            );
            assert_eq!(error.advice(), Some("wait for it with --lock-timeout 1m"));
            let error = ExclusiveLock::acquire(&path, timeout).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InUse);
        }
        let waiting = thread::spawn(move || {
            open_for_writing(
                &path,
                ConcurrencyMode::SingleWriter,
                Duration::from_secs(10),
                1 << 20,
            )
            .is_ok()
        });
        thread::sleep(Duration::from_millis(50));
        drop(other);
        assert!(waiting.join().unwrap(), "{role}");
    }
}

#[test]
fn the_exclusive_lock_keeps_every_redb_out_and_writes_no_byte() {
    let (_folder, path) = copy_of("0.1.47");
    let before = std::fs::read(&path).unwrap();
    let lock = ExclusiveLock::acquire(&path, Duration::ZERO).unwrap();
    for mode in [
        ConcurrencyMode::ExclusiveWriter,
        ConcurrencyMode::SingleWriter,
        ConcurrencyMode::MultiWriter,
    ] {
        let mut builder = Database::builder();
        builder.set_concurrency_mode(mode);
        let refused = |error| matches!(error, Some(redb::DatabaseError::DatabaseAlreadyOpen));
        assert!(refused(builder.open(&path).err()), "{mode:?}");
        assert!(refused(builder.open_read_only(&path).err()), "{mode:?}");
    }
    let old = std::fs::File::open(&path).unwrap();
    assert!(
        old.try_lock_shared().is_err(),
        "redb before 4.3 locks in this way"
    );
    drop(lock);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    open(&path, ConcurrencyMode::ExclusiveWriter);
}

#[test]
fn old_unknown_and_missing_caches_are_not_opened_for_writing() {
    let try_open = |path: &Path| {
        open_for_writing(path, ConcurrencyMode::SingleWriter, Duration::ZERO, 1 << 20)
            .err()
            .unwrap()
    };
    let (folder, path) = copy_of("0.1.14");
    let before = std::fs::read(&path).unwrap();
    let error = try_open(&path);
    assert_eq!(error.kind(), ErrorKind::OldFormat);
    assert_eq!(error.advice(), Some("run: redb-cache migrate"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let missing = folder.path().join("missing");
    assert_eq!(try_open(&missing).kind(), ErrorKind::NotFound);
    assert!(!missing.exists());
}

/// Every row of a generation holds its number, and all rows change together.
const GENERATION_ROWS: u64 = 400;

fn write_generation(database: &Database, generation: u64) {
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(ROWS).unwrap();
        for row in 0..GENERATION_ROWS {
            let mut value = generation.to_le_bytes().repeat(100 + (row % 50) as usize);
            value.extend(row.to_le_bytes());
            table
                .insert(format!("key-{row:05}").as_str(), &value[..])
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}

fn read_generation(snapshot: &Snapshot) -> Result<u64> {
    let (mut rows, mut generation) = (0, None);
    snapshot.scan("episodes", None, &mut |_, value| {
        let ValueRef::Bytes(bytes) = value else {
            panic!("{value:?}")
        };
        let found = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        assert_eq!(*generation.get_or_insert(found), found, "torn between rows");
        assert!(
            bytes
                .chunks(8)
                .rev()
                .skip(1)
                .all(|word| word == found.to_le_bytes())
        );
        rows += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    assert_eq!(rows, GENERATION_ROWS);
    Ok(generation.unwrap())
}

fn new_cache() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.redb");
    write_generation(&Database::create(&path).unwrap(), 0);
    (folder, path)
}

/// Runs `reader` beside a writer that pauses for `pause` between its commits, as an agent holds
/// its cache; answers how many generations were written meanwhile.
fn beside_a_writer(path: &Path, pause: Duration, reader: impl FnOnce()) -> u64 {
    let database = open(path, ConcurrencyMode::ExclusiveWriter);
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                write_generation(&database, written.fetch_add(1, Ordering::Relaxed) + 1);
                thread::sleep(pause);
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(reader));
        stop.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    written.into_inner()
}

#[test]
fn hundreds_of_snapshots_beside_a_busy_exclusive_writer_are_each_of_one_commit() {
    let (_folder, path) = new_cache();
    let mut latest = 0;
    let written = beside_a_writer(&path, Duration::from_millis(15), || {
        let mut snapshots = 0;
        // On a busy machine the writer may be slow to begin.
        while snapshots < 300 || (latest <= 5 && snapshots < 100_000) {
            let seen = read(&path, &ReadOptions::default(), |snapshot| {
                assert_eq!(snapshot.via(), ReadVia::LockFree);
                read_generation(snapshot)
            });
            let seen = seen.unwrap();
            assert!(seen >= latest, "{seen} after {latest}");
            latest = seen;
            snapshots += 1;
        }
    });
    println!("300 snapshots while {written} generations were written");
    assert!(latest > 5, "the writer hardly wrote");
}

#[test]
fn a_slow_stream_beside_a_busy_exclusive_writer_is_of_one_commit() {
    let (_folder, path) = new_cache();
    beside_a_writer(&path, Duration::from_millis(10), || {
        for _ in 0..20 {
            let (mut rows, mut generation) = (0, None);
            stream(&path, &ReadOptions::default(), |snapshot| {
                snapshot.scan("episodes", None, &mut |_, value| {
                    let ValueRef::Bytes(bytes) = value else {
                        panic!("{value:?}")
                    };
                    assert_eq!(*generation.get_or_insert(bytes[..8].to_owned()), bytes[..8]);
                    rows += 1;
                    if rows % 40 == 0 {
                        thread::sleep(Duration::from_millis(10));
                    }
                    Ok(ControlFlow::Continue(()))
                })
            })
            .unwrap();
            assert_eq!(rows, GENERATION_ROWS);
        }
    });
}

#[test]
fn thorough_snapshots_beside_a_calm_writer_are_verified() {
    let (_folder, path) = new_cache();
    let options = ReadOptions {
        verify: true,
        ..ReadOptions::default()
    };
    beside_a_writer(&path, Duration::from_millis(300), || {
        for _ in 0..10 {
            read(&path, &options, read_generation).unwrap();
        }
    });
}

#[test]
fn a_reader_that_finds_no_gap_says_in_use_and_not_damaged() {
    let (_folder, path) = new_cache();
    beside_a_writer(&path, Duration::ZERO, || {
        let options = ReadOptions {
            lock_timeout: Duration::from_millis(200),
            verify: false,
        };
        let begin = Instant::now();
        let error = read(&path, &options, |snapshot| {
            let generation = read_generation(snapshot)?;
            thread::sleep(Duration::from_millis(200));
            snapshot.measure("episodes").map(|_| generation)
        });
        if let Err(error) = error {
            assert_eq!(error.kind(), ErrorKind::InUse, "{error}");
            assert!(error.holder().is_some());
        }
        assert!(begin.elapsed() < Duration::from_secs(3));
    });
}

#[test]
fn a_holder_is_not_missed_while_other_locks_come_and_go() {
    let (folder, path) = copy_of("0.1.47");
    let _agent = Other::start("role_single_writer", &path);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..2 {
            let (stop, folder) = (&stop, folder.path());
            scope.spawn(move || {
                let create =
                    |n| std::fs::File::create(folder.join(format!("{thread}-{n}"))).unwrap();
                let files: Vec<_> = (0..300).map(create).collect();
                while !stop.load(Ordering::Relaxed) {
                    files.iter().for_each(|file| file.lock().unwrap());
                    files.iter().for_each(|file| file.unlock().unwrap());
                }
            });
        }
        let seen: Vec<_> = (0..300).map(|_| holding(&path).0).collect();
        stop.store(true, Ordering::Relaxed);
        let expected = Holding::Shared(ConcurrencyMode::SingleWriter);
        let missed = seen.iter().filter(|seen| **seen != expected).count();
        assert_eq!(missed, 0, "of {}", seen.len());
    });
}
