//! `sweep`, `clear` and `compact` on real caches: what they remove, what they keep, what they
//! refuse.
#![cfg(test)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{copy_of, episode, json, long_episode, program, refusal, run, state};
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use redb_cache::cache::ManualClock;
use redb_cache::cache::record::{Embedding, Episode};
use redb_cache::{RedbConfig, RedbStorage};
use tempfile::TempDir;

const DAY_MS: i64 = 86_400_000;

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// A cache whose episode `k<n>` was written `n` days ago, with its embedding.
fn aged(days: i64, config: RedbConfig) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let clock = Arc::new(ManualClock::at_ms(now_ms() - days * DAY_MS));
    let config = RedbConfig {
        clock: clock.clone(),
        ttl_check_interval: 3_600,
        ..config
    };
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    for age in (0..days).rev() {
        clock.advance_ms(DAY_MS);
        let key = format!("k{age}");
        cache
            .insert_as::<Embedding>(format!("episode_{key}"), vec![1.0; 8])
            .unwrap();
        cache
            .insert(&key, long_episode(age.try_into().unwrap()))
            .unwrap();
    }
    cache.close().unwrap();
    (dir, path)
}

fn keys(path: &Path, table: &str) -> Vec<String> {
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_read().unwrap();
    let table = txn
        .open_table(TableDefinition::<&str, &[u8]>::new(table))
        .unwrap();
    table
        .iter()
        .unwrap()
        .map(|row| row.unwrap().0.value().to_owned())
        .collect()
}

#[test]
fn a_sweep_removes_what_has_expired_with_what_hangs_on_it_and_only_once() {
    let (_dir, path) = aged(
        10,
        RedbConfig {
            ttl_seconds: Some(6 * 86_400),
            ..Default::default()
        },
    );
    let before = state(&path);
    let forecast = json(&path, &["sweep", "--dry-run"], 0);
    assert_eq!(forecast["would_remove"].as_array().unwrap().len(), 8);
    assert!(state(&path) == before, "a dry run writes nothing");

    let swept = json(&path, &["sweep", "--batch", "3"], 0);
    assert_eq!(swept["schema"], "redb-cache/sweep/1");
    assert_eq!(swept["removed_rows"], 8);
    assert_eq!(swept["doomed"]["expired"]["episodes"]["rows"], 4);
    assert_eq!(
        keys(&path, "episodes"),
        ["k0", "k1", "k2", "k3", "k4", "k5"]
    );
    assert_eq!(json(&path, &["sweep"], 0)["removed_rows"], 0);
}

#[test]
fn a_sweep_over_a_limit_removes_the_least_recently_used() {
    let (_dir, path) = aged(10, RedbConfig::default());
    let cache = RedbStorage::new(&path).unwrap();
    cache.get("k9").unwrap().unwrap();
    cache.close().unwrap();
    let swept = json(&path, &["sweep", "--max-entries", "3"], 0);
    assert_eq!(swept["limits"]["max_entries"]["source"], "given");
    assert_eq!(keys(&path, "episodes"), ["k0", "k1", "k9"]);
    assert_eq!(
        keys(&path, "embeddings"),
        ["episode_k0", "episode_k1", "episode_k9"]
    );
    let swept = json(&path, &["sweep", "--max-entries", "0"], 0);
    assert_eq!(swept["doomed"]["over_entries"]["episodes"]["rows"], 3);
    assert!(keys(&path, "episodes").is_empty());
}

#[test]
fn a_sweep_over_a_size_stops_as_soon_as_it_fits() {
    let (_dir, path) = aged(10, RedbConfig::default());
    let bytes = json(&path, &["sweep", "--dry-run"], 0)["bytes"]
        .as_u64()
        .unwrap();
    let limit = (bytes / 2).to_string();
    let swept = json(&path, &["sweep", "--max-size", &limit], 0);
    let removed = swept["removed_bytes"].as_u64().unwrap();
    assert!(bytes - removed <= bytes / 2, "{swept}");
    let largest = bytes / 9;
    assert!(
        bytes - removed + largest > bytes / 2,
        "no more than needed: {swept}"
    );
    assert_eq!(keys(&path, "episodes")[0], "k0");
}

#[test]
fn limits_come_from_flags_then_the_environment_then_the_cache() {
    let config = RedbConfig {
        ttl_seconds: Some(8 * 86_400),
        ..Default::default()
    };
    let (_dir, path) = aged(10, config);
    let doomed = |command: &mut std::process::Command| {
        let output = command.args(["--format", "json"]).output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["doomed"]["expired"]["episodes"]["rows"]
            .as_u64()
            .unwrap_or(0)
    };
    let dry = ["sweep", "--dry-run"];
    assert_eq!(doomed(&mut program(&path, &dry)), 2);
    assert_eq!(
        doomed(program(&path, &dry).env("REDB_TTL_SECONDS", "432000")),
        5
    );
    let flag = ["sweep", "--dry-run", "--ttl", "3d"];
    assert_eq!(
        doomed(program(&path, &flag).env("REDB_TTL_SECONDS", "432000")),
        7
    );
}

#[test]
fn a_sweep_of_a_cache_that_do_memory_wrote_lets_what_has_no_time_begin_to_age() {
    let (_dir, path) = copy_of("0.1.47");
    let swept = json(&path, &["sweep", "--ttl", "100000d"], 0);
    assert_eq!(swept["removed_rows"], 0);
    assert!(swept["recorded_rows"].as_u64().unwrap() > 100);
    assert_eq!(
        json(&path, &["sweep", "--ttl", "100000d"], 0)["recorded_rows"],
        0
    );
    let swept = json(&path, &["sweep", "--ttl", "10m"], 0);
    assert_eq!(swept["doomed"]["expired"]["episodes"]["rows"], 70);
    assert_eq!(
        keys(&path, "procedural").len(),
        3,
        "what never expires stays"
    );
    let embeddings = keys(&path, "embeddings");
    assert!(
        embeddings.iter().any(|key| !key.starts_with("episode_")),
        "first seen just now"
    );
}

#[test]
fn two_sweeps_at_once_both_end_well_and_remove_each_row_once() {
    let (_dir, path) = aged(
        60,
        RedbConfig {
            ttl_seconds: Some(86_400),
            ..Default::default()
        },
    );
    let sweeps: Vec<_> = (0..4)
        .map(|_| {
            let args = [
                "sweep",
                "--batch",
                "5",
                "--format",
                "json",
                "--lock-timeout",
                "20s",
            ];
            program(&path, &args)
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut removed = 0;
    for sweep in sweeps {
        let output = sweep.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        removed += report["removed_rows"].as_u64().unwrap();
    }
    assert_eq!(removed, 118);
    assert_eq!(keys(&path, "episodes"), ["k0"]);
}

#[test]
fn clear_needs_a_yes_without_a_terminal_and_leaves_what_cannot_be_rebuilt() {
    let (_dir, path) = copy_of("0.1.47");
    let before = state(&path);
    let said = refusal(&path, &["clear", "--all"], 18);
    assert!(said.contains("--yes"), "{said}");
    json(&path, &["clear", "--all", "--dry-run"], 0);
    assert!(state(&path) == before);

    json(&path, &["clear", "--all", "--yes"], 0);
    for table in [
        "episodes",
        "patterns",
        "heuristics",
        "embeddings",
        "summaries",
        "procedural",
    ] {
        assert!(keys(&path, table).is_empty(), "{table}");
    }
    let truth = common::truth("0.1.47");
    for table in ["recommendation_sessions", "recommendation_feedback"] {
        assert_eq!(
            keys(&path, table).len(),
            truth[table].as_object().unwrap().len(),
            "{table}"
        );
    }
    json(
        &path,
        &[
            "clear",
            "--table",
            "recommendation_sessions,metadata",
            "--yes",
        ],
        0,
    );
    assert!(keys(&path, "recommendation_sessions").is_empty());
    assert!(
        keys(&path, "metadata")
            .iter()
            .all(|key| key.starts_with("redb_cache."))
    );
}

#[test]
fn clear_takes_only_the_keys_asked_for() {
    let (_dir, path) = aged(
        12,
        RedbConfig {
            ttl_seconds: Some(10 * 86_400),
            ..Default::default()
        },
    );
    json(
        &path,
        &["clear", "--table", "episodes", "--prefix", "k1", "--yes"],
        0,
    );
    let left = keys(&path, "episodes");
    assert_eq!(left.len(), 9);
    assert!(left.iter().all(|key| !key.starts_with("k1")));
    json(
        &path,
        &["clear", "--table", "embeddings", "--expired", "--yes"],
        0,
    );
    assert_eq!(keys(&path, "embeddings").len(), 10);
    let said = refusal(&path, &["clear", "--table", "my_table", "--yes"], 2);
    assert!(said.contains("episodes, patterns"), "{said}");
}

#[test]
fn the_backup_of_a_clear_is_the_cache_as_it_was_and_overwrites_nothing() {
    let (dir, path) = copy_of("0.1.47");
    let before = std::fs::read(&path).unwrap();
    let backup = dir.path().join("before.redb");
    let args = [
        "clear",
        "--all",
        "--yes",
        "--backup",
        backup.to_str().unwrap(),
    ];
    json(&path, &args, 0);
    assert!(std::fs::read(&backup).unwrap() == before);
    let (_dir, other) = copy_of("0.1.47");
    refusal(&other, &args, 1);
    assert!(std::fs::read(&other).unwrap() == before && std::fs::read(&backup).unwrap() == before);
}

#[test]
fn compact_makes_the_file_smaller_and_keeps_every_row() {
    let (dir, path) = copy_of("0.1.47");
    let before = export(&path);
    let length = std::fs::metadata(&path).unwrap().len();
    let untouched = state(&path);
    json(&path, &["compact", "--dry-run"], 0);
    json(&path, &["compact", "--min-reclaim", "100%"], 0);
    assert!(state(&path) == untouched);

    let report = json(&path, &["compact"], 0);
    assert_eq!(report["outcome"], "compacted");
    let after = std::fs::metadata(&path).unwrap().len();
    assert_eq!(report["after"]["length"], after);
    assert!(after < length / 2, "{length} -> {after}");
    assert_eq!(export(&path), before);
    assert_eq!(json(&path, &["compact"], 0)["outcome"], "no_gain");
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "neither a stage nor a backup is left");
}

fn export(path: &Path) -> String {
    let output = run(path, &["export"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn recompressing_saves_two_thirds_of_the_episodes_and_can_be_undone() {
    let (_dir, path) = copy_of("0.1.47");
    json(&path, &["compact"], 0);
    let rows = |path: &Path| {
        let db = redb::Database::open(path).unwrap();
        let txn = db.begin_read().unwrap();
        let table = txn
            .open_table(TableDefinition::<&str, &[u8]>::new("episodes"))
            .unwrap();
        table.stats().unwrap().stored_bytes()
    };
    let before = (export(&path), rows(&path));
    let report = json(&path, &["compact", "--recompress", "6"], 0);
    assert_eq!(report["outcome"], "compacted");
    assert_eq!(export(&path), before.0);
    assert!(
        rows(&path) * 100 <= before.1 * 35,
        "{} of {}",
        rows(&path),
        before.1
    );
    json(&path, &["compact", "--recompress", "9"], 0);
    assert_eq!(export(&path), before.0);
    json(&path, &["compact", "--recompress", "off"], 0);
    assert_eq!((export(&path), rows(&path)), before);
}

#[test]
fn compact_carries_tables_of_the_user_whatever_their_types() {
    let (_dir, path) = copy_of("0.1.47");
    let text: TableDefinition<&str, &[u8]> = TableDefinition::new("mine");
    let odd: TableDefinition<(u32, &str), Vec<u64>> = TableDefinition::new("odd");
    let many: redb::MultimapTableDefinition<u64, &str> = redb::MultimapTableDefinition::new("many");
    let write = |with_odd: bool| {
        let db = redb::Database::open(&path).unwrap();
        let txn = db.begin_write().unwrap();
        txn.open_table(text)
            .unwrap()
            .insert("k", b"v".as_slice())
            .unwrap();
        if with_odd {
            txn.open_table(odd)
                .unwrap()
                .insert((1, "a"), vec![7, 8])
                .unwrap();
            txn.open_multimap_table(many)
                .unwrap()
                .insert(3, "x")
                .unwrap();
        }
        txn.commit().unwrap();
    };
    write(false);
    assert_eq!(json(&path, &["compact"], 0)["outcome"], "compacted");
    assert_eq!(keys(&path, "mine"), ["k"]);
    write(true);
    let before = export_known(&path);
    let report = json(&path, &["compact"], 0);
    assert!(
        report["outcome"] == "compacted" || report["outcome"] == "no_gain",
        "{report}"
    );
    assert_eq!(export_known(&path), before);
    refusal(&path, &["compact", "--recompress", "6"], 1);
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_read().unwrap();
    assert_eq!(
        txn.open_table(odd)
            .unwrap()
            .get((1, "a"))
            .unwrap()
            .unwrap()
            .value(),
        [7, 8]
    );
    assert_eq!(txn.open_multimap_table(many).unwrap().len().unwrap(), 1);
}

fn export_known(path: &Path) -> String {
    let output = run(path, &["export", "episodes", "patterns", "metadata"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_cache_behind_a_link_is_replaced_where_it_is_with_its_permissions() {
    let (dir, path) = copy_of("0.1.47");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    let link = dir.path().join("link.redb");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    json(&link, &["compact"], 0);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_held_cache_is_refused_within_a_second_and_its_holder_is_named() {
    let (_dir, path) = copy_of("0.1.47");
    let holder = redb::Database::open(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let began = std::time::Instant::now();
    for args in [
        &["sweep", "--max-entries", "0"][..],
        &["clear", "--all", "--yes"],
        &["compact"],
    ] {
        let said = refusal(&path, &[args, &["--lock-timeout", "0s"]].concat(), 11);
        assert!(
            said.contains(&format!("pid {}", std::process::id())),
            "{said}"
        );
        assert!(said.contains("--lock-timeout"), "{said}");
    }
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "three refusals, each within a second"
    );
    assert!(std::fs::read(&path).unwrap() == before);
    drop(holder);
}

#[test]
fn an_engine_that_lets_others_write_is_swept_while_it_works() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let config = RedbConfig {
        concurrency: redb_cache::Concurrency::MultiWriter,
        stale_after: Duration::ZERO,
        ..Default::default()
    };
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    for n in 0..20 {
        cache.insert(format!("k{n:02}"), episode("x")).unwrap();
    }
    cache.flush().unwrap();
    assert_eq!(
        json(&path, &["sweep", "--max-entries", "5"], 0)["removed_rows"],
        15
    );
    assert!(cache.get("k00").unwrap().is_none());
    assert!(cache.get("k19").unwrap().is_some());
    cache.insert_durable("k20", episode("y")).unwrap();
    assert_eq!(cache.get_stats().unwrap().total_entries, 6);
}

#[test]
fn old_and_unknown_layouts_are_refused_by_every_writing_verb_and_left_alone() {
    for (fixture, exit) in [("0.1.6", 12), ("0.1.22", 12), ("0.1.34", 12)] {
        let (_dir, path) = copy_of(fixture);
        let before = state(&path);
        for args in [&["sweep"][..], &["clear", "--all", "--yes"], &["compact"]] {
            let said = refusal(&path, args, exit);
            assert!(said.contains("redb-cache migrate"), "{fixture}: {said}");
        }
        assert!(state(&path) == before, "{fixture}");
    }
}

#[test]
fn a_missing_path_stays_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("typo.redb");
    for args in [&["sweep"][..], &["clear", "--all", "--yes"], &["compact"]] {
        refusal(&path, args, 10);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_file_left_by_a_killed_process_is_swept_and_compacted() {
    let (_dir, path) = aged(10, RedbConfig::default());
    let killed = path.with_extension("killed");
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(TableDefinition::<&str, &[u8]>::new("mine"))
        .unwrap();
    txn.commit().unwrap();
    std::fs::copy(&path, &killed).unwrap();
    drop(db);
    assert_eq!(json(&killed, &["compact"], 0)["outcome"], "compacted");
    assert_eq!(
        json(&killed, &["sweep", "--max-entries", "4"], 0)["removed_rows"],
        12
    );
    let cache = RedbStorage::new(&killed).unwrap();
    assert_eq!(
        cache
            .get_as::<Episode>("k0")
            .unwrap()
            .unwrap()
            .task_description,
        "task 0"
    );
}

#[test]
fn a_ttl_given_to_a_sweep_does_not_stay_with_the_rows() {
    let (_dir, path) = copy_of("0.1.47");
    json(&path, &["sweep", "--ttl", "36500d"], 0);
    let later = Arc::new(ManualClock::at_ms(9_000_000_000_000));
    let config = |ttl_seconds| RedbConfig {
        ttl_seconds,
        clock: later.clone(),
        ..RedbConfig::default()
    };
    let before = keys(&path, "patterns").len();
    let cache = RedbStorage::with_full_config(&path, config(None)).unwrap();
    assert_eq!(cache.remove_expired().unwrap(), 0, "nothing ever expires");
    cache.close().unwrap();
    assert_eq!(keys(&path, "patterns").len(), before);
}

#[test]
fn a_cache_that_was_swept_before_it_was_opened_takes_the_ttl_of_its_program() {
    let (_dir, path) = copy_of("0.1.47");
    json(&path, &["sweep", "--ttl", "36500d"], 0);
    let config = RedbConfig {
        ttl_seconds: Some(1),
        clock: Arc::new(ManualClock::at_ms(3_000_000_000_000)),
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    cache.remove_expired().unwrap();
    cache.close().unwrap();
    for table in ["episodes", "patterns", "heuristics", "embeddings"] {
        assert_eq!(keys(&path, table), [""; 0], "{table}");
    }
}

#[test]
fn a_backup_that_cannot_be_kept_is_refused_before_anything_is_done() {
    let (dir, path) = copy_of("0.1.47");
    let before = state(&path);
    let own = path.to_str().unwrap();
    let missing = dir.path().join("none").join("b");
    let folder = dir.path().to_str().unwrap();
    for verb in [&["compact"][..], &["clear", "--all", "--yes"]] {
        for backup in [own, missing.to_str().unwrap(), folder] {
            let said = refusal(&path, &[verb, &["--backup", backup]].concat(), 1);
            assert!(said.contains("backup"), "{said}");
            assert!(state(&path) == before, "{verb:?} {backup}");
        }
    }
}

#[test]
fn a_compaction_that_was_killed_after_the_swap_succeeds_when_run_again() {
    let (dir, path) = copy_of("0.1.47");
    let before = std::fs::read(&path).unwrap();
    let backup = dir.path().join("b.redb");
    let args = ["compact", "--backup", backup.to_str().unwrap()];
    assert_eq!(json(&path, &args, 0)["outcome"], "compacted");
    assert_eq!(json(&path, &args, 0)["outcome"], "no_gain");
    assert!(std::fs::read(&backup).unwrap() == before);
}

#[test]
fn a_part_of_a_backup_that_a_killed_run_left_is_no_hindrance_and_goes() {
    let (dir, path) = copy_of("0.1.47");
    let before = std::fs::read(&path).unwrap();
    std::fs::write(dir.path().join(".b.redb.redb-cache-part"), "half").unwrap();
    let backup = dir.path().join("b.redb");
    let backup = backup.to_str().unwrap();
    json(&path, &["clear", "--all", "--yes", "--backup", backup], 0);
    assert!(std::fs::read(backup).unwrap() == before);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_backup_whose_name_is_no_text_is_told_of_all_the_same() {
    use std::os::unix::ffi::OsStrExt;
    for verb in [&["compact"][..], &["clear", "--all", "--yes"]] {
        let (dir, path) = copy_of("0.1.47");
        let backup = dir.path().join(std::ffi::OsStr::from_bytes(b"b\xff"));
        let mut command = program(&path, verb);
        command.args(["--format", "json", "--backup"]).arg(&backup);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["backup"].is_string() && backup.is_file());
    }
}
