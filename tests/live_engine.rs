//! A cache that an agent has open with this engine, and writes, while the program reads it.
#![cfg(test)]

mod common;

use std::time::Duration;

use common::{Other, episode, given, json, program, refusal};
use redb_cache::cache::record::Episode;
use redb_cache::{Concurrency, RedbConfig, RedbStorage};
use serde_json::Value;

/// Rows that are written together, and so must always be seen together.
const TOGETHER: [&str; 4] = ["a", "m", "q", "z"];

/// In the other process: writes generation after generation until it is killed.
fn write_for_ever(concurrency: Concurrency) {
    let Some(path) = given() else { return };
    let config = RedbConfig {
        concurrency,
        commit_window: Duration::from_millis(1),
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(path, config).unwrap();
    for generation in 0.. {
        let task = generation.to_string();
        cache
            .insert_all::<Episode>(TOGETHER.map(|key| (key, episode(&task))))
            .unwrap();
        if generation == 0 {
            println!("ready");
        }
    }
}

#[test]
fn role_single_writer() {
    write_for_ever(Concurrency::SingleWriter);
}

#[test]
fn role_multi_writer() {
    write_for_ever(Concurrency::MultiWriter);
}

#[test]
fn what_is_written_together_is_read_together_beside_a_busy_engine() {
    for role in ["role_single_writer", "role_multi_writer"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache.redb");
        let agent = Other::start(role, &path);
        let mut newest = 0;
        for _ in 0..15 {
            let generation = exported_generation(&path);
            assert!(generation >= newest, "{role}: time does not go back");
            newest = generation;
            let stats = json(&path, &["stats"], 0);
            assert_eq!(
                stats["entries"]["all"]["rows"].as_u64().unwrap_or(4),
                4,
                "{stats}"
            );
            json(&path, &["inspect"], 0);
        }
        assert!(newest > 0, "{role}: its commits are followed");
        drop(agent);
        assert!(
            exported_generation(&path) >= newest,
            "{role}: and survive its death"
        );
    }
}

fn exported_generation(path: &std::path::Path) -> u64 {
    let output = program(path, &["export", "episodes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let generations: Vec<u64> = std::str::from_utf8(&output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            row["value"]["task_description"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    assert_eq!(generations.len(), TOGETHER.len());
    assert!(
        generations.iter().all(|one| *one == generations[0]),
        "torn: {generations:?}"
    );
    generations[0]
}

#[test]
fn an_engine_that_writes_alone_is_not_written_to_by_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let agent = Other::start("role_single_writer", &path);
    for args in [&["sweep"][..], &["clear", "--all", "--yes"], &["compact"]] {
        let said = refusal(&path, &[args, &["--lock-timeout", "0s"]].concat(), 11);
        assert!(said.contains(&format!("pid {}", agent.pid())), "{said}");
    }
    exported_generation(&path);
}

/// In the other process: inserts durably, and adds a byte to a file beside the cache for each
/// insert that was acknowledged.
#[test]
fn role_durable_writer() {
    use std::io::Write;
    let Some(path) = given() else { return };
    let cache = RedbStorage::with_config(&path, 1_000_000).unwrap();
    let mut acknowledged = std::fs::File::create(path.with_extension("acknowledged")).unwrap();
    for n in 0.. {
        cache
            .insert_durable(format!("k{n}"), episode(&n.to_string()))
            .unwrap();
        acknowledged.write_all(b"+").unwrap();
        if n == 0 {
            println!("ready");
        }
    }
}

#[test]
fn what_was_acknowledged_survives_the_death_of_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let count =
        || std::fs::metadata(path.with_extension("acknowledged")).map_or(0, |file| file.len());
    for more in [20, 50, 90] {
        std::fs::remove_file(&path).ok();
        let agent = Other::start("role_durable_writer", &path);
        while count() < more {
            std::thread::yield_now();
        }
        drop(agent);
        let cache = RedbStorage::with_config(&path, 1_000_000).unwrap();
        for n in 0..count() {
            assert!(
                cache.get(format!("k{n}")).unwrap().is_some(),
                "k{n} of {}",
                count()
            );
        }
        cache.close().unwrap();
        json(&path, &["health", "--deep"], 0);
    }
}
