//! `repair` on real caches that were damaged on purpose.
#![cfg(test)]
#![cfg(feature = "cli")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use common::{copy_of, json, names, refusal, releases, run, state, truth};
use redb_cache::file::{self, ReadOptions};
use redb_cache::{RedbConfig, RedbStorage};
use serde_json::Value;

/// One cache of each file format, and of each way in which redb lays such a file out.
const EACH_FORMAT: [&str; 4] = ["0.1.6", "0.1.14", "0.1.22", "0.1.47"];
const RECOVERY_REQUIRED: u8 = 2;

/// The export but for patterns: old ones are given the time at which they are read.
fn export(path: &Path) -> Vec<String> {
    let output = run(path, &["export"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("{\"table\":\"patterns\""));
    lines.map(str::to_owned).collect()
}

/// The rows of a table, as they are stored.
fn rows(path: &Path, table: &str) -> BTreeMap<String, Vec<u8>> {
    file::read(path, &ReadOptions::default(), |snapshot| {
        let mut rows = BTreeMap::new();
        snapshot.scan(table, None, &mut |key, value| {
            if let file::ValueRef::Bytes(bytes) = value {
                rows.insert(key.to_owned(), bytes.to_vec());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(rows)
    })
    .unwrap()
}

/// Flips a bit of each copy that the file has of `wanted`.
fn flip(bytes: &mut [u8], wanted: &[u8]) {
    let copies: Vec<_> = bytes
        .windows(wanted.len())
        .enumerate()
        .filter_map(|(at, window)| (window == wanted).then_some(at))
        .collect();
    assert!(!copies.is_empty(), "the row is not in the file");
    for at in copies {
        bytes[at + wanted.len() / 2] ^= 1;
    }
}

fn table<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut tables = report["tables"].as_array().unwrap().iter();
    tables.find(|table| table["table"] == name).unwrap()
}

/// A cache of that release with a damaged row of `table`, the key of the row, and where it could be
/// saved.
fn damaged(release: &str, of: &str) -> (tempfile::TempDir, PathBuf, String, PathBuf) {
    let (dir, path) = copy_of(release);
    let (key, value) = rows(&path, of).into_iter().nth(1).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    flip(&mut bytes, &value);
    std::fs::write(&path, bytes).unwrap();
    let out = dir.path().join("out.redb");
    (dir, path, key, out)
}

#[test]
fn a_cache_that_is_well_is_left_alone() {
    for release in releases() {
        let (dir, path) = copy_of(&release);
        let before = state(&path);
        for args in [&["repair"][..], &["repair", "--dry-run"]] {
            let report = json(&path, args, 0);
            assert_eq!(report["outcome"], "nothing_to_do", "{release}: {report}");
            assert_eq!(
                (&report["lost"], &report["damage"]),
                (&0.into(), &Value::Null)
            );
        }
        assert!(state(&path) == before, "{release}");
        assert_eq!(names(dir.path()), ["cache.redb"]);
    }
}

#[test]
fn what_a_killed_writer_left_is_repaired_and_the_original_kept() {
    for release in EACH_FORMAT {
        let (dir, path) = copy_of(release);
        let exported = export(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[9] |= RECOVERY_REQUIRED;
        std::fs::write(&path, &bytes).unwrap();
        let before = state(&path);
        let forecast = json(&path, &["repair", "--dry-run"], 0);
        assert_eq!(forecast["outcome"], "forecast");
        assert!(state(&path) == before && names(dir.path()).len() == 1);
        let report = json(&path, &["repair"], 0);
        assert_eq!(report["outcome"], "repaired");
        assert_eq!(report["lost"], 0);
        let backup = dir.path().join("cache.redb.backup-1");
        assert!(std::fs::read(backup).unwrap() == bytes, "{release}");
        let repaired = std::fs::read(&path).unwrap();
        assert_eq!(repaired[9] & RECOVERY_REQUIRED, 0);
        assert!(export(&path) == exported, "{release}");
        assert_eq!(json(&path, &["repair"], 0)["outcome"], "nothing_to_do");
        assert_eq!(names(dir.path()).len(), 2);
    }
}

/// A cache whose writer was killed, with one row more in its last commit, whose page is damaged. redb commits in one phase here, and keeps the commit before until then.
fn torn_commit(of: &str, bytes: usize) -> (tempfile::TempDir, PathBuf) {
    let (dir, path) = copy_of("0.1.47");
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    let definition = redb::TableDefinition::<&str, &[u8]>::new(of);
    let row = vec![0x5a; bytes];
    let mut table = txn.open_table(definition).unwrap();
    table.insert("new", row.as_slice()).unwrap();
    drop(table);
    txn.commit().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    drop(db);
    flip(&mut bytes, &row);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[test]
fn a_commit_that_redb_has_to_give_up_is_said_to_be_lost() {
    let (_dir, path) = torn_commit("embeddings", 3_000);
    for (args, outcome) in [
        (&["repair", "-n"][..], "forecast"),
        (&["repair"], "repaired"),
    ] {
        let report = json(&path, args, 3);
        assert_eq!(report["outcome"], outcome, "{report}");
        assert_eq!(report["lost"], Value::Null, "nobody can tell");
        assert!(report["damage"].as_str().unwrap().contains("last commit"));
    }
    assert_eq!(rows(&path, "embeddings").len(), 8, "of the commit before");
    assert_eq!(json(&path, &["repair"], 0)["outcome"], "nothing_to_do");
}

#[test]
fn of_two_commits_that_with_more_rows_is_saved() {
    let (dir, path) = torn_commit("heuristics", 100);
    let out = dir.path().join("out.redb");
    let report = json(&path, &["repair", "--salvage", out.to_str().unwrap()], 3);
    // The damaged page held the other rows as well, which the commit before still has.
    assert_eq!(report["commit"]["is_newest"], false, "{report}");
    assert_eq!(table(&report, "heuristics")["kept"], 8);
    assert_eq!(
        report["lost"],
        Value::Null,
        "the row of the newest commit is"
    );
}

#[test]
fn the_backup_is_named_left_out_or_refused_as_asked() {
    let (dir, path) = copy_of("0.1.47");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[9] |= RECOVERY_REQUIRED;
    std::fs::write(&path, &bytes).unwrap();
    refusal(&path, &["repair", "--no-backup"], 18);
    let taken = dir.path().join("taken");
    std::fs::write(&taken, "theirs").unwrap();
    refusal(&path, &["repair", "--backup", taken.to_str().unwrap()], 1);
    assert_eq!(std::fs::read(&taken).unwrap(), b"theirs");
    assert!(std::fs::read(&path).unwrap() == bytes);
    let kept = dir.path().join("kept.redb");
    json(&path, &["repair", "--backup", kept.to_str().unwrap()], 0);
    assert!(std::fs::read(&kept).unwrap() == bytes);
    std::fs::write(&path, &bytes).unwrap();
    let report = json(&path, &["repair", "--no-backup", "--yes"], 0);
    assert_eq!(report["backup"], Value::Null);
    assert_eq!(names(dir.path()), ["cache.redb", "kept.redb", "taken"]);
}

#[test]
fn what_redb_cannot_repair_is_said_and_left_alone() {
    for release in EACH_FORMAT {
        let (dir, path, _, _) = damaged(release, "episodes");
        let before = state(&path);
        for args in [&["repair"][..], &["repair", "-n"]] {
            let report = json(&path, args, 13);
            assert_eq!(report["outcome"], "beyond_repair", "{release}: {report}");
            assert!(report["damage"].is_string());
            let output = run(&path, args);
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(said.contains("--salvage OUT"), "{said}");
        }
        let output = run(&path, &["export"]);
        assert_eq!(output.status.code(), Some(13), "{release}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("redb-cache repair --dry-run"), "{said}");
        assert!(state(&path) == before);
        assert_eq!(names(dir.path()), ["cache.redb"]);
    }
}

#[test]
fn rows_of_a_damaged_page_are_lost_and_no_others() {
    for release in releases() {
        for of in ["episodes", "patterns"] {
            rows_lost(&release, of);
        }
    }
}

fn rows_lost(release: &str, of: &str) {
    let original = rows(&common::fixture(release).join("cache.redb"), of);
    let truth = truth(release);
    let (dir, path, key, out) = damaged(release, of);
    let before = state(&path);
    let args = ["repair", "--salvage", out.to_str().unwrap()];
    let forecast = json(&path, &[&args[..], &["--dry-run"]].concat(), 3);
    assert_eq!(names(dir.path()), ["cache.redb"]);
    let report = json(&path, &args, 3);
    assert!(state(&path) == before, "{release}");
    assert_eq!(forecast["lost"], report["lost"], "{release}");
    let had = truth[of].as_object().unwrap();
    let kept = rows(&out, of);
    let lost: BTreeSet<_> = had.keys().filter(|key| !kept.contains_key(*key)).collect();
    assert!(lost.contains(&key), "{release} {of}");
    for (key, value) in &kept {
        assert!(original[key] == *value, "{release} {of} {key}");
    }
    let counted = table(&report, of);
    assert_eq!(counted["rows"], had.len(), "{release} {of}");
    assert_eq!(counted["kept"], kept.len(), "{release} {of}");
    assert_eq!(counted["lost"], lost.len(), "{release} {of}");
    assert_eq!(report["lost"], lost.len(), "{release} {of}");
    for (name, rows) in truth.as_object().unwrap() {
        let table = table(&report, name);
        if name != of && name != "metadata" {
            let rows = rows.as_object().unwrap().len();
            assert_eq!(table["rows"], rows, "{release} {name}");
            assert_eq!(table["kept"], rows, "{release} {name}");
        }
        assert!(name == of || table["lost"] == 0, "{release} {name}");
    }
    // The flipped bit is in one row; all rows of its page are legible, and none is trusted.
    let quarantine = std::fs::read_to_string(report["quarantine"].as_str().unwrap()).unwrap();
    let lines = quarantine
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let keys: BTreeSet<_> = lines
        .iter()
        .map(|line| line["key"].as_str().unwrap())
        .collect();
    let lost: BTreeSet<_> = lost.into_iter().map(String::as_str).collect();
    assert_eq!(keys, lost, "{release} {of}");
    assert_eq!(counted["set_aside"], lost.len());
    assert!(lines.iter().all(|line| line["table"] == of));
    assert!(lines.iter().all(|line| line["value"]["base64"].is_string()));
}

#[test]
fn a_whole_cache_is_salvaged_whole_and_migrates_as_the_original() {
    for release in releases() {
        let (dir, path) = copy_of(&release);
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let report = json(&path, &["repair", "--salvage", &at("saved")], 0);
        assert_eq!(report["lost"], 0, "{release}");
        assert_eq!(report["rows"], report["kept"]);
        assert_eq!(report["quarantine"], Value::Null);
        assert_eq!(json(Path::new(&at("saved")), &["repair"], 0)["lost"], 0);
        json(&path, &["migrate", "--output", &at("direct")], 0);
        let saved = PathBuf::from(at("saved"));
        json(&saved, &["migrate", "--output", &at("saved-first")], 0);
        let lines = |name: &str| export(Path::new(&at(name)));
        assert!(lines("direct") == lines("saved-first"), "{release}");
        assert!(lines("direct").len() > 70, "{release}");
    }
}

/// Where the page with the list of tables lies: the first page of the newest commit.
fn catalogue(bytes: &[u8]) -> usize {
    let slot = if bytes[9] & 1 == 0 { 64 } else { 192 };
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let header_pages = u32::from_le_bytes(bytes[16..20].try_into().unwrap());
    let page = number(slot + 8);
    let (index, order) = (page & 0xF_FFFF, page >> 59);
    usize::try_from(4_096 * (1 + u64::from(header_pages) + (index << order))).unwrap()
}

#[test]
fn a_damaged_list_of_tables_costs_no_row() {
    for release in EACH_FORMAT {
        let (dir, path) = copy_of(release);
        let mut bytes = std::fs::read(&path).unwrap();
        let page = catalogue(&bytes);
        let pairs = u16::from_le_bytes(bytes[page + 2..page + 4].try_into().unwrap());
        let end = page + 4 + 4 * (usize::from(pairs) - 1);
        let keys = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap());
        // How many rows the first table has.
        bytes[page + usize::try_from(keys).unwrap() + 1] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
        let out = dir.path().join("out.redb");
        let report = json(&path, &["repair", "--salvage", out.to_str().unwrap()], 3);
        let tables = report["tables"].as_array().unwrap();
        assert_eq!(tables.len(), usize::from(pairs), "{release}: {report}");
        assert_eq!(
            (&tables[0]["rows"], &tables[0]["lost"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(
            report["lost"],
            Value::Null,
            "what nobody can tell is not guessed"
        );
        for (name, rows) in truth(release).as_object().unwrap() {
            let kept = table(&report, name)["kept"].as_u64().unwrap();
            let rows = rows.as_object().unwrap().len() as u64;
            assert!(
                kept == rows || name == "metadata" && kept > rows,
                "{release} {name}"
            );
        }
    }
}

#[test]
fn a_damaged_slot_or_geometry_costs_no_row() {
    for release in EACH_FORMAT {
        let (_dir, path) = copy_of(release);
        let bytes = std::fs::read(&path).unwrap();
        let slot = if bytes[9] & 1 == 0 { 64 } else { 192 };
        // The magic number, the geometry, the version, a checksum, the number of the commit.
        for at in [0, 12, 16, slot, slot + 104, slot + 112] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&path, bytes).unwrap();
            let out = path.with_file_name(format!("out-{at}"));
            let output = run(
                &path,
                &[
                    "repair",
                    "--salvage",
                    out.to_str().unwrap(),
                    "--format",
                    "json",
                ],
            );
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(
                report["commit"]["is_newest"], true,
                "{release} {at}: {report}"
            );
            for (name, rows) in truth(release).as_object().unwrap() {
                let kept = table(&report, name)["kept"].as_u64().unwrap();
                assert!(
                    kept >= rows.as_object().unwrap().len() as u64,
                    "{release} {at} {name}"
                );
            }
            assert_eq!(output.status.code(), Some(0), "{release} {at}");
        }
    }
}

#[test]
fn compressed_rows_come_over_with_what_is_recorded_about_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let config = RedbConfig {
        enable_compression: true,
        ttl_seconds: Some(1_000_000),
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    for n in 0..300 {
        cache
            .insert(format!("key-{n}"), common::long_episode(n))
            .unwrap();
    }
    cache.close().unwrap();
    let out = dir.path().join("out.redb");
    let report = json(&path, &["repair", "--salvage", out.to_str().unwrap()], 0);
    assert_eq!(table(&report, "episodes")["kept"], 300);
    let all = |path: &Path| run(path, &["export", "--all"]).stdout;
    assert!(all(&out) == all(&path));
    assert!(
        all(&path).windows(4).any(|bytes| bytes == b"Zstd"),
        "nothing is compressed"
    );
    json(&out, &["health", "--deep"], 0);
}

#[test]
fn a_row_of_no_layout_is_set_aside() {
    let (dir, path) = copy_of("0.1.47");
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    let definition = redb::TableDefinition::<&str, &[u8]>::new("heuristics");
    let bad = [0xff_u8; 40];
    txn.open_table(definition)
        .unwrap()
        .insert("bad", &bad[..])
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    let out = dir.path().join("out.redb");
    let report = json(&path, &["repair", "--salvage", out.to_str().unwrap()], 3);
    let heuristics = table(&report, "heuristics");
    assert_eq!(
        (&heuristics["rows"], &heuristics["kept"]),
        (&9.into(), &8.into())
    );
    assert_eq!(
        (&heuristics["lost"], &heuristics["set_aside"]),
        (&1.into(), &1.into())
    );
    assert_eq!(report["left_out"]["listed"][0]["key"], "bad");
    assert!(!rows(&out, "heuristics").contains_key("bad"));
}

#[test]
fn what_redb_did_not_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let out = dir.path().join("out");
    let salvage = ["repair", "--salvage", out.to_str().unwrap()];
    for content in ["", "text", &"long text ".repeat(2_000)] {
        std::fs::write(&path, content).unwrap();
        refusal(&path, &["repair"], 14);
        refusal(&path, &salvage, 14);
    }
    refusal(&dir.path().join("none"), &["repair"], 10);
    refusal(&dir.path().join("none"), &salvage, 10);
    let (_dir, newer) = copy_of("0.1.47");
    let db = redb::Database::open(&newer).unwrap();
    let txn = db.begin_write().unwrap();
    let versions = redb::TableDefinition::<&str, u64>::new("schema_version");
    txn.open_table(versions)
        .unwrap()
        .insert("version", 5)
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    refusal(&newer, &["repair"], 14);
    refusal(&newer, &salvage, 14);
    assert!(!out.exists());
}

#[test]
fn nothing_is_overwritten_and_nobody_disturbed() {
    let (dir, path) = copy_of("0.1.47");
    let taken = dir.path().join("taken");
    std::fs::write(&taken, "theirs").unwrap();
    for dry in [&[][..], &["--dry-run"]] {
        let args = ["repair", "--salvage", taken.to_str().unwrap()];
        refusal(&path, &[&args, dry].concat(), 1);
    }
    assert_eq!(std::fs::read(&taken).unwrap(), b"theirs");
    let _held = redb::Database::open(&path).unwrap();
    let out = dir.path().join("out");
    for args in [
        &["repair"][..],
        &["repair", "--salvage", out.to_str().unwrap()],
    ] {
        let said = refusal(&path, &[args, &["--lock-timeout", "0s"]].concat(), 11);
        assert!(said.contains("in use"), "{said}");
    }
    assert_eq!(names(dir.path()), ["cache.redb", "taken"]);
}

#[test]
fn a_file_of_which_nothing_is_left_is_damaged_and_no_cache_is_made_of_it() {
    for release in EACH_FORMAT {
        let (dir, path) = copy_of(release);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[4_096..].fill(0);
        std::fs::write(&path, bytes).unwrap();
        let out = dir.path().join("out");
        json(&path, &["repair"], 13);
        refusal(&path, &["repair", "--salvage", out.to_str().unwrap()], 13);
        assert_eq!(names(dir.path()), ["cache.redb"]);
    }
}
