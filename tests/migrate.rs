//! `migrate` on real caches: what it makes of them, what it carries, what it refuses.
#![cfg(test)]

mod common;

use std::path::Path;

use common::{Fixture, copy_of, json, names, program, refusal, releases, run, state};
use redb::{
    MultimapTableDefinition, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, TableHandle,
};
use redb_cache::cache::record::{Episode, Pattern};
use redb_cache::cache::{Table, View, entry};
use redb_cache::{RedbConfig, RedbStorage};
use serde_json::Value;

/// How many values of `parameters` may be read as something else than they were, although their
/// bytes could have told.
fn may_differ(release: &str, report: &Value) -> u64 {
    let parameters = report["parameters"].as_object().unwrap();
    let total: u64 = parameters.values().map(|n| n.as_u64().unwrap()).sum();
    match release {
        _ if release.contains("real") => total / 1_000,
        "0.1.6" => 5,
        _ => 10,
    }
}

fn export(path: &Path) -> Vec<u8> {
    let output = run(path, &["export"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output.stdout
}

/// Changes a cache behind the back of whoever wrote it.
fn change<T>(path: &Path, change: impl FnOnce(&redb::WriteTransaction) -> T) -> T {
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    let result = change(&txn);
    txn.commit().unwrap();
    result
}

fn put(path: &Path, table: &str, key: &str, value: &[u8]) {
    change(path, |txn| {
        let definition = TableDefinition::<&str, &[u8]>::new(table);
        txn.open_table(definition)
            .unwrap()
            .insert(key, value)
            .unwrap();
    });
}

fn get(path: &Path, table: &str, key: &str) -> Option<Vec<u8>> {
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_read().unwrap();
    let table = txn
        .open_table(TableDefinition::<&str, &[u8]>::new(table))
        .unwrap();
    table.get(key).unwrap().map(|value| value.value().to_vec())
}

#[test]
fn every_fixture_becomes_a_current_cache_that_holds_its_truth_and_its_original_is_kept() {
    for release in &releases() {
        let (dir, path) = copy_of(release);
        let original = std::fs::read(&path).unwrap();
        let report = json(&path, &["migrate"], 0);
        let differ = may_differ(release, &report);
        Fixture::of(release).check_whole_truth(&export(&path), differ);
        assert_eq!(report["parameters"]["unreadable"], 0, "{release}");
        if release.starts_with("0.1.47") {
            assert_eq!(report["outcome"], "nothing_to_do", "{release}");
            assert!(std::fs::read(&path).unwrap() == original, "{release}");
            continue;
        }
        assert_eq!(report["outcome"], "migrated", "{release}");
        let backup = dir.path().join("cache.redb.backup-1");
        let backup = std::fs::canonicalize(backup).unwrap();
        assert_eq!(report["backup"], backup.to_str().unwrap());
        assert!(std::fs::read(&backup).unwrap() == original, "{release}");
        assert_eq!(names(dir.path()), ["cache.redb", "cache.redb.backup-1"]);
        is_current(&path);
        let migrated = state(&path);
        assert_eq!(json(&path, &["migrate"], 0)["outcome"], "nothing_to_do");
        assert!(state(&path) == migrated, "{release}");
    }
}

/// Every table of do-memory's current schema, none of ours, nothing that `health` finds.
fn is_current(path: &Path) {
    json(path, &["health", "--deep"], 0);
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_read().unwrap();
    let mut tables: Vec<_> = txn
        .list_tables()
        .unwrap()
        .map(|table| table.name().to_owned())
        .collect();
    tables.retain(|table| Table::from_name(table).is_some() || table.starts_with("redb_cache."));
    let mut all: Vec<_> = Table::ALL.iter().map(|table| table.name()).collect();
    all.sort_unstable();
    assert_eq!(tables, all);
}

#[test]
fn a_migrated_cache_is_opened_by_the_engine_with_every_row() {
    for release in ["0.1.32", "0.1.34"] {
        let (_dir, path) = copy_of(release);
        json(&path, &["migrate"], 0);
        let truth = common::truth(release);
        let cache = RedbStorage::new(&path).unwrap();
        for key in truth["episodes"].as_object().unwrap().keys() {
            assert!(cache.get_as::<Episode>(key).unwrap().is_some(), "{key}");
        }
        for key in truth["patterns"].as_object().unwrap().keys() {
            assert!(cache.get_as::<Pattern>(key).unwrap().is_some(), "{key}");
        }
    }
}

#[test]
fn the_report_accounts_for_every_row() {
    let (_dir, path) = copy_of("0.1.32");
    let report = json(&path, &["migrate"], 0);
    assert_eq!(report["schema"], "redb-cache/migrate/1");
    assert_eq!(report["from"]["schema_version"], 3);
    assert_eq!(report["from"]["file_format"], 3);
    assert_eq!(report["to"]["schema_version"], 4);
    assert_eq!(
        report["to"]["bytes"],
        std::fs::metadata(&path).unwrap().len()
    );
    let sum = |field: &str| -> u64 {
        let tables = report["tables"].as_array().unwrap();
        tables
            .iter()
            .map(|table| table[field].as_u64().unwrap())
            .sum()
    };
    assert_eq!(report["rows"], sum("rows"));
    assert_eq!(
        sum("rows"),
        sum("migrated") + sum("carried") + sum("set_aside")
    );
    assert_eq!(report["migrated"], sum("migrated"));
    let layouts = report["from"]["layouts"].as_object().unwrap();
    let records: u64 = layouts.values().map(|rows| rows.as_u64().unwrap()).sum();
    assert_eq!(records as usize, Fixture::of("0.1.32").rows().len());
    assert!(layouts.contains_key("L6"), "{layouts:?}");
}

#[test]
fn a_cache_that_has_lost_its_version_is_known_by_its_rows() {
    for release in ["0.1.22", "0.1.32", "0.1.33", "0.1.34"] {
        for version in [None, Some(2)] {
            let (_dir, path) = copy_of(release);
            change(&path, |txn| {
                let versions = TableDefinition::<&str, u64>::new("schema_version");
                let mut table = txn.open_table(versions).unwrap();
                match version {
                    Some(version) => drop(table.insert("version", version).unwrap()),
                    None => drop(table.remove("version").unwrap()),
                }
            });
            json(&path, &["migrate"], 0);
            Fixture::of(release).check_whole_truth(&export(&path), 0);
        }
    }
}

#[test]
fn a_dry_run_tells_the_same_and_writes_nothing() {
    let (dir, path) = copy_of("0.1.34");
    let before = state(&path);
    let forecast = json(&path, &["migrate", "--dry-run"], 0);
    assert!(state(&path) == before);
    assert_eq!(names(dir.path()), ["cache.redb"]);
    assert_eq!(forecast["outcome"], "forecast");
    let report = json(&path, &["migrate"], 0);
    for field in [
        "from",
        "tables",
        "rows",
        "migrated",
        "parameters",
        "bad_rows",
    ] {
        assert_eq!(forecast[field], report[field], "{field}");
    }
}

#[test]
fn an_output_leaves_the_original_alone_and_overwrites_nothing() {
    let (dir, path) = copy_of("0.1.34");
    let before = state(&path);
    let output = dir.path().join("new.redb");
    let args = ["migrate", "--output", output.to_str().unwrap()];
    let report = json(&path, &args, 0);
    assert_eq!(report["output"], output.to_str().unwrap());
    assert!(report["backup"].is_null());
    assert!(state(&path) == before);
    is_current(&output);
    Fixture::of("0.1.34").check_whole_truth(&export(&output), 0);
    let made = state(&output);
    let said = refusal(&path, &args, 1);
    assert!(said.contains("overwrite"), "{said}");
    assert!(state(&output) == made && state(&path) == before);
    assert_eq!(names(dir.path()), ["cache.redb", "new.redb"]);
}

#[test]
fn an_output_is_written_of_a_current_cache_too() {
    let (dir, path) = copy_of("0.1.47");
    let before = state(&path);
    let output = dir.path().join("new.redb");
    let report = json(&path, &["migrate", "--output", output.to_str().unwrap()], 0);
    assert_eq!(
        (&report["outcome"], &report["migrated"]),
        (&"migrated".into(), &0.into())
    );
    assert!(state(&path) == before);
    Fixture::of("0.1.47").check_whole_truth(&export(&output), 0);
}

#[test]
fn a_row_that_cannot_be_migrated_is_named_and_nothing_is_changed() {
    let (dir, path) = copy_of("0.1.34");
    put(&path, "patterns", "broken\u{1b}", b"no pattern");
    let before = state(&path);
    for args in [&["migrate"][..], &["migrate", "--dry-run"]] {
        let report = json(&path, args, 13);
        assert_eq!(report["outcome"], "refused");
        let bad = &report["bad_rows"]["listed"][0];
        assert_eq!(
            (&bad["table"], &bad["key"]),
            (&"patterns".into(), &"broken\u{1b}".into())
        );
        assert_eq!(report["set_aside"], 1);
    }
    let output = run(&path, &["migrate"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("broken\\u{1b}") && text.contains("unchanged"),
        "{text}"
    );
    let output = dir.path().join("new.redb");
    json(
        &path,
        &["migrate", "--output", output.to_str().unwrap()],
        13,
    );
    assert!(state(&path) == before);
    assert_eq!(names(dir.path()), ["cache.redb"]);
}

#[test]
fn rows_that_are_skipped_are_kept_byte_by_byte_in_a_quarantine() {
    let (dir, path) = copy_of("0.1.34");
    put(&path, "patterns", "broken", b"no pattern");
    put(&path, "episodes", "torn", b"\x05");
    let original = std::fs::read(&path).unwrap();
    let forecast = json(&path, &["migrate", "--dry-run", "--skip-bad"], 3);
    assert_eq!(forecast["outcome"], "forecast");
    let report = json(&path, &["migrate", "--skip-bad"], 3);
    assert_eq!(
        (&report["outcome"], &report["set_aside"]),
        (&"migrated".into(), &2.into())
    );
    let quarantine = dir.path().join("cache.redb.quarantine-1");
    assert_eq!(
        get(&quarantine, "patterns", "broken").unwrap(),
        b"no pattern"
    );
    assert_eq!(get(&quarantine, "episodes", "torn").unwrap(), b"\x05");
    assert_eq!(get(&path, "patterns", "broken"), None);
    let raw = run(&quarantine, &["inspect", "episodes", "torn", "--raw"]);
    assert_eq!((raw.status.code(), raw.stdout), (Some(0), b"\x05".to_vec()));
    let backup = dir.path().join("cache.redb.backup-1");
    assert!(std::fs::read(backup).unwrap() == original);
    Fixture::of("0.1.34").check_whole_truth(&export(&path), 0);
    assert_eq!(
        json(&path, &["migrate", "--skip-bad"], 0)["outcome"],
        "nothing_to_do"
    );
}

#[test]
fn a_quarantine_of_a_run_that_was_killed_before_the_swap_is_taken_for_its_own() {
    let (dir, path) = copy_of("0.1.34");
    put(&path, "patterns", "broken", b"no pattern");
    let original = std::fs::read(&path).unwrap();
    let named = dir.path().join("bad.redb");
    let with_name = [
        "migrate",
        "--skip-bad",
        "--quarantine",
        named.to_str().unwrap(),
    ];
    for args in [&["migrate", "--skip-bad"][..], &with_name] {
        for _ in 0..2 {
            std::fs::write(&path, &original).unwrap();
            json(&path, args, 3);
        }
    }
    let mut made = names(dir.path());
    made.retain(|name| !name.contains("backup"));
    assert_eq!(made, ["bad.redb", "cache.redb", "cache.redb.quarantine-1"]);

    std::fs::write(&path, &original).unwrap();
    put(&path, "patterns", "another", b"no pattern");
    let before = state(&path);
    let kept = state(&named);
    let said = refusal(&path, &with_name, 1);
    assert!(said.contains("quarantine file would overwrite"), "{said}");
    assert!(state(&path) == before && state(&named) == kept);
    std::fs::write(&named, "mine").unwrap();
    refusal(&path, &with_name, 1);
    assert_eq!(std::fs::read(&named).unwrap(), b"mine");
}

#[test]
fn bincode_that_was_expected_and_is_not_there_is_told() {
    let (_dir, path) = copy_of("0.1.34");
    let report = json(&path, &["migrate", "--from-bincode"], 0);
    assert_eq!(
        (&report["bincode_missing"], &report["outcome"]),
        (&true.into(), &"migrated".into())
    );
    let output = run(&path, &["migrate", "--from-bincode"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("no row is in bincode"), "{text}");

    let (_dir, path) = copy_of("0.1.6");
    let report = json(&path, &["migrate", "--from-bincode"], 0);
    assert_eq!(report["bincode_missing"], false);
    assert_eq!(report["from"]["file_format"], 2);
    assert_eq!(report["from"]["codecs"]["bincode"], report["migrated"]);
    let doubts = report["doubts"]["listed"].as_array().unwrap();
    let parameters = &report["parameters"];
    let doubtful = ["inferred", "chosen", "unreadable"].map(|n| parameters[n].as_u64().unwrap());
    assert_eq!(doubts.len() as u64, doubtful.iter().sum::<u64>());
    assert!(doubts[0]["step"].as_u64() > Some(0) && doubts[0]["value"].is_string());
}

#[test]
fn tables_of_the_user_are_carried_whatever_their_types() {
    let (dir, path) = copy_of("0.1.34");
    let text: TableDefinition<&str, &str> = TableDefinition::new("my text");
    let numbers: TableDefinition<&str, u64> = TableDefinition::new("numbers");
    let times: TableDefinition<&str, i64> = TableDefinition::new("times");
    let odd: TableDefinition<(u32, &str), Vec<u64>> = TableDefinition::new("odd");
    let many: MultimapTableDefinition<u64, &str> = MultimapTableDefinition::new("many");
    change(&path, |txn| {
        txn.open_table(text).unwrap().insert("k", "v").unwrap();
        txn.open_table(numbers)
            .unwrap()
            .insert("k", u64::MAX)
            .unwrap();
        txn.open_table(times).unwrap().insert("k", -1).unwrap();
    });
    put(&path, "bytes", "k", &[0xff]);
    let plain = std::fs::read(&path).unwrap();
    let length = || std::fs::metadata(&path).unwrap().len();
    json(&path, &["migrate"], 0);
    let dense = length();

    std::fs::write(&path, plain).unwrap();
    change(&path, |txn| {
        txn.open_table(odd)
            .unwrap()
            .insert((1, "a"), vec![7, 8])
            .unwrap();
        txn.open_multimap_table(many)
            .unwrap()
            .insert(3, "x")
            .unwrap();
    });
    let output = dir.path().join("new.redb");
    let said = refusal(&path, &["migrate", "--output", output.to_str().unwrap()], 1);
    assert!(said.contains("only their owner can read"), "{said}");
    assert_eq!(json(&path, &["migrate"], 0)["outcome"], "migrated");
    assert!(length() <= dense + dense / 5, "{dense} and {}", length());
    assert_eq!(get(&path, "bytes", "k").unwrap(), [0xff]);
    is_current(&path);
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_read().unwrap();
    let value = txn.open_table(odd).unwrap().get((1, "a")).unwrap().unwrap();
    assert_eq!(value.value(), [7, 8]);
    assert_eq!(txn.open_multimap_table(many).unwrap().len().unwrap(), 1);
    assert_eq!(
        txn.open_table(text)
            .unwrap()
            .get("k")
            .unwrap()
            .unwrap()
            .value(),
        "v"
    );
    assert_eq!(
        txn.open_table(numbers)
            .unwrap()
            .get("k")
            .unwrap()
            .unwrap()
            .value(),
        u64::MAX
    );
    assert_eq!(
        txn.open_table(times)
            .unwrap()
            .get("k")
            .unwrap()
            .unwrap()
            .value(),
        -1
    );
}

#[test]
fn older_rows_in_a_cache_of_ours_are_migrated_and_what_is_recorded_stays_true() {
    let (_dir, path) = copy_of("0.1.47");
    json(&path, &["sweep", "--ttl", "100000d"], 0);
    json(&path, &["compact", "--recompress", "6"], 0);
    let entries = |path: &Path| {
        let db = redb::Database::open(path).unwrap();
        let view = View::new(db.begin_read().unwrap());
        let rows = view.rows(Table::Episodes).unwrap().unwrap();
        let keys = rows
            .iter()
            .unwrap()
            .map(|row| row.unwrap().0.value().to_owned());
        keys.map(|key| (key.clone(), view.entry(Table::Episodes, &key).unwrap()))
            .collect::<Vec<_>>()
    };
    let before = entries(&path);
    let exported = export(&path);
    assert!(
        before
            .iter()
            .any(|(_, entry)| entry.unwrap().codec != entry::Codec::Plain)
    );
    for (table, key, bytes) in Fixture::of("0.1.34").rows() {
        if table == Table::Patterns {
            put(&path, "patterns", &format!("old {key}"), &bytes);
        }
    }
    json(&path, &["health", "--deep"], 3);
    let report = json(&path, &["migrate"], 0);
    assert_eq!(
        (&report["migrated"], &report["inflated"]),
        (&16.into(), &true.into())
    );
    for ((key, was), (same, is)) in before.iter().zip(entries(&path)) {
        let (was, is) = (was.unwrap(), is.unwrap());
        assert_eq!(*key, same);
        assert_eq!(
            (was.written_ms, was.accessed, was.raw_len),
            (is.written_ms, is.accessed, is.stored_len)
        );
        assert_eq!(is.codec, entry::Codec::Plain);
    }
    let text = String::from_utf8(export(&path)).unwrap();
    for line in String::from_utf8(exported).unwrap().lines() {
        assert!(text.contains(line), "{line}");
    }
    let cache = RedbStorage::with_full_config(&path, RedbConfig::default()).unwrap();
    let old = Fixture::of("0.1.34").rows();
    let (_, key, _) = old
        .iter()
        .find(|(table, _, _)| *table == Table::Patterns)
        .unwrap();
    assert!(
        cache
            .get_as::<Pattern>(&format!("old {key}"))
            .unwrap()
            .is_some()
    );
    cache.close().unwrap();
    json(&path, &["health", "--deep", "--max-sweep-age", "1d"], 0);
    assert_eq!(json(&path, &["migrate"], 0)["outcome"], "nothing_to_do");
}

#[test]
fn an_unknown_version_a_foreign_database_and_a_missing_file_are_refused() {
    let (_dir, path) = copy_of("0.1.34");
    let versions: TableDefinition<&str, u64> = TableDefinition::new("schema_version");
    for version in [0, 1, 5, u64::MAX] {
        change(&path, |txn| {
            txn.open_table(versions)
                .unwrap()
                .insert("version", version)
                .unwrap();
        });
        let before = state(&path);
        let said = refusal(&path, &["migrate"], 14);
        assert!(said.contains("newer"), "{said}");
        refusal(&path, &["migrate", "--dry-run"], 14);
        assert!(state(&path) == before);
    }
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("foreign.redb");
    drop(redb::Database::create(&foreign).unwrap());
    put(&foreign, "settings", "k", b"v");
    let said = refusal(&foreign, &["migrate"], 14);
    assert!(said.contains("no cache of do-memory"), "{said}");
    refusal(&dir.path().join("typo"), &["migrate"], 10);
    refusal(
        &dir.path().join("typo"),
        &["migrate", "--rollback", "--yes"],
        10,
    );
    std::fs::write(dir.path().join("text"), "text").unwrap();
    refusal(&dir.path().join("text"), &["migrate"], 13);
    assert_eq!(names(dir.path()), ["foreign.redb", "text"]);
}

#[test]
fn a_table_of_do_memorys_with_values_of_another_type_is_refused() {
    let (_dir, path) = copy_of("0.1.34");
    change(&path, |txn| {
        let summaries: TableDefinition<&str, &[u8]> = TableDefinition::new("summaries");
        txn.delete_table(summaries).unwrap();
        let summaries: TableDefinition<&str, u64> = TableDefinition::new("summaries");
        txn.open_table(summaries).unwrap().insert("k", 1).unwrap();
    });
    let before = state(&path);
    let said = refusal(&path, &["migrate"], 14);
    assert!(said.contains("summaries"), "{said}");
    assert!(state(&path) == before);
}

#[test]
fn a_cache_without_rows_becomes_current() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    drop(redb::Database::create(&path).unwrap());
    assert_eq!(json(&path, &["migrate"], 0)["outcome"], "nothing_to_do");
    change(&path, |txn| {
        let versions: TableDefinition<&str, u64> = TableDefinition::new("schema_version");
        txn.open_table(versions)
            .unwrap()
            .insert("version", 3)
            .unwrap();
        let episodes: TableDefinition<&str, &[u8]> = TableDefinition::new("episodes");
        drop(txn.open_table(episodes).unwrap());
    });
    assert_eq!(json(&path, &["migrate"], 0)["outcome"], "migrated");
    is_current(&path);
}

#[test]
fn each_row_that_cannot_be_migrated_is_named_on_demand() {
    let (_dir, path) = copy_of("0.1.34");
    put(&path, "patterns", "broken", b"no pattern");
    let output = program(&path, &["migrate", "--verbose"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("patterns broken cannot be migrated"),
        "{said}"
    );
}
