//! Every verb on a cache of every release: who looks may look before it is migrated, who writes is
//! told to migrate, and nobody changes a byte.
#![cfg(test)]
#![cfg(feature = "cli")]

mod common;

use std::path::{Path, PathBuf};

use common::{Fixture, copy_of, fixture, json, leave_open, refusal, releases, run, state};
use redb::TableDefinition;
use redb_cache::cache::record::{Episode, TaskContext, TaskType, encode};
use redb_cache::file::{FileFormat, Header, MAX_TABLES};
use serde_json::{Value, json};
use tempfile::TempDir;

fn is_current(release: &str) -> bool {
    release.starts_with("0.1.47")
}

fn put(path: &Path, table: &str, key: &str, value: &[u8]) {
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    let definition = TableDefinition::<&str, &[u8]>::new(table);
    txn.open_table(definition)
        .unwrap()
        .insert(key, value)
        .unwrap();
    txn.commit().unwrap();
}

fn lines(exported: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(exported).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == name).unwrap()
}

#[test]
fn verbs_that_read_read_every_release_and_change_no_byte() {
    for release in releases() {
        let (_dir, path) = copy_of(&release);
        let before = state(&path);
        let judged = if is_current(&release) { 3 } else { 12 };
        for (args, exit) in [
            (&["inspect"][..], 0),
            (&["inspect", "--exact"], 0),
            (&["inspect", "episodes"], 0),
            (&["inspect", "patterns", "--largest", "3"], 0),
            (&["inspect", "metadata"], 0),
            (&["stats"], 0),
            (&["stats", "--exact"], 0),
            (&["health"], judged),
            (&["health", "--deep"], judged),
            (&["export"], 0),
            (&["export", "--all"], 0),
            (&["migrate", "--dry-run"], 0),
        ] {
            let output = run(&path, args);
            let code = output.status.code();
            assert_eq!(code, Some(exit), "{release} {args:?}: {output:?}");
        }
        let keys = json(&path, &["inspect", "episodes", "--limit", "1"], 0);
        let key = keys["keys"][0]["key"].as_str().unwrap();
        for args in [&[][..], &["--raw"], &["--hex"]] {
            let args = [&["inspect", "episodes", key], args].concat();
            assert_eq!(run(&path, &args).status.code(), Some(0), "{release}");
        }
        assert!(state(&path) == before, "{release}");
    }
}

#[test]
fn verbs_that_write_ask_for_the_migration_of_every_older_release() {
    for release in releases() {
        if is_current(&release) {
            continue;
        }
        let (dir, path) = copy_of(&release);
        let before = state(&path);
        for args in [
            &["sweep"][..],
            &["sweep", "--dry-run", "--ttl", "1s"],
            &["clear", "--all", "--yes"],
            &["clear", "--table", "embeddings", "--dry-run"],
            &["compact"],
            &["compact", "--dry-run"],
            &["compact", "--recompress", "6"],
        ] {
            let said = refusal(&path, args, 12);
            let help = said.lines().find(|line| line.starts_with("  help"));
            assert!(
                help.is_some_and(|help| help.ends_with("run: redb-cache migrate")),
                "{release} {args:?}: {said}"
            );
        }
        assert!(state(&path) == before, "{release}");
        assert_eq!(common::names(dir.path()), ["cache.redb"], "{release}");
    }
}

#[test]
fn the_next_step_of_an_older_cache_is_its_migration() {
    for release in releases().iter().filter(|release| !is_current(release)) {
        let path = fixture(release).join("cache.redb");
        let health = json(&path, &["health", "--deep"], 12);
        let next = &health["findings"][0]["next"];
        assert_eq!(next, "redb-cache migrate", "{release}: {health:#}");
        assert_eq!(check(&health, "rows")["state"], "ok", "{release}");
        let stats = json(&path, &["stats"], 0);
        let advice = &stats["advice"][0];
        assert_eq!(advice["run"], "redb-cache migrate", "{release}: {stats:#}");
        assert!(stats["entries"]["tables"][0]["value_bytes"].is_u64());
        let file = json(&path, &["inspect"], 0);
        assert_eq!(file["old_format"], true, "{release}");
    }
}

/// Patterns of before 0.1.8 have no times: they get that of their reading.
fn without_times(mut value: Value) -> Value {
    if let Some(pattern) = value
        .as_object_mut()
        .and_then(|kind| kind.values_mut().next())
        && let Some(effectiveness) = pattern.get_mut("effectiveness")
    {
        effectiveness["last_used"] = Value::Null;
        effectiveness["created_at"] = Value::Null;
    }
    value
}

/// The whole export but the version, which a migration changes.
fn records(path: &Path) -> Vec<Value> {
    let mut lines = lines(&run(path, &["export"]).stdout);
    lines.retain(|line| line["table"] != "schema_version");
    lines
}

#[test]
fn what_is_shown_and_exported_before_a_migration_is_what_it_writes() {
    for release in ["0.1.6", "0.1.14", "0.1.33", "mixed-0.1.6-7-8-14"] {
        let (_dir, path) = copy_of(release);
        let rows = records(&path);
        let mut some = Vec::new();
        for line in rows.iter().step_by(11) {
            let (table, key) = (line["table"].as_str(), line["key"].as_str());
            let (table, key) = (table.unwrap().to_owned(), key.unwrap().to_owned());
            let row = json(&path, &["inspect", &table, &key], 0);
            some.push((table, key, row));
        }
        assert!(some.len() > 5);
        json(&path, &["migrate"], 0);
        for (table, key, before) in some {
            let after = json(&path, &["inspect", &table, &key], 0);
            assert_eq!(
                without_times(before["value"].clone()),
                without_times(after["value"].clone()),
                "{release} {table} {key}"
            );
        }
        let after = records(&path);
        assert_eq!(rows.len(), after.len(), "{release}");
        for (before, after) in rows.iter().zip(&after) {
            let value = |line: &Value| without_times(line["value"].clone());
            assert_eq!(value(before), value(after), "{release} {}", before["key"]);
        }
    }
}

#[test]
fn parameters_that_are_not_certain_are_told_as_migrate_tells_them() {
    for release in ["0.1.6", "0.1.31-real-a"] {
        let path = fixture(release).join("cache.redb");
        let migrate = json(&path, &["migrate", "--dry-run"], 0);
        let export = run(&path, &["export", "--format", "json", "--verbose"]);
        let said = String::from_utf8(export.stderr).unwrap();
        let report: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!(report["parameters"], migrate["parameters"], "{release}");
        let listed = migrate["doubts"]["listed"].as_array().unwrap();
        let named = said.lines().filter(|line| line.contains(": parameters "));
        assert_eq!(named.count(), listed.len(), "{release}");

        let doubt = &listed[0];
        let key = doubt["key"].as_str().unwrap();
        let row = json(&path, &["inspect", "episodes", key], 0);
        let of_row: Vec<_> = listed
            .iter()
            .filter(|doubt| doubt["key"] == key)
            .map(|doubt| json!({"step": doubt["step"], "certainty": doubt["certainty"]}))
            .collect();
        assert_eq!(row["doubts"], Value::Array(of_row), "{release}");
        let shown = run(&path, &["inspect", "episodes", key]).stdout;
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains("steps are not certain"), "{shown}");
    }
}

/// An episode that layouts L6 and L7 both read, the bytes of metadata as lists of ids or as pairs.
fn ambiguous() -> Vec<u8> {
    let mut row = encode(&Episode::new("t", TaskContext::default(), TaskType::Other)).unwrap();
    row.truncate(row.len() - 9);
    row.push(1);
    row.extend([0.5f32; 6].iter().flat_map(|part| part.to_le_bytes()));
    row.extend([0; 5]);
    row.push(2);
    for text in [
        &[b'k'; 16][..],
        &[b'v'; 16],
        b"\x10",
        b"0123456789abcde\0\0\0",
    ] {
        row.push(u8::try_from(text.len()).unwrap());
        row.extend(text);
    }
    row.extend([0; 2]);
    row
}

#[test]
fn a_row_that_layouts_read_differently_is_shown_and_told_as_doubtful() {
    let (_dir, path) = copy_of("0.1.33");
    put(&path, "episodes", "two-faced", &ambiguous());
    let forecast = json(&path, &["migrate", "--dry-run"], 0);
    let doubt = &forecast["doubts"]["listed"][0];
    assert_eq!(doubt["key"], "two-faced", "{forecast:#}");

    let row = json(&path, &["inspect", "episodes", "two-faced"], 0);
    assert_eq!(row["layout"], doubt["taken"]);
    assert_eq!(row["also"], doubt["also"]);
    assert!(row["value"].is_object());

    let export = run(&path, &["export"]);
    assert_eq!(export.status.code(), Some(0));
    let said = String::from_utf8(export.stderr).unwrap();
    assert!(said.contains("1 rows read differently"), "{said}");
    let exported = lines(&export.stdout);
    let line = exported.iter().find(|line| line["key"] == "two-faced");
    assert_eq!(line.unwrap()["value"], row["value"]);

    let health = json(&path, &["health", "--deep"], 12);
    assert_eq!(check(&health, "rows")["state"], "attention");
    let findings = health["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["key"] == "two-faced"));
    let file = json(&path, &["inspect"], 0);
    assert_eq!(file["tables"][0]["doubtful"], 1, "{file:#}");
}

#[test]
fn parameters_that_cannot_be_read_are_told_and_exit_3() {
    let (_dir, path) = copy_of("0.1.31-real-a");
    let truth = common::truth("0.1.31-real-a");
    let episodes = truth["episodes"].as_object().unwrap();
    let file = |value: &Value| value["steps"][0]["parameters"].to_string().contains("src/");
    let (key, _) = episodes.iter().find(|(_, value)| file(value)).unwrap();
    let mut row = run(&path, &["inspect", "episodes", key, "--raw"]).stdout;
    let at = row.windows(4).position(|bytes| bytes == b"src/").unwrap();
    // No number and no text.
    for byte in row[at..].iter_mut().take_while(|byte| **byte >= b' ') {
        *byte = 0xff;
    }
    put(&path, "episodes", key, &row);
    let shown = json(&path, &["inspect", "episodes", key], 3);
    assert_eq!(shown["parameters"]["unreadable"], 1, "{shown:#}");
    let export = run(&path, &["export", "episodes"]);
    assert_eq!(export.status.code(), Some(3));
    assert_eq!(lines(&export.stdout).len(), 400);
    let said = String::from_utf8(export.stderr).unwrap();
    assert!(said.contains("1 parameters are unreadable"), "{said}");
    let health = json(&path, &["health", "--deep"], 12);
    assert_eq!(check(&health, "rows")["state"], "attention");
}

#[test]
fn rows_that_do_not_decode_are_left_out_or_written_as_they_are_stored() {
    let (dir, path) = copy_of("0.1.22");
    put(&path, "episodes", "torn", b"\x05\xff");
    put(&path, "patterns", "broken", b"no pattern");
    let health = json(&path, &["health", "--deep"], 13);
    let next = check(&health, "rows")["next"].as_str().unwrap();
    assert!(next.starts_with("redb-cache migrate --skip-bad"), "{next}");

    let left_out = run(&path, &["export"]);
    assert_eq!(left_out.status.code(), Some(3));
    Fixture::of("0.1.22").check_whole_truth(&left_out.stdout, 10);
    let whole = run(&path, &["export", "--undecodable", "base64"]);
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    let added = lines(&whole.stdout).len() - lines(&left_out.stdout).len();
    assert_eq!(added, 2);

    json(&path, &["migrate", "--skip-bad"], 3);
    let quarantine = dir.path().join("cache.redb.quarantine-1");
    let before = state(&quarantine);
    let left_out = run(&quarantine, &["export"]);
    assert_eq!(
        (left_out.status.code(), left_out.stdout.len()),
        (Some(3), 0)
    );
    let output = run(&quarantine, &["export", "--undecodable", "base64"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        lines(&output.stdout),
        [
            json!({"table": "episodes", "key": "torn", "value": {"base64": "Bf8="}}),
            json!({"table": "patterns", "key": "broken", "value": {"base64": "bm8gcGF0dGVybg=="}}),
        ]
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("2 rows do not decode"), "{said}");
    assert!(state(&quarantine) == before);
}

#[test]
fn an_old_database_that_is_no_cache_is_refused_by_who_decodes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("foreign.redb");
    let db = redb2::Database::create(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(redb2::TableDefinition::<&str, &[u8]>::new("users"))
        .unwrap()
        .insert("k", &b"v"[..])
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    let before = state(&path);
    for args in [&["export"][..], &["stats"], &["inspect", "users", "k"]] {
        let said = refusal(&path, args, 14);
        assert!(said.contains("no cache of do-memory"), "{args:?}: {said}");
    }
    for args in [&["inspect"][..], &["health"], &["health", "--deep"]] {
        json(&path, args, 14);
    }
    assert!(state(&path) == before);
}

/// A cache of the current release, one that was left open, and one of file format v2, each with a
/// table too many.
fn with_too_many_tables() -> [(TempDir, PathBuf); 3] {
    let [closed, open, old] = ["0.1.47", "0.1.47", "0.1.6"].map(copy_of);
    let names: Vec<_> = (0..=MAX_TABLES).map(|n| format!("user-{n}")).collect();
    for (_, path) in [&closed, &open] {
        let db = redb::Database::open(path).unwrap();
        let txn = db.begin_write().unwrap();
        for name in &names {
            let table = TableDefinition::<&str, &[u8]>::new(name);
            txn.open_table(table).unwrap();
        }
        txn.commit().unwrap();
    }
    leave_open(&open.1);
    let db = redb2::Database::open(&old.1).unwrap();
    let txn = db.begin_write().unwrap();
    for name in &names {
        let table = redb2::TableDefinition::<&str, &[u8]>::new(name);
        txn.open_table(table).unwrap();
    }
    txn.commit().unwrap();
    [closed, open, old]
}

#[test]
fn far_more_tables_than_a_cache_has_are_refused() {
    for (_dir, path) in with_too_many_tables() {
        let before = state(&path);
        let salvage = path.with_file_name("salvaged.redb");
        let looking = ["inspect", "stats --exact", "export", "migrate"];
        let writing = ["sweep --ttl 1d", "clear --all --yes", "compact"];
        // Those say of an old file that it is to be migrated first.
        let is_old = Header::read(&path).unwrap().format() == FileFormat::V2;
        let writing = writing.into_iter().filter(|_| !is_old);
        for verb in looking.into_iter().chain(writing) {
            let args: Vec<_> = verb.split(' ').collect();
            let said = refusal(&path, &args, 14);
            assert!(said.contains("more than 10000 tables"), "{verb}: {said}");
        }
        refusal(
            &path,
            &["repair", "--salvage", salvage.to_str().unwrap()],
            14,
        );
        json(&path, &["health", "--deep"], 14);
        assert!(state(&path) == before);
    }
}
