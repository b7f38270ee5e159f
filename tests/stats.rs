//! `stats` on real caches and on those that our engine wrote.
#![cfg(test)]
#![cfg(feature = "cli")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::{copy_of, fixture, truth};
use redb::{Database, TableDefinition};
use redb_cache::cache::ManualClock;
use redb_cache::cache::record::{Episode, TaskContext, TaskType};
use redb_cache::{RedbConfig, RedbStorage};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const EPISODES: TableDefinition<&str, &[u8]> = TableDefinition::new("episodes");
const VERSIONS: TableDefinition<&str, u64> = TableDefinition::new("schema_version");

fn command(cache: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redb-cache"));
    command.arg("stats").arg("--cache").arg(cache).args(args);
    command
}

fn run(cache: &Path, args: &[&str]) -> Output {
    command(cache, args).output().unwrap()
}

fn stats(cache: &Path, args: &[&str]) -> Value {
    let output = run(cache, &[args, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "redb-cache/stats/1");
    report
}

fn table<'a>(report: &'a Value, name: &str) -> &'a Value {
    let tables = report["entries"]["tables"].as_array().unwrap();
    tables.iter().find(|table| table["table"] == name).unwrap()
}

fn advice<'a>(report: &'a Value, kind: &str) -> Option<&'a Value> {
    let advice = report["advice"].as_array().unwrap();
    advice.iter().find(|advice| advice["kind"] == kind)
}

fn episode(n: usize) -> Episode {
    let task = format!("task {n}: {}", "make the test pass ".repeat(100));
    Episode::new(task, TaskContext::default(), TaskType::Testing)
}

fn written(rows: usize, change: impl FnOnce(&mut RedbConfig)) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let mut config = RedbConfig::default();
    change(&mut config);
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    for n in 0..rows {
        cache.insert(format!("key-{n:05}"), episode(n)).unwrap();
    }
    cache.close().unwrap();
    (dir, path)
}

#[test]
fn a_cache_of_each_era_is_counted_without_changing_a_byte() {
    for name in [
        "0.1.6",
        "0.1.7",
        "0.1.14",
        "0.1.22",
        "0.1.31-real-a",
        "0.1.32",
        "0.1.34",
        "0.1.47",
        "mixed-0.1.6-7-8-14",
    ] {
        let (_dir, path) = copy_of(name);
        let before = (
            fs::read(&path).unwrap(),
            fs::metadata(&path).unwrap().modified().unwrap(),
        );
        for args in [&[][..], &["--exact"]] {
            let report = stats(&path, args);
            let truth = truth(name);
            let Some(tables) = truth.as_object() else {
                continue;
            };
            for (of, rows) in tables.iter().filter(|(_, rows)| rows.is_object()) {
                let expected = rows.as_object().unwrap().len();
                if expected > 0 && of != "metadata" {
                    assert_eq!(table(&report, of)["rows"], expected, "{name} {of}");
                }
            }
            assert!(report["storage"]["used"].is_u64());
            assert_eq!(
                report["activity"]["hits"],
                Value::Null,
                "nothing is recorded"
            );
            assert_eq!(report["limits"]["recorded"], false);
        }
        let after = (
            fs::read(&path).unwrap(),
            fs::metadata(&path).unwrap().modified().unwrap(),
        );
        assert!(before == after, "{name} was written to");
    }
}

#[test]
fn what_do_memory_alone_wrote_is_null_until_it_is_counted() {
    let path = fixture("0.1.47").join("cache.redb");
    let quick = stats(&path, &[]);
    assert_eq!(table(&quick, "episodes")["value_bytes"], Value::Null);
    assert_eq!(quick["entries"]["expired"], Value::Null);
    let exact = stats(&path, &["--exact"]);
    let copy = copy_of("0.1.47");
    let db = Database::open(&copy.1).unwrap();
    let txn = redb::ReadableDatabase::begin_read(&db).unwrap();
    let rows = txn.open_table(EPISODES).unwrap();
    let bytes: usize = redb::ReadableTable::iter(&rows)
        .unwrap()
        .map(|row| row.unwrap().1.value().len())
        .sum();
    assert_eq!(table(&exact, "episodes")["value_bytes"], bytes);
    assert_eq!(table(&exact, "episodes")["unrecorded"], 70);
}

#[test]
fn activity_and_limits_are_those_of_the_engine() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let config = RedbConfig {
        max_cache_size: 10,
        ttl_seconds: Some(3_600),
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    for n in 0..40 {
        cache.insert(format!("key-{n}"), episode(n)).unwrap();
    }
    for n in 0..120 {
        cache.get(format!("key-{}", n % 40)).unwrap();
    }
    let own = cache.get_stats().unwrap();
    cache.close().unwrap();
    let report = stats(&path, &[]);
    let activity = &report["activity"];
    assert_eq!(activity["hits"], own.hits);
    assert_eq!(activity["misses"], own.misses);
    assert_eq!(activity["writes"], 40);
    assert_eq!(activity["evictions"], 30);
    assert_eq!(report["limits"]["max_entries"], 10);
    assert_eq!(report["limits"]["ttl_ms"], 3_600_000);
    assert_eq!(table(&report, "episodes")["live"], 10);
    assert_eq!(
        table(&report, "episodes")["value_bytes"],
        own.cache_size_bytes
    );
    assert_eq!(advice(&report, "larger_limit").unwrap()["max_entries"], 20);
    assert!(advice(&report, "hit_rate").is_some());
    let exact = stats(&path, &["--exact"]);
    assert_eq!(table(&exact, "episodes"), table(&report, "episodes"));
}

#[test]
fn sums_that_another_program_made_untrue_are_null() {
    let (_dir, path) = written(20, |_| {});
    assert!(table(&stats(&path, &[]), "episodes")["value_bytes"].is_u64());
    let rewrite = |change: &dyn Fn(&redb::WriteTransaction)| {
        let db = Database::open(&path).unwrap();
        let txn = db.begin_write().unwrap();
        change(&txn);
        txn.commit().unwrap();
    };
    // As many rows as before, but do-memory has given out a revision.
    rewrite(&|txn| {
        let mut metadata = txn
            .open_table(TableDefinition::<&str, &[u8]>::new("metadata"))
            .unwrap();
        metadata
            .insert("episode_revision_seq", &b"9999999999999"[..])
            .unwrap();
    });
    let report = stats(&path, &[]);
    assert_eq!(table(&report, "episodes")["value_bytes"], Value::Null);
    assert_eq!(table(&report, "episodes")["expired"], Value::Null);
    assert_eq!(report["compression"]["saved_bytes"], Value::Null);
    assert_eq!(table(&report, "episodes")["rows"], 20);
    assert_eq!(table(&stats(&path, &["--exact"]), "episodes")["expired"], 0);
}

#[test]
fn expired_rows_are_counted_up_to_a_bound() {
    let long_ago = |config: &mut RedbConfig| {
        config.clock = Arc::new(ManualClock::at_ms(1_000_000_000_000));
        config.ttl_seconds = Some(60);
        config.max_cache_size = u64::MAX;
    };
    let (_dir, path) = written(30, long_ago);
    let report = stats(&path, &[]);
    assert_eq!(report["entries"]["expired"], 30);
    assert_eq!(report["entries"]["live"], 0);
    assert_eq!(advice(&report, "sweep").unwrap()["run"], "redb-cache sweep");

    let (_dir, path) = written(10_001, long_ago);
    let report = stats(&path, &[]);
    assert_eq!(report["entries"]["expired"], Value::Null);
    assert_eq!(report["entries"]["expired_at_least"], 10_000);
    assert!(advice(&report, "sweep").is_some());
    assert_eq!(stats(&path, &["--exact"])["entries"]["expired"], 10_001);
}

#[test]
fn compression_is_advised_by_what_a_sample_saved() {
    let (_dir, path) = written(250, |_| {});
    let report = stats(&path, &[]);
    let sample = &report["compression"]["sample"];
    assert_eq!(
        (sample["rows"].as_u64(), sample["dictionary"].as_bool()),
        (Some(100), Some(true))
    );
    assert!(sample["saved_share"].as_f64().unwrap() > 0.25);
    assert!(advice(&report, "compress").is_some());

    let (_dir, path) = written(250, |config| config.enable_compression = true);
    let report = stats(&path, &["--exact"]);
    assert_eq!(report["compression"]["sample"], Value::Null);
    assert_eq!(report["compression"]["rows"], 250);
    assert_eq!(
        report["compression"]["saved_bytes"],
        stats(&path, &[])["compression"]["saved_bytes"]
    );
    assert!(advice(&report, "compress").is_none());
}

#[test]
fn what_is_no_cache_is_an_error_with_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("empty"), "").unwrap();
    fs::write(at("text"), "hello, world\n".repeat(100)).unwrap();
    let whole = fs::read(fixture("0.1.47").join("cache.redb")).unwrap();
    fs::write(at("truncated"), &whole[..whole.len() / 2]).unwrap();
    let (_copy, newer) = copy_of("0.1.47");
    let db = Database::open(&newer).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(VERSIONS)
        .unwrap()
        .insert("version", 5)
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    for (path, expected) in [
        (at("missing"), 10),
        (at("empty"), 13),
        (at("text"), 13),
        (at("truncated"), 13),
        (dir.path().to_owned(), 13),
        (newer, 14),
    ] {
        let output = run(&path, &[]);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{}: {output:?}",
            path.display()
        );
        assert!(output.stdout.is_empty());
    }
    assert!(!at("missing").exists());
}

#[test]
fn a_live_cache_and_one_left_by_a_killed_process_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let cache = RedbStorage::new(&path).unwrap();
    for n in 0..20 {
        cache.insert(format!("key-{n}"), episode(n)).unwrap();
    }
    cache.flush().unwrap();
    let report = stats(&path, &[]);
    assert_eq!(report["snapshot"], "shared");
    assert_eq!(report["entries"]["live"], 20);

    let killed = dir.path().join("killed.redb");
    fs::copy(&path, &killed).unwrap();
    let before = (
        fs::read(&killed).unwrap(),
        fs::metadata(&killed).unwrap().modified().unwrap(),
    );
    assert_eq!(stats(&killed, &[])["entries"]["live"], 20);
    let after = (
        fs::read(&killed).unwrap(),
        fs::metadata(&killed).unwrap().modified().unwrap(),
    );
    assert!(before == after);
}

#[test]
fn watching_ends_with_130_and_tells_rates() {
    let (_dir, path) = written(5, |_| {});
    let child = command(&path, &["--watch", "100ms", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let looks: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(looks.len() >= 2);
    assert_eq!(looks[0]["rates"], Value::Null);
    assert_eq!(looks[1]["rates"]["reads_per_s"], 0.0);
}
