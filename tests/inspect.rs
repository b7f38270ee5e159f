//! What `inspect` shows of the file, of a table, of a row.
#![cfg(test)]
#![cfg(feature = "cli")]
mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use redb::{Database, MultimapTableDefinition, TableDefinition};
use redb_cache::cache::ManualClock;
use redb_cache::cache::record::{Episode, TaskContext, TaskType};
use redb_cache::{RedbConfig, RedbStorage};
use serde_json::{Value, json};

const ALL: [&str; 14] = [
    "0.1.6",
    "0.1.6-real-a",
    "0.1.7",
    "0.1.7-real-a",
    "0.1.8",
    "0.1.14",
    "0.1.22",
    "0.1.31-real-a",
    "0.1.32",
    "0.1.33",
    "0.1.34",
    "0.1.47",
    "0.1.47-compression",
    "mixed-0.1.6-7-8-14",
];

fn inspect(cache: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_redb-cache"))
        .arg("inspect")
        .arg("--cache")
        .arg(cache)
        .args(args)
        .output()
        .unwrap()
}

fn json_of(cache: &Path, args: &[&str]) -> Value {
    let output = inspect(cache, &[&["--format", "json"], args].concat());
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn fixture(name: &str) -> PathBuf {
    common::fixture(name).join("cache.redb")
}

fn table<'a>(report: &'a Value, name: &str) -> Option<&'a Value> {
    let mut tables = report["tables"].as_array().unwrap().iter();
    tables.find(|table| table["name"] == name)
}

fn keys(report: &Value) -> Vec<&str> {
    let keys = report["keys"].as_array().unwrap().iter();
    keys.map(|row| row["key"].as_str().unwrap()).collect()
}

fn episode(text: &str) -> Episode {
    Episode::new(text, TaskContext::default(), TaskType::Testing)
}

/// A cache that the engine wrote `age` ago.
fn cache(
    age: i64,
    config: RedbConfig,
    fill: impl FnOnce(&RedbStorage),
) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let now = chrono::Utc::now().timestamp_millis();
    let config = RedbConfig {
        clock: Arc::new(ManualClock::at_ms(now - age)),
        ..config
    };
    let cache = RedbStorage::with_full_config(&path, config).unwrap();
    fill(&cache);
    cache.close().unwrap();
    (dir, path)
}

fn write(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let db = Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

#[test]
fn every_release_is_shown_with_as_many_rows_as_it_wrote() {
    for name in ALL {
        let report = json_of(&fixture(name), &[]);
        let truth = common::truth(name);
        for (expected, rows) in truth.as_object().unwrap() {
            let shown = table(&report, expected).unwrap_or_else(|| panic!("{name} {expected}"));
            // Since 0.1.46 do-memory adds the number of its last revision to what it was given.
            let added = expected == "metadata" && name.starts_with("0.1.47");
            let rows = rows.as_object().unwrap().len() + usize::from(added);
            assert_eq!(shown["rows"], rows, "{name} {expected}");
            assert_eq!(shown["undecoded"], 0, "{name} {expected}");
            assert!(
                shown["stored_bytes"].as_u64().unwrap() > 0,
                "{name} {expected}"
            );
        }
    }
}

#[test]
fn format_codec_and_layout_are_those_of_the_release() {
    let cases = [
        (
            "0.1.6",
            "v2",
            json!("bincode"),
            json!(null),
            json!({"L1": 62}),
        ),
        (
            "0.1.7",
            "v2",
            json!("postcard"),
            json!(null),
            json!({"L2": 62}),
        ),
        (
            "0.1.14",
            "v2",
            json!("postcard"),
            json!(null),
            json!({"L4": 62}),
        ),
        (
            "0.1.22",
            "v3",
            json!("postcard"),
            json!(null),
            json!({"L5": 62}),
        ),
        (
            "0.1.31-real-a",
            "v3",
            json!("postcard"),
            json!(2),
            json!({"L5": 400}),
        ),
        ("0.1.33", "v3", json!("postcard"), json!(3), json!(null)),
        (
            "0.1.47",
            "v3",
            json!("postcard"),
            json!(4),
            json!({"L9": 70}),
        ),
    ];
    for (name, format, codec, version, layouts) in cases {
        let report = json_of(&fixture(name), &[]);
        assert_eq!(report["schema"], "redb-cache/inspect/1");
        assert_eq!(report["file_format"], format, "{name}");
        assert_eq!(report["codec"], codec, "{name}");
        assert_eq!(report["schema_version"], version, "{name}");
        let shown = &table(&report, "episodes").unwrap()["layouts"];
        if layouts.is_null() {
            assert!(shown["L7"].as_u64().unwrap() > 0, "{name}: {shown}");
        } else {
            assert_eq!(*shown, layouts, "{name}");
        }
    }
    assert_eq!(
        json_of(&fixture("mixed-0.1.6-7-8-14"), &[])["codec"],
        "mixed"
    );
}

#[test]
fn a_sample_is_never_told_as_the_whole() {
    let config = RedbConfig {
        max_cache_size: 5_000,
        ..RedbConfig::default()
    };
    let (_dir, path) = cache(0, config, |cache| {
        cache
            .insert_all((0..1_500).map(|n| (format!("{n:05}"), episode("x"))))
            .unwrap();
    });
    let report = json_of(&path, &[]);
    let sampled = table(&report, "episodes").unwrap();
    assert_eq!(sampled["looked_at"], 1_000);
    assert_eq!(sampled["all"], false);
    assert_eq!(sampled["oldest"], json!(null));
    let shown = inspect(&path, &[]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("of the first 1000 rows of 1500"), "{shown}");
    let report = json_of(&path, &["--exact"]);
    let exact = table(&report, "episodes").unwrap();
    assert_eq!(
        (&exact["looked_at"], &exact["all"]),
        (&json!(1_500), &json!(true))
    );
    assert!(exact["oldest"].is_string());
}

#[test]
fn looking_changes_no_byte() {
    for name in ALL {
        let (_dir, path) = common::copy_of(name);
        let state = || {
            let modified = path.metadata().unwrap().modified().unwrap();
            (std::fs::read(&path).unwrap(), modified)
        };
        let before = state();
        for args in [&[][..], &["episodes"], &["patterns", "--largest", "2"]] {
            assert_eq!(inspect(&path, args).status.code(), Some(0), "{name}");
        }
        let report = json_of(&path, &["episodes", "--limit", "1"]);
        let key = keys(&report)[0].to_owned();
        inspect(&path, &["episodes", &key]);
        assert_eq!(
            inspect(&path, &["episodes", &key, "--hex"]).status.code(),
            Some(0)
        );
        assert!(before == state(), "{name}");
    }
}

#[test]
fn a_table_shows_as_many_keys_as_asked_for_and_how_many_more_there_are() {
    let path = fixture("0.1.47");
    let report = json_of(&path, &["episodes"]);
    assert_eq!((keys(&report).len(), &report["more"]), (50, &json!(20)));
    let report = json_of(&path, &["episodes", "--limit", "0"]);
    assert_eq!((keys(&report).len(), &report["more"]), (70, &json!(0)));
    assert!(keys(&report).is_sorted());
    let shown = inspect(&path, &["episodes", "--limit", "3"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("67 more"));
}

#[test]
fn a_prefix_is_taken_literally_and_counted_to_its_end() {
    let (_dir, path) = cache(0, RedbConfig::default(), |cache| {
        for key in ["a", "user:", "user:1", "user:2", "user:3", "userx", "z"] {
            cache.insert_raw("mine", key, b"v").unwrap();
        }
    });
    let report = json_of(&path, &["mine", "--prefix", "user:", "--limit", "2"]);
    assert_eq!(keys(&report), ["user:", "user:1"]);
    assert_eq!(
        (&report["matching"], &report["more"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(
        json_of(&path, &["mine", "--prefix", "nobody"])["matching"],
        0
    );
}

#[test]
fn the_largest_come_first_and_equals_in_key_order() {
    let (_dir, path) = cache(0, RedbConfig::default(), |cache| {
        for (key, len) in [
            ("a", 5),
            ("b", 900),
            ("c", 5),
            ("d", 0),
            ("e", 40),
            ("f", 5),
        ] {
            cache.insert_raw("mine", key, &vec![b'x'; len]).unwrap();
        }
    });
    let largest = |args: &[&str]| {
        let report = json_of(&path, &[&["mine", "--largest"], args].concat());
        keys(&report).join(" ")
    };
    assert_eq!(largest(&["4"]), "b e a c");
    assert_eq!(largest(&["99"]), "b e a c f d");
    assert_eq!(largest(&["0"]), "");
    assert_eq!(largest(&["1", "--prefix", "c"]), "c");
}

#[test]
fn only_rows_whose_time_is_over_are_expired() {
    let config = RedbConfig {
        ttl_seconds: Some(100),
        ..RedbConfig::default()
    };
    let (_dir, path) = cache(200_000, config.clone(), |cache| {
        cache.insert("old", episode("x")).unwrap();
        cache.insert_raw("metadata", "kept", b"v").unwrap();
    });
    // As do-memory writes it: without a record, but with a revision; its time is the cache's.
    let now = chrono::Utc::now().timestamp_millis();
    let row = redb_cache::cache::record::encode(&episode("x")).unwrap();
    write(&path, |txn| {
        let episodes: TableDefinition<&str, &[u8]> = TableDefinition::new("episodes");
        let revisions: TableDefinition<&str, i64> = TableDefinition::new("episode_revisions");
        for (key, age) in [("foreign", 0), ("foreign-old", 150_000)] {
            txn.open_table(episodes)
                .unwrap()
                .insert(key, row.as_slice())
                .unwrap();
            txn.open_table(revisions)
                .unwrap()
                .insert(key, now - age)
                .unwrap();
        }
    });
    let expired = json_of(&path, &["episodes", "--expired"]);
    assert_eq!(keys(&expired), ["foreign-old", "old"]);
    let all = json_of(&path, &["episodes"]);
    assert_eq!(keys(&all), ["foreign", "foreign-old", "old"]);
    assert_eq!(all["keys"][0]["accessed"], json!(null));
    assert!(all["keys"][2]["accessed"].is_string());
    assert_eq!(json_of(&path, &["metadata", "--expired"])["matching"], 0);
}

#[test]
fn a_row_is_shown_as_json_with_what_is_recorded_about_it() {
    let truth = common::truth("0.1.47");
    let (key, value) = truth["heuristics"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    let report = json_of(&fixture("0.1.47"), &["heuristics", key]);
    assert_eq!(report["value"]["condition"], value["condition"]);
    assert_eq!(
        (&report["layout"], &report["recorded"]),
        (&json!("L9"), &json!(false))
    );

    let config = RedbConfig {
        enable_compression: true,
        compression_threshold: 10,
        ttl_seconds: Some(60),
        ..RedbConfig::default()
    };
    let (_dir, path) = cache(0, config, |cache| {
        cache.insert("k", episode(&"words ".repeat(500))).unwrap();
    });
    let report = json_of(&path, &["episodes", "k"]);
    assert_eq!(
        (&report["compression"], &report["recorded"]),
        (&json!("zstd"), &json!(true))
    );
    assert!(report["raw_bytes"].as_u64() > report["bytes"].as_u64());
    assert!(report["expires"].is_string());
    let raw = inspect(&path, &["episodes", "k", "--raw"]).stdout;
    assert_eq!(report["raw_bytes"], raw.len());
    let decoded: Episode = redb_cache::cache::record::decode(&raw).unwrap();
    assert_eq!(decoded.task_description, "words ".repeat(500));
}

#[test]
fn a_pattern_without_times_is_of_no_known_age() {
    for (release, known) in [("0.1.6", false), ("0.1.7", false), ("0.1.8", true)] {
        let report = json_of(&fixture(release), &["patterns"]);
        for row in report["keys"].as_array().unwrap() {
            assert_eq!(row["written"].is_string(), known, "{release}: {row}");
        }
    }
}

#[test]
fn a_table_or_row_that_is_not_there_is_an_error() {
    let path = fixture("0.1.47");
    let output = inspect(&path, &["episodez"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("its tables are "));
    let output = inspect(&path, &["episodes", "nobody\u{1b}[2J"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.contains(&0x1b));
    // One of do-memory's that the release did not have yet is empty.
    let report = json_of(&fixture("0.1.6"), &["procedural"]);
    assert_eq!(report["rows"], 0);
}

#[test]
fn a_row_that_does_not_decode_says_why_and_shows_its_bytes() {
    let (_dir, path) = common::copy_of("0.1.47");
    write(&path, |txn| {
        let episodes: TableDefinition<&str, &[u8]> = TableDefinition::new("episodes");
        let mut episodes = txn.open_table(episodes).unwrap();
        episodes.insert("bad", &b"\xff\xff\xffgarbage"[..]).unwrap();
        episodes.insert("empty", &[][..]).unwrap();
    });
    for key in ["bad", "empty"] {
        let output = inspect(&path, &["episodes", key]);
        assert_eq!(output.status.code(), Some(3), "{key}");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains("problem: no row of episodes"), "{shown}");
        assert!(shown.contains("--hex"), "{shown}");
    }
    let output = inspect(&path, &[]);
    assert_eq!(output.status.code(), Some(3));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains("2 of 72 rows of episodes do not decode"),
        "{shown}"
    );
    let hex = inspect(&path, &["episodes", "bad", "--hex"]).stdout;
    let expected = "00000000  ff ff ff 67 61 72 62 61  67 65                    |...garbage|\n";
    assert_eq!(String::from_utf8(hex).unwrap(), expected);
}

#[test]
fn hostile_keys_and_extreme_values_are_shown_harmlessly() {
    let hostile = "\u{1b}[2J\u{202e}\n";
    let (_dir, path) = cache(0, RedbConfig::default(), |cache| {
        cache
            .insert_raw("mine", hostile, "\u{1b}[31m".as_bytes())
            .unwrap();
        cache.insert_raw("mine", "empty", b"").unwrap();
        cache
            .insert_raw("mine", "large", &vec![b'x'; 10 << 20])
            .unwrap();
        cache.insert_raw("mine", "-dash", b"v").unwrap();
    });
    for args in [&["mine"][..], &["mine", hostile], &[]] {
        for format in ["table", "json"] {
            let output = inspect(&path, &[&["--format", format], args].concat());
            assert_eq!(output.status.code(), Some(0), "{args:?}");
            let shown = String::from_utf8(output.stdout).unwrap();
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        }
    }
    assert_eq!(json_of(&path, &["mine", "empty"])["value"], "");
    assert_eq!(json_of(&path, &["mine", "large"])["bytes"], 10 << 20);
    assert_eq!(
        inspect(&path, &["mine", "large", "--raw"]).stdout.len(),
        10 << 20
    );
    assert_eq!(json_of(&path, &["mine", "--", "-dash"])["value"], "v");
}

#[test]
fn a_layout_of_the_future_is_counted_but_not_decoded() {
    let (_dir, path) = common::copy_of("0.1.47");
    write(&path, |txn| {
        let versions: TableDefinition<&str, u64> = TableDefinition::new("schema_version");
        txn.open_table(versions)
            .unwrap()
            .insert("version", 5)
            .unwrap();
    });
    let output = inspect(&path, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(14));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema_version"], 5);
    assert!(report["unknown_layout"].is_string());
    let episodes = table(&report, "episodes").unwrap();
    assert_eq!(
        (&episodes["rows"], &episodes["looked_at"]),
        (&json!(70), &json!(0))
    );

    let output = inspect(&path, &["episodes", "--limit", "1", "--format", "json"]);
    assert_eq!(output.status.code(), Some(14));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let key = keys(&report)[0];
    assert_eq!(inspect(&path, &["episodes", key]).status.code(), Some(14));
    assert_eq!(
        inspect(&path, &["episodes", key, "--hex"]).status.code(),
        Some(0)
    );
}

#[test]
fn tables_of_users_are_listed_whatever_their_type() {
    let (_dir, path) = common::copy_of("0.1.47");
    write(&path, |txn| {
        let many: MultimapTableDefinition<&str, u32> = MultimapTableDefinition::new("many");
        txn.open_multimap_table(many)
            .unwrap()
            .insert("k", 1)
            .unwrap();
        let pairs: TableDefinition<u64, (u8, bool)> = TableDefinition::new("pairs");
        txn.open_table(pairs).unwrap().insert(1, (2, true)).unwrap();
    });
    let report = json_of(&path, &[]);
    for (name, kind) in [("many", "multimap"), ("pairs", "other")] {
        let shown = table(&report, name).unwrap();
        assert_eq!((&shown["kind"], &shown["rows"]), (&json!(kind), &json!(1)));
        let report = json_of(&path, &[name]);
        assert_eq!(
            (&report["rows"], &report["matching"]),
            (&json!(1), &json!(null))
        );
    }
    assert_eq!(inspect(&path, &["pairs", "1"]).status.code(), Some(1));
}
