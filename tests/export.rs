//! What `export` tells of real caches, of ours, and of damaged ones.
#![cfg(test)]
#![cfg(feature = "cli")]
mod common;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use redb::{Database, MultimapTableDefinition, TableDefinition};
use redb_cache::cache::record::{
    Embedding, Episode, EpisodePatternRelationship, EpisodeRelationship, EpisodeSummary, Heuristic,
    Pattern, ProceduralMemory, RecommendationFeedback, RecommendationSession, Stored, TaskContext,
    TaskType,
};
use redb_cache::{RedbConfig, RedbStorage};
use serde_json::{Value, json};

const EPISODES: TableDefinition<&str, &[u8]> = TableDefinition::new("episodes");

fn export(cache: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_redb-cache"))
        .arg("export")
        .args(args)
        .arg("--cache")
        .arg(cache)
        .output()
        .unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn check_truth(fixture: &str, exported: &[u8]) -> String {
    let truth = common::fixture(fixture).join("truth.json");
    let tool = truth.ancestors().nth(3).unwrap().join("tools/check-truth");
    assert!(
        tool.is_file(),
        "{} is not there: without it nothing is compared",
        tool.display()
    );
    let mut child = Command::new("python3")
        .arg(tool)
        .arg(truth)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(exported).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + stderr(&output);
    assert!(output.status.success(), "{fixture}: {said}");
    said
}

fn put<T: Stored>(cache: &RedbStorage, truth: &Value) {
    let Some(rows) = truth.get(T::TABLE.name()).and_then(Value::as_object) else {
        return;
    };
    for (key, value) in rows {
        let value: T = serde_json::from_value(value.clone()).unwrap();
        cache.insert_as::<T>(key, value).unwrap();
    }
}

/// Writes the truth of 0.1.47 with the engine.
fn rewrite(path: &Path, config: RedbConfig) {
    let truth = common::truth("0.1.47");
    let cache = RedbStorage::with_full_config(path, config).unwrap();
    put::<Episode>(&cache, &truth);
    put::<Pattern>(&cache, &truth);
    put::<Heuristic>(&cache, &truth);
    put::<Embedding>(&cache, &truth);
    put::<EpisodeSummary>(&cache, &truth);
    put::<EpisodeRelationship>(&cache, &truth);
    put::<EpisodePatternRelationship>(&cache, &truth);
    put::<ProceduralMemory>(&cache, &truth);
    put::<RecommendationSession>(&cache, &truth);
    put::<RecommendationFeedback>(&cache, &truth);
    for (key, value) in truth.get("metadata").unwrap().as_object().unwrap() {
        let text = value.as_str().unwrap();
        cache.insert_raw("metadata", key, text.as_bytes()).unwrap();
    }
    cache.close().unwrap();
}

fn new_cache(fill: impl FnOnce(&RedbStorage)) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let cache = RedbStorage::new(&path).unwrap();
    fill(&cache);
    cache.close().unwrap();
    (dir, path)
}

#[test]
fn the_export_of_every_release_is_its_truth() {
    for release in common::releases() {
        let output = export(&common::fixture(&release).join("cache.redb"), &[]);
        let code = output.status.code();
        assert_eq!(code, Some(0), "{release}: {}", stderr(&output));
        let said = check_truth(&release, &output.stdout);
        assert!(said.contains("all equal"), "{release}: {said}");
    }
}

#[test]
fn what_the_engine_wrote_comes_out_as_it_went_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    rewrite(&path, RedbConfig::default());
    let output = export(&path, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    check_truth("0.1.47", &output.stdout);
}

#[test]
fn compressed_rows_come_out_inflated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    let config = || RedbConfig {
        enable_compression: true,
        compression_threshold: 64,
        ..RedbConfig::default()
    };
    // The second time with the dictionary that was trained on what the first one wrote.
    rewrite(&path, config());
    rewrite(&path, config());
    let output = export(&path, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    check_truth("0.1.47", &output.stdout);

    let all = lines(&export(&path, &["--all"]));
    let compressed = all
        .iter()
        .filter(|line| line["table"] == "redb_cache.entries" && line["value"]["codec"] != "Plain");
    assert!(compressed.count() > 50);
}

#[test]
fn rows_of_our_own_are_left_out_unless_asked_for() {
    let (_dir, path) = new_cache(|cache| {
        let episode = Episode::new("t", TaskContext::default(), TaskType::Testing);
        cache.insert("e", episode).unwrap();
    });
    let own = |line: &&Value| {
        line["table"].as_str().unwrap().starts_with("redb_cache.")
            || line["key"].as_str().unwrap().starts_with("redb_cache.")
    };
    assert_eq!(lines(&export(&path, &[])).iter().filter(own).count(), 0);
    let all = export(&path, &["--all"]);
    assert_eq!(all.status.code(), Some(0), "{}", stderr(&all));
    let all = lines(&all);
    let tables: BTreeSet<_> = all
        .iter()
        .filter(own)
        .map(|line| line["table"].as_str().unwrap())
        .collect();
    assert!(tables.contains("redb_cache.entries"), "{tables:?}");
    assert!(tables.contains("redb_cache.totals"), "{tables:?}");
    assert!(tables.contains("metadata"), "{tables:?}");
    let entry = all.iter().find(|line| line["key"] == "episodes/e").unwrap();
    assert_eq!(entry["value"]["table"], "episodes");
}

#[test]
fn tables_and_keys_come_in_order_and_only_those_named() {
    let cache = common::fixture("0.1.47").join("cache.redb");
    let places: Vec<_> = lines(&export(&cache, &[]))
        .iter()
        .map(|line| (line["table"].to_string(), line["key"].to_string()))
        .collect();
    assert!(places.is_sorted());
    let two = lines(&export(&cache, &["patterns", "metadata", "patterns"]));
    let tables: BTreeSet<_> = two.iter().map(|line| line["table"].to_string()).collect();
    assert_eq!(tables.len(), 2);
    let patterns = two.iter().filter(|line| line["table"] == "patterns");
    assert_eq!(patterns.count(), 16);
}

#[test]
fn a_table_that_does_not_exist_is_a_wrong_call() {
    let cache = common::fixture("0.1.47").join("cache.redb");
    let output = export(&cache, &["episode"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).contains("did you mean episodes?"));
    // One of do-memory's that this release did not have yet is only empty.
    let output = export(
        &common::fixture("0.1.34").join("cache.redb"),
        &["episode_revisions"],
    );
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
}

#[test]
fn a_newer_schema_is_refused() {
    let (_dir, path) = common::copy_of("0.1.47");
    write(&path, |txn| {
        let versions: TableDefinition<&str, u64> = TableDefinition::new("schema_version");
        txn.open_table(versions)
            .unwrap()
            .insert("version", 5)
            .unwrap();
    });
    let output = export(&path, &[]);
    assert_eq!(output.status.code(), Some(14));
    assert!(output.stdout.is_empty());
}

fn write(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let db = Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

#[test]
fn a_row_that_does_not_decode_is_named_and_hides_no_other() {
    let (_dir, path) = common::copy_of("0.1.47");
    write(&path, |txn| {
        let mut episodes = txn.open_table(EPISODES).unwrap();
        episodes.insert("\u{1b}[2Jbad", &[0xff; 99][..]).unwrap();
        episodes.insert("empty", &[][..]).unwrap();
    });
    let output = export(&path, &[]);
    assert_eq!(output.status.code(), Some(3));
    check_truth("0.1.47", &output.stdout);
    let said = stderr(&output);
    assert!(said.contains("left out episodes \\u{1b}[2Jbad: "), "{said}");
    assert!(said.contains("left out episodes empty: "), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn of_many_bad_rows_the_first_are_named_and_all_with_verbose() {
    let (_dir, path) = common::copy_of("0.1.47");
    write(&path, |txn| {
        let mut episodes = txn.open_table(EPISODES).unwrap();
        for n in 0..20 {
            episodes
                .insert(format!("bad{n}").as_str(), &[1, 2, 3][..])
                .unwrap();
        }
    });
    let named = |output: &Output| stderr(output).matches("left out episodes bad").count();
    let output = export(&path, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(named(&output), 5);
    let summary = stderr(&output).lines().last().unwrap();
    let summary: Value = serde_json::from_str(summary).unwrap();
    assert_eq!(summary["schema"], "redb-cache/export/1");
    assert_eq!(summary["skipped"], 20);
    assert_eq!(named(&export(&path, &["-v"])), 20);
}

#[test]
fn values_of_users_are_text_where_they_are_and_base64_where_not() {
    let large = "x".repeat(10 << 20);
    let (_dir, path) = new_cache(|cache| {
        cache.insert_raw("mine", "a", b"").unwrap();
        cache
            .insert_raw("mine", "b", "\u{202e}é\n".as_bytes())
            .unwrap();
        cache.insert_raw("mine", "c", &[0xff, 0]).unwrap();
        cache.insert_raw("mine", "d", large.as_bytes()).unwrap();
        cache.insert_raw("metadata", "m", &[0xc0]).unwrap();
        let mut episode = Episode::new("t", TaskContext::default(), TaskType::Testing);
        episode.metadata.insert("large".into(), large.clone());
        cache.insert("\u{1b}]0;pwned\u{7}", episode).unwrap();
        cache
            .insert_as::<Embedding>("nan", vec![f32::NAN, f32::INFINITY, 0.1])
            .unwrap();
    });
    let output = export(&path, &["mine", "episodes", "embeddings", "metadata"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!output.stdout.contains(&0x1b));
    let lines = lines(&output);
    let value = |key: &str| {
        let line = lines.iter().find(|line| line["key"] == key).unwrap();
        line["value"].clone()
    };
    assert_eq!(value("a"), "");
    assert_eq!(value("b"), "\u{202e}é\n");
    assert_eq!(value("c"), json!({"base64": "/wA="}));
    assert_eq!(value("d").as_str().unwrap().len(), large.len());
    assert_eq!(value("m"), json!({"base64": "wA=="}));
    assert_eq!(value("nan"), json!([null, null, 0.1]));
    let episode = value("\u{1b}]0;pwned\u{7}");
    assert_eq!(episode["metadata"]["large"], large);
}

#[test]
fn rows_that_can_only_be_counted_are_counted_as_left_out() {
    let (_dir, path) = common::copy_of("0.1.47");
    write(&path, |txn| {
        let many: MultimapTableDefinition<&str, u32> = MultimapTableDefinition::new("many");
        let mut many = txn.open_multimap_table(many).unwrap();
        many.insert("k", 1).unwrap();
        many.insert("k", 2).unwrap();
    });
    let output = export(&path, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("left out 2 rows of many"));
    check_truth("0.1.47", &output.stdout);
}

#[test]
fn a_reader_that_leaves_ends_the_export_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_redb-cache"))
        .args(["export", "--cache"])
        .arg(common::fixture("0.1.47").join("cache.redb"))
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
}

#[test]
fn an_export_changes_no_byte_of_the_cache() {
    for fixture in common::releases() {
        let (_dir, path) = common::copy_of(&fixture);
        let state = || {
            let modified = path.metadata().unwrap().modified().unwrap();
            (std::fs::read(&path).unwrap(), modified)
        };
        let before = state();
        export(&path, &["--all"]);
        assert!(before == state(), "{fixture}");
    }
}
