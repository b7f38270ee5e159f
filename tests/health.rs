//! `health` on real caches and on broken ones.
#![cfg(test)]
#![cfg(feature = "cli")]
mod common;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use common::{copy_of, fixture};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use redb_cache::cache::ManualClock;
use redb_cache::cache::entry::{BY_ACCESS, BY_EXPIRY, TOTALS};
use redb_cache::cache::record::{Episode, TaskContext, TaskType};
use redb_cache::{RedbConfig, RedbStorage};
use serde_json::Value;

const EPISODES: TableDefinition<&str, &[u8]> = TableDefinition::new("episodes");
const VERSIONS: TableDefinition<&str, u64> = TableDefinition::new("schema_version");

fn run(cache: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redb-cache"));
    command.arg("health").arg("--cache").arg(cache).args(args);
    command.output().unwrap()
}

/// The report and its exit code, which are the process's.
fn health(cache: &Path, args: &[&str]) -> (Value, i64) {
    let output = run(cache, &[args, &["--format", "json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let code = i64::from(output.status.code().unwrap());
    assert_eq!(report["schema"], "redb-cache/health/1");
    assert_eq!(report["exit_code"], code);
    assert_eq!(report["healthy"], code == 0);
    assert!(output.stderr.is_empty());
    (report, code)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()
}

fn state<'a>(report: &'a Value, name: &str) -> &'a str {
    check(report, name)["state"].as_str().unwrap()
}

/// A compact cache that our engine wrote, of episodes that expire an hour after 2027-01-15.
fn written(rows: usize, compressed: bool) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let config = RedbConfig {
        clock: Arc::new(ManualClock::at_ms(1_800_000_000_000)),
        ttl_seconds: Some(1_000_000_000),
        enable_compression: compressed,
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    for n in 0..rows {
        let task = format!("task {n}: {}", "make the test pass ".repeat(100));
        let episode = Episode::new(task, TaskContext::default(), TaskType::Testing);
        cache.insert(format!("key-{n}"), episode).unwrap();
    }
    cache.close().unwrap();
    (dir, path)
}

#[test]
fn a_cache_of_each_era_is_judged_without_changing_a_byte() {
    for (name, expected) in [
        ("0.1.6", 12),
        ("0.1.7", 12),
        ("0.1.14", 12),
        ("0.1.22", 12),
        ("0.1.31-real-a", 12),
        ("0.1.32", 12),
        ("0.1.34", 12),
        ("mixed-0.1.6-7-8-14", 12),
        ("0.1.47", 3),
    ] {
        let (_dir, path) = copy_of(name);
        let before = (
            fs::read(&path).unwrap(),
            fs::metadata(&path).unwrap().modified().unwrap(),
        );
        for args in [&[][..], &["--deep"]] {
            let (report, code) = health(&path, args);
            assert_eq!(code, expected, "{name} {args:?}: {report:#}");
            if args.is_empty() {
                assert_eq!(state(&report, "pages"), "unknown", "{name}");
            } else {
                assert_eq!(state(&report, "pages"), "ok", "{name}");
            }
        }
        let after = (
            fs::read(&path).unwrap(),
            fs::metadata(&path).unwrap().modified().unwrap(),
        );
        assert!(before == after, "{name} was written to");
    }
}

#[test]
fn every_row_of_every_release_decodes() {
    for name in common::releases() {
        let (report, _) = health(&fixture(&name).join("cache.redb"), &["--deep"]);
        assert_eq!(state(&report, "rows"), "ok", "{name}: {report:#}");
    }
}

#[test]
fn a_healthy_cache_is_exit_0() {
    for compressed in [false, true] {
        let (_dir, path) = written(150, compressed);
        let (report, code) = health(&path, &["--deep"]);
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(check(&report, "rows")["found"], "all 150 decode");
        assert_eq!(
            check(&report, "records")["found"],
            "all 150 agree with their rows"
        );
        assert_eq!(report["findings"], serde_json::json!([]));
    }
}

#[test]
fn what_is_no_cache_is_reported_with_the_exit_code_of_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("empty"), "").unwrap();
    fs::write(at("text"), "hello, world\n".repeat(100)).unwrap();
    let whole = fs::read(fixture("0.1.47").join("cache.redb")).unwrap();
    fs::write(at("truncated"), &whole[..whole.len() / 2]).unwrap();
    fs::write(at("stump"), &whole[..100]).unwrap();
    fs::create_dir(at("folder")).unwrap();
    for (name, expected) in [
        ("missing", 10),
        ("empty", 13),
        ("text", 13),
        ("truncated", 13),
        ("stump", 13),
        ("folder", 13),
    ] {
        for args in [&[][..], &["--deep"]] {
            let (report, code) = health(&at(name), args);
            assert_eq!(code, expected, "{name}: {report:#}");
            assert_eq!(report["findings"][0]["state"], "broken", "{name}");
        }
    }
    assert!(!at("missing").exists());
}

#[test]
fn a_newer_schema_version_is_refused() {
    let (_dir, path) = copy_of("0.1.47");
    let db = Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(VERSIONS)
        .unwrap()
        .insert("version", 5)
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    let (report, code) = health(&path, &["--deep"]);
    assert_eq!(code, 14);
    assert_eq!(state(&report, "layout"), "broken");
    assert_eq!(state(&report, "rows"), "unknown");
}

#[test]
fn deep_finds_a_flipped_bit_that_opening_does_not() {
    let (_dir, path) = written(300, false);
    let mut bytes = fs::read(&path).unwrap();
    let needle = b"task 150: make the test pass";
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap();
    bytes[at + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let opened = RedbStorage::new(&path);
    assert!(opened.is_ok(), "the damage is where opening does not look");
    drop(opened);
    let (report, code) = health(&path, &["--deep"]);
    assert_eq!(code, 13, "{report:#}");
    assert_eq!(state(&report, "pages"), "broken");
}

#[test]
fn deep_finds_a_flipped_bit_in_a_cache_that_is_shared_by_its_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let cache = RedbStorage::new(&path).unwrap();
    let text = "make the test pass ".repeat(100);
    let episode = Episode::new(text.as_str(), TaskContext::default(), TaskType::Testing);
    cache.insert_durable("key", episode).unwrap();
    assert_eq!(health(&path, &["--deep"]).1, 0);
    let bytes = fs::read(&path).unwrap();
    let places = bytes.windows(text.len()).enumerate();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for (at, _) in places.filter(|(_, window)| *window == text.as_bytes()) {
        file.write_all_at(b"n", at as u64).unwrap();
    }
    let (report, code) = health(&path, &["--deep"]);
    assert_eq!(code, 13, "{report:#}");
    assert_eq!(state(&report, "pages"), "broken");
    assert_eq!(state(&report, "rows"), "ok", "only the checksum tells");
}

#[test]
fn deep_names_the_row_that_does_not_decode() {
    let (_dir, path) = written(20, false);
    let db = Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    let mut table = txn.open_table(EPISODES).unwrap();
    table.insert("bad\u{1b}[2J", &b"\xff\xff\xff"[..]).unwrap();
    table.insert("empty", &b""[..]).unwrap();
    drop(table);
    txn.commit().unwrap();
    drop(db);
    assert_eq!(
        health(&path, &[]).1,
        0,
        "without --deep rows are not decoded"
    );
    let (report, code) = health(&path, &["--deep"]);
    assert_eq!(code, 13);
    assert_eq!(check(&report, "rows")["found"], "2 of 22 cannot be decoded");
    let keys: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["key"])
        .collect();
    assert!(keys.contains(&&Value::from("bad\u{1b}[2J")), "{keys:?}");
    let shown = run(&path, &["--deep"]).stdout;
    assert!(!shown.contains(&0x1b), "a key acts on the terminal");
}

/// What to break, and how.
type Spoil = (&'static str, fn(&redb::WriteTransaction));

#[test]
fn deep_finds_an_order_or_sum_that_disagrees() {
    let spoil: [Spoil; 4] = [
        ("access", |txn| {
            let mut index = txn.open_table(BY_ACCESS).unwrap();
            index.pop_first().unwrap().unwrap();
        }),
        ("expiry", |txn| {
            let mut index = txn.open_table(BY_EXPIRY).unwrap();
            index.pop_last().unwrap().unwrap();
        }),
        ("of no row", |txn| {
            let mut index = txn.open_table(BY_EXPIRY).unwrap();
            index
                .insert(&b"\0\0\0\0\0\0\0\x01\x01nobody"[..], ())
                .unwrap();
        }),
        ("sums", |txn| {
            txn.open_table(TOTALS).unwrap().remove("episodes").unwrap();
        }),
    ];
    for (what, spoil) in spoil {
        let (_dir, path) = written(20, false);
        let db = Database::open(&path).unwrap();
        let txn = db.begin_write().unwrap();
        spoil(&txn);
        txn.commit().unwrap();
        drop(db);
        let (report, code) = health(&path, &["--deep"]);
        assert_eq!(code, 3, "{what}: {report:#}");
        assert_eq!(state(&report, "records"), "attention");
        let found = check(&report, "records")["found"].as_str().unwrap();
        assert!(found.contains(what), "{what}: {found}");
    }
}

#[test]
fn a_file_left_by_a_killed_process_needs_attention_and_stays_as_it_is() {
    let (dir, path) = written(20, false);
    let killed = dir.path().join("killed.redb");
    let db = Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(EPISODES).unwrap().remove("key-3").unwrap();
    txn.commit().unwrap();
    fs::copy(&path, &killed).unwrap();
    let before = (
        fs::read(&killed).unwrap(),
        fs::metadata(&killed).unwrap().modified().unwrap(),
    );
    let (report, code) = health(&killed, &["--deep"]);
    assert_eq!(code, 3, "{report:#}");
    assert_eq!(state(&report, "closed_cleanly"), "attention");
    assert_eq!(check(&report, "rows")["found"], "all 19 decode");
    let after = (
        fs::read(&killed).unwrap(),
        fs::metadata(&killed).unwrap().modified().unwrap(),
    );
    assert!(before == after);
    // The original is in use, which is no fault.
    let (report, code) = health(&path, &["--deep"]);
    assert_eq!(code, 0, "{report:#}");
    let holder = check(&report, "lock")["found"].as_str().unwrap();
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
}

#[test]
fn each_threshold_is_kept() {
    let (_dir, path) = written(20, false);
    assert_eq!(health(&path, &[]).1, 0);
    for (args, subject) in [
        (&["--min-free", "1000PiB"][..], "free_space"),
        (&["--min-free", "1000PiB", "--deep"], "free_space"),
    ] {
        let (report, code) = health(&path, args);
        assert_eq!(
            (code, state(&report, subject)),
            (3, "attention"),
            "{report:#}"
        );
    }
    let (report, code) = health(
        &fixture("0.1.47").join("cache.redb"),
        &["--max-reclaimable", "90"],
    );
    assert_eq!((code, state(&report, "reclaimable")), (0, "ok"));
}

#[test]
fn a_backlog_and_an_old_sweep_need_attention() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let config = RedbConfig {
        clock: Arc::new(ManualClock::at_ms(1_000_000_000_000)),
        ttl_seconds: Some(60),
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    for n in 0..10 {
        let episode = Episode::new("x", TaskContext::default(), TaskType::Testing);
        cache.insert(format!("{n}"), episode).unwrap();
    }
    let sweep = br#"{"at_ms":1000000000000,"removed":3}"#;
    cache.close().unwrap();
    let db = Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    let metadata: TableDefinition<&str, &[u8]> = TableDefinition::new("metadata");
    txn.open_table(metadata)
        .unwrap()
        .insert("redb_cache.last_sweep", &sweep[..])
        .unwrap();
    txn.commit().unwrap();
    assert!(
        db.begin_read()
            .unwrap()
            .open_table(BY_EXPIRY)
            .unwrap()
            .first()
            .unwrap()
            .is_some()
    );
    drop(db);
    let (report, code) = health(&path, &[]);
    assert_eq!(code, 3);
    assert!(
        check(&report, "expired")["found"]
            .as_str()
            .unwrap()
            .starts_with("10 of 10")
    );
    assert_eq!(state(&report, "last_sweep"), "attention");
    let (report, code) = health(&path, &["--max-expired", "10", "--max-sweep-age", "36500d"]);
    assert_eq!(code, 0, "{report:#}");
}
