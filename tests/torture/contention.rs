//! Eight processes at once on one cache: readers, verbs that write, verbs that replace the file, an
//! agent, and two programs that know nothing of this one.
//!
//! A write counts as acknowledged when its process has said so. That the file was not replaced
//! between a foreign program's open and its lock only that program can tell: it looks again, while
//! it still holds the lock, whether the path leads to its file, and keeps silent if not.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use redb::backends::FileBackend;
use redb_cache::cache::ledger::bytes_table;
use redb_cache::cache::record::{Episode, encode};
use redb_cache::cache::{ManualClock, Table};
use redb_cache::file::{FileFormat, Header, ReadOptions, ValueRef, read};
use redb_cache::{ErrorKind, RedbConfig, RedbStorage};

use crate::common::{self, copy_of, episode};
use crate::figures::{Count, is_long};

/// Names the role that this test program is to play instead of running tests.
pub const ROLE: &str = "TORTURE_ROLE";
const PATH: &str = "TORTURE_PATH";
/// Tells an agent that rows expire.
const EXPIRES: &str = "TORTURE_EXPIRES";

/// Runs of each verb, and times that each writer opens the cache.
fn rounds() -> usize {
    if is_long() { 200 } else { 10 }
}

/// Rows that a writer adds while it has the cache open.
const ROWS: usize = 5;
const DAY: u64 = 86_400;
/// Answers that a busy cache may give: done, needs attention, in use, old format.
const ANSWERS: [i32; 4] = [0, 3, 11, 12];
const VERBS: [&[&str]; 5] = [
    &["stats"],
    &["health", "--deep"],
    &["sweep"],
    // Replaces the file each time, as what the other run left is not what this one wants.
    &["compact", "--recompress", "1"],
    &["migrate"],
];
const WRITERS: [&str; 3] = ["agent", "foreign", "ancient"];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("contention_for_a_current_cache", || {
            let (_dir, path) = current_cache();
            contend("contention: current cache", &path, true)
        }),
        Trial::test("contention_for_an_old_cache", || {
            let (_dir, path) = copy_of("0.1.6");
            // The rows of the old release are of its time.
            contend("contention: old cache", &path, false)
        }),
    ]
}

/// A cache of which half is over its time, so that a sweep has work.
fn current_cache() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let now_ms = chrono::Utc::now().timestamp_millis();
    for days in [10, 0] {
        let clock = ManualClock::at_ms(now_ms - days * 86_400_000);
        let config = RedbConfig {
            clock: Arc::new(clock),
            ..agent_config(true)
        };
        let cache = RedbStorage::with_full_config(&path, config).unwrap();
        let rows = (0..100).map(|n| (format!("{days}-{n}"), common::long_episode(n)));
        cache.insert_all::<Episode>(rows).unwrap();
        cache.close().unwrap();
    }
    (dir, path)
}

fn contend(what: &str, path: &Path, expires: bool) -> Result<(), Failed> {
    let count = Mutex::new(Count::of(what));
    let acknowledged = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for role in WRITERS {
            let mut writer = start(role, path, expires);
            let (count, acknowledged) = (&count, &acknowledged);
            scope.spawn(move || {
                for line in BufReader::new(writer.stdout.take().unwrap()).lines() {
                    acknowledged.lock().unwrap().insert(line.unwrap());
                }
                let ended = writer.wait().unwrap();
                let held = ended.success().then_some(());
                count
                    .lock()
                    .unwrap()
                    .case(held.ok_or(format!("{role}: {ended}")));
            });
        }
        for verb in VERBS {
            scope.spawn(|| {
                for _ in 0..rounds() {
                    let held = answer(path, verb, &ANSWERS);
                    count.lock().unwrap().case(held);
                }
            });
        }
    });
    let mut count = count.into_inner().unwrap();
    let kept = episodes(path);
    for key in acknowledged.into_inner().unwrap() {
        let held = kept.contains(&key).then_some(());
        count.case(held.ok_or(format!("{key} was acknowledged and is lost")));
    }
    // Nobody is in the way any more.
    for verb in [&["migrate"][..], &["health", "--deep"]] {
        count.case(answer(path, verb, &[0, 3]));
    }
    count.end()
}

/// Runs a verb; what it may answer is known.
fn answer(path: &Path, verb: &[&str], answers: &[i32]) -> Result<(), String> {
    let output = common::run(path, &[verb, &["--lock-timeout", "2s"]].concat());
    let fits = output
        .status
        .code()
        .is_some_and(|code| answers.contains(&code));
    fits.then_some(()).ok_or(format!("{verb:?}: {output:?}"))
}

/// The keys of the episodes that the cache holds in the end.
fn episodes(path: &Path) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    read(path, &ReadOptions::default(), |snapshot| {
        snapshot.scan("episodes", None, &mut |key, _| {
            keys.insert(key.to_owned());
            Ok(ControlFlow::Continue(()))
        })
    })
    .unwrap();
    keys
}

/// Starts a process of this test program that writes and says what is durable.
fn start(role: &str, path: &Path, expires: bool) -> Child {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env(ROLE, role).env(PATH, path);
    if expires {
        program.env(EXPIRES, "1");
    }
    program.stdout(Stdio::piped()).spawn().unwrap()
}

/// Plays a role to its end.
pub fn play(role: &str) -> ExitCode {
    let path = PathBuf::from(std::env::var_os(PATH).unwrap());
    let write = match role {
        "agent" => agent,
        "foreign" => foreign,
        "ancient" => ancient,
        other => panic!("nobody plays {other}"),
    };
    for round in 0..rounds() {
        let keys = (0..ROWS).map(|n| format!("{role}-{round}-{n}"));
        let keys: Vec<_> = keys.collect();
        while write(&path, &keys) == Turn::Again {
            pause();
        }
        pause();
    }
    ExitCode::SUCCESS
}

/// What became of a writer's turn.
#[derive(PartialEq)]
enum Turn {
    Over,
    /// Somebody else was faster.
    Again,
}

/// Long enough that others come to their turn.
fn pause() {
    thread::sleep(Duration::from_millis(3));
}

fn acknowledge(key: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{key}").unwrap();
}

fn agent_config(expires: bool) -> RedbConfig {
    RedbConfig {
        max_cache_size: 1_000_000,
        ttl_seconds: expires.then_some(DAY),
        ..RedbConfig::default()
    }
}

/// A program that embeds the engine.
fn agent(path: &Path, keys: &[String]) -> Turn {
    let config = agent_config(std::env::var_os(EXPIRES).is_some());
    let cache = match RedbStorage::with_full_config(path, config) {
        Ok(cache) => cache,
        Err(error) if matches!(error.kind(), ErrorKind::InUse | ErrorKind::OldFormat) => {
            return Turn::Again;
        }
        Err(error) => panic!("{error:?}"),
    };
    for key in keys {
        cache.insert_durable(key, episode(key)).unwrap();
        acknowledge(key);
    }
    cache.close().unwrap();
    Turn::Over
}

/// A program that opens the file as do-memory 0.1.47 does.
fn foreign(path: &Path, keys: &[String]) -> Turn {
    let file = open(path);
    let inode = file.metadata().unwrap().ino();
    let db = match FileBackend::new(file)
        .and_then(|file| redb::Builder::new().create_with_backend(file))
    {
        Ok(db) => db,
        Err(redb::DatabaseError::DatabaseAlreadyOpen | redb::DatabaseError::UpgradeRequired(_)) => {
            return Turn::Again;
        }
        Err(error) => panic!("{error}"),
    };
    for key in keys {
        let txn = db.begin_write().unwrap();
        let row = encode(&episode(key)).unwrap();
        let mut rows = txn.open_table(bytes_table("episodes")).unwrap();
        rows.insert(key.as_str(), row.as_slice()).unwrap();
        drop(rows);
        txn.commit().unwrap();
        if leads_to(path, inode) {
            acknowledge(key);
        }
    }
    Turn::Over
}

/// A program that opens a file of format v2 as do-memory 0.1.6 does, and no other.
fn ancient(path: &Path, keys: &[String]) -> Turn {
    let file = open(path);
    let inode = file.metadata().unwrap().ino();
    let this_file = format!("/proc/self/fd/{}", file.as_raw_fd());
    if Header::read(&this_file).unwrap().format() != FileFormat::V2 {
        return Turn::Over;
    }
    let Ok(row) = some_row(Path::new(&this_file)) else {
        return Turn::Again;
    };
    let db = match redb2::Builder::new().create_file(file) {
        Ok(db) => db,
        Err(redb2::DatabaseError::DatabaseAlreadyOpen) => return Turn::Again,
        Err(error) => panic!("{error}"),
    };
    let episodes = redb2::TableDefinition::<&str, &[u8]>::new("episodes");
    for key in keys {
        let txn = db.begin_write().unwrap();
        let mut rows = txn.open_table(episodes).unwrap();
        rows.insert(key.as_str(), row.as_slice()).unwrap();
        drop(rows);
        txn.commit().unwrap();
        if leads_to(path, inode) {
            acknowledge(key);
        }
    }
    Turn::Over
}

fn open(path: &Path) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

fn leads_to(path: &Path, inode: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.ino() == inode)
}

/// An episode of the cache itself, in the layout of its release.
fn some_row(path: &Path) -> Result<Vec<u8>, redb_cache::Error> {
    let mut found = Vec::new();
    read(path, &ReadOptions::default(), |snapshot| {
        snapshot.scan(Table::Episodes.name(), None, &mut |_, value| {
            if let ValueRef::Bytes(bytes) = value {
                found = bytes.to_vec();
            }
            Ok(ControlFlow::Break(()))
        })
    })?;
    Ok(found)
}
