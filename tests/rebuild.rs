//! `rebuild` from real durable stores: what it brings back, what it keeps, what it refuses.
#![cfg(test)]

mod common;

use std::path::Path;
use std::process::Stdio;

use common::{
    Fixture, altered_store, copy_of, json, names, program, refusal, run, state, store_of, stores,
    truth,
};
use redb::{ReadableDatabase, TableDefinition};
use serde_json::{Map, Value};

/// Rebuilds into an empty folder and returns what the cache exports, by table and key.
fn rebuilt(store: &str, args: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache.redb");
    let report = json(&cache, &[&["rebuild", "--from", store], args].concat(), 0);
    assert_eq!(report["outcome"], "rebuilt");
    (dir, cache)
}

fn export(cache: &Path) -> Vec<u8> {
    let output = run(cache, &["export"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output.stdout
}

/// The rows of an export by their table and key.
fn rows(export: &[u8]) -> Value {
    let mut tables = Map::new();
    for line in export
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let row: Value = serde_json::from_slice(line).unwrap();
        let table = tables
            .entry(row["table"].as_str().unwrap())
            .or_insert(Map::new().into());
        table[row["key"].as_str().unwrap()] = row["value"].clone();
    }
    tables.into()
}

fn metadata(cache: &Path, key: &str) -> Option<String> {
    let db = redb::Database::open(cache).unwrap();
    let txn = db.begin_read().unwrap();
    let table = txn
        .open_table(TableDefinition::<&str, &[u8]>::new("metadata"))
        .unwrap();
    let value = table.get(key).unwrap()?;
    Some(String::from_utf8(value.value().to_vec()).unwrap())
}

#[test]
fn every_release_s_store_gives_back_the_truth_as_far_as_it_holds_it() {
    for (release, store) in stores() {
        let (_dir, cache) = rebuilt(&store, &[]);
        let exported = export(&cache);
        let fixture = Fixture::of(&release);
        // That of do-memory 0.1.22 has no column for checkpoints.
        let tables = if release == "0.1.22" {
            "patterns"
        } else {
            "patterns,episodes"
        };
        fixture.check_durable_truth(&exported, tables);
        let (mut rows, mut truth) = (rows(&exported), truth(&release));
        single(&mut rows);
        single(&mut truth);
        for table in ["recommendation_sessions", "recommendation_feedback"] {
            assert_eq!(rows.get(table), truth.get(table), "{release} {table}");
        }
        for (table, timed) in [
            ("heuristics", &["created_at", "updated_at"][..]),
            ("summaries", &["created_at"]),
            ("relationships", &["created_at"]),
            ("procedural", &["created_at", "updated_at"]),
            ("embeddings", &[]),
        ] {
            let Some(rows) = rows.get(table).and_then(Value::as_object) else {
                continue;
            };
            for (key, row) in rows {
                let (mut row, mut truth) = (row.clone(), truth[table][key].clone());
                for field in timed {
                    let when = known_time(&release, table, &row[field], &truth[field]);
                    row[field] = when.clone();
                    truth[field] = when;
                }
                if table == "relationships" {
                    truth["metadata"]
                        .as_object_mut()
                        .unwrap()
                        .entry("weight")
                        .or_insert(Value::Null);
                }
                assert_eq!(row, truth, "{release} {table} {key}");
            }
        }
    }
}

/// Brings floats to the precision that both sides keep.
fn single(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            *value = (number.as_f64().unwrap() as f32).into();
        }
        Value::Array(values) => values.iter_mut().for_each(single),
        Value::Object(fields) => fields.values_mut().for_each(single),
        _ => {}
    }
}

/// The time of a row, which the store has in whole seconds, or instead of which it has that of the
/// insert.
fn known_time(release: &str, table: &str, stored: &Value, truth: &Value) -> Value {
    let minor: u32 = release.split(['.', '-']).nth(2).unwrap().parse().unwrap();
    let inserted = match table {
        "heuristics" => minor < 10,
        "summaries" => minor >= 32,
        _ => false,
    };
    if !inserted {
        let seconds = |time: &Value| time.as_str().unwrap()[..19].to_owned();
        assert_eq!(seconds(stored), seconds(truth), "{release} {table}");
    }
    Value::Null
}

#[test]
fn a_rebuilt_cache_is_healthy_and_equal_to_the_store_which_is_left_alone() {
    for (release, store) in stores() {
        let before = state(Path::new(&store));
        let folder = Path::new(&store).parent().unwrap();
        let listed = names(folder);
        let (_dir, cache) = rebuilt(&store, &[]);
        let diff = json(&cache, &["diff", "--from", &store], 0);
        assert_eq!(diff["equal"], true, "{release}");
        let health = json(&cache, &["health", "--deep"], 0);
        assert_eq!(health["healthy"], true, "{release}: {health}");
        assert!(state(Path::new(&store)) == before, "{release}");
        assert_eq!(names(folder), listed, "{release}");
    }
}

#[test]
fn a_store_is_read_alike_whatever_its_file_is_called() {
    let (dir, store) = altered_store("0.1.47", "");
    let odd = dir.path().join("a b?c#d%41é.db");
    std::fs::rename(&store, &odd).unwrap();
    let (_dir, cache) = rebuilt(odd.to_str().unwrap(), &[]);
    let (_dir, plain) = rebuilt(&store_of("0.1.47").unwrap(), &[]);
    assert!(export(&cache) == export(&plain));
}

#[test]
fn an_old_cache_is_replaced_once_that_is_confirmed_and_kept_as_a_backup() {
    let store = store_of("0.1.47").unwrap();
    let (dir, cache) = copy_of("0.1.47");
    let before = state(&cache);
    let said = refusal(&cache, &["rebuild", "--from", &store], 18);
    assert!(said.contains("--yes"), "{said}");
    assert!(state(&cache) == before);
    assert_eq!(names(dir.path()), ["cache.redb"]);
    let report = json(&cache, &["rebuild", "--from", &store, "--yes"], 0);
    assert_eq!(names(dir.path()), ["cache.redb", "cache.redb.backup-1"]);
    assert!(std::fs::read(dir.path().join("cache.redb.backup-1")).unwrap() == before.0);
    // Four vectors and all metadata never came into this store.
    assert_eq!(
        report["only_in_old"],
        serde_json::json!({
            "rows": {"embeddings": 4, "metadata": 5},
            "exact_times": 60,
            "applied_patterns": 52,
            "salient_features": 35,
        })
    );
}

#[test]
fn what_is_only_in_the_old_cache_is_counted_in_every_era() {
    for (release, store) in stores() {
        let (_dir, cache) = copy_of(&release);
        let report = json(&cache, &["rebuild", "--from", &store, "--yes"], 0);
        let only = &report["only_in_old"];
        assert_eq!(only["rows"]["metadata"], 5, "{release}");
        let truth = truth(&release);
        let episodes = truth["episodes"].as_object().unwrap().values();
        let exact = |time: &Value| time.as_str().is_some_and(|time| time.contains('.'));
        let exact = episodes.filter(|it| exact(&it["start_time"]) || exact(&it["end_time"]));
        assert_eq!(only["exact_times"], exact.count(), "{release}");
    }
}

#[test]
fn a_damaged_cache_is_replaced_and_a_newer_or_foreign_file_is_not() {
    let store = store_of("0.1.34").unwrap();
    let (_dir, cache) = copy_of("0.1.34");
    let mut bytes = std::fs::read(&cache).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(&cache, &bytes).unwrap();
    let report = json(&cache, &["rebuild", "--from", &store, "--yes"], 0);
    assert_eq!(report["only_in_old"], Value::Null);
    json(&cache, &["health", "--deep"], 0);

    // Damage that only shows when the rows are read.
    let (_dir, cache) = copy_of("0.1.47");
    let mut bytes = std::fs::read(&cache).unwrap();
    let text = b"nosteps-1: task #1";
    let at = bytes
        .windows(text.len())
        .position(|part| part == text)
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&cache, &bytes).unwrap();
    refusal(
        &cache,
        &["rebuild", "--from", &store, "--table", "patterns", "--yes"],
        13,
    );
    let report = json(&cache, &["rebuild", "--from", &store, "--yes"], 0);
    assert_eq!(report["only_in_old"], Value::Null);
    json(&cache, &["health", "--deep"], 0);

    let (dir, cache) = copy_of("0.1.34");
    let mut bytes = std::fs::read(&cache).unwrap();
    bytes[64] = 9;
    bytes[192] = 9;
    std::fs::write(&cache, &bytes).unwrap();
    refusal(&cache, &["rebuild", "--from", &store, "--yes"], 14);
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "not a cache at all").unwrap();
    let said = refusal(&text, &["rebuild", "--from", &store, "--yes"], 13);
    assert!(said.contains("move the file away"), "{said}");
    assert_eq!(std::fs::read(&text).unwrap(), b"not a cache at all");
}

#[test]
fn the_newest_episodes_are_kept_and_what_hangs_on_them() {
    let store = store_of("0.1.47").unwrap();
    let (_dir, cache) = rebuilt(&store, &["--max-entries", "10"]);
    let (_dir, whole) = rebuilt(&store, &[]);
    let (few, all) = (rows(&export(&cache)), rows(&export(&whole)));
    let revisions = all["episode_revisions"].as_object().unwrap();
    let mut newest: Vec<_> = revisions
        .iter()
        .map(|(id, at)| (at.as_i64(), id.as_str()))
        .collect();
    newest.sort_unstable();
    let mut newest: Vec<_> = newest.split_off(60).into_iter().map(|(_, id)| id).collect();
    newest.sort_unstable();
    let kept: Vec<_> = few["episodes"].as_object().unwrap().keys().collect();
    assert_eq!(kept, newest);
    let is_kept = |id: &Value| newest.contains(&id.as_str().unwrap());
    for (table, ends) in [
        ("summaries", &["episode_id"][..]),
        ("relationships", &["from_episode_id", "to_episode_id"]),
        ("episode_pattern_relationships", &["episode_id"]),
    ] {
        let wanted = all[table].as_object().unwrap().iter();
        let wanted: Map<_, _> = wanted
            .filter(|(_, row)| ends.iter().all(|end| is_kept(&row[end])))
            .map(|(key, row)| (key.clone(), row.clone()))
            .collect();
        let kept = few.get(table).and_then(Value::as_object).cloned();
        assert_eq!(kept.unwrap_or_default(), wanted, "{table}");
    }
    assert_eq!(few["patterns"], all["patterns"]);
    // All of them hold, where the limit is larger than the store.
    let (_dir, cache) = rebuilt(&store, &["--max-entries", "1000"]);
    assert!(export(&cache) == export(&whole));
    let (_dir, cache) = rebuilt(&store, &["--max-entries", "0"]);
    assert_eq!(rows(&export(&cache)).get("episodes"), None);
}

#[test]
fn episodes_since_a_time_are_kept() {
    let store = store_of("0.1.31-real-a").unwrap();
    let (_dir, whole) = rebuilt(&store, &[]);
    let all = rows(&export(&whole));
    let episodes = all["episodes"].as_object().unwrap();
    let changed = |row: &Value| {
        let end = row["end_time"].as_str().or(row["start_time"].as_str());
        end.unwrap().to_owned()
    };
    let mut times: Vec<_> = episodes.values().map(changed).collect();
    times.sort_unstable();
    let since = &times[times.len() / 2];
    let (_dir, cache) = rebuilt(&store, &["--since", since]);
    let some = rows(&export(&cache));
    let kept = some["episodes"].as_object().unwrap();
    let wanted = episodes.iter().filter(|(_, row)| changed(row) >= *since);
    assert_eq!(
        kept.keys().collect::<Vec<_>>(),
        wanted.map(|(key, _)| key).collect::<Vec<_>>()
    );
    assert!(kept.len() < episodes.len());
}

#[test]
fn synchronization_goes_on_from_the_newest_revision_of_the_store() {
    let (_dir, cache) = rebuilt(&store_of("0.1.47").unwrap(), &[]);
    let revisions = rows(&export(&cache))["episode_revisions"].clone();
    let newest = revisions
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_i64)
        .max();
    let newest = newest.unwrap().to_string();
    assert_eq!(
        metadata(&cache, "sync_watermark_ms").as_ref(),
        Some(&newest)
    );
    assert_eq!(metadata(&cache, "episode_revision_seq"), Some(newest));
    // A store that keeps no revisions says nothing of what was read of it.
    let (_dir, cache) = rebuilt(&store_of("0.1.34").unwrap(), &[]);
    assert_eq!(metadata(&cache, "sync_watermark_ms"), None);
}

#[test]
fn rows_expire_so_long_after_the_rebuild_as_the_limit_says() {
    let store = store_of("0.1.47").unwrap();
    let (_dir, cache) = rebuilt(&store, &["--ttl", "1d"]);
    let swept = json(&cache, &["sweep", "--dry-run"], 0);
    assert_eq!(swept["would_remove"].as_array().map(Vec::len), Some(0));
    let (_dir, cache) = rebuilt(&store, &["--ttl", "0s"]);
    let swept = json(&cache, &["sweep", "--dry-run"], 0);
    // Sessions, feedback, procedures and metadata never expire.
    assert_eq!(swept["would_remove"].as_array().map(Vec::len), Some(115));
}

#[test]
fn tables_that_are_not_named_stay_as_they_are() {
    let (dir, cache) = copy_of("0.1.47");
    let before = rows(&export(&cache));
    let store = store_of("0.1.34").unwrap();
    let args = [
        "rebuild",
        "--from",
        &store,
        "--table",
        "patterns",
        "embeddings",
        "--yes",
    ];
    json(&cache, &args, 0);
    let after = rows(&export(&cache));
    for (table, rows) in before.as_object().unwrap() {
        match table.as_str() {
            "embeddings" => assert_eq!(after[table].as_object().unwrap().len(), 4),
            _ => assert_eq!(after[table], *rows, "{table}"),
        }
    }
    json(&cache, &["health", "--deep"], 0);
    assert_eq!(names(dir.path()), ["cache.redb", "cache.redb.backup-1"]);
    let said = refusal(
        &cache,
        &["rebuild", "--from", &store, "--table", "episode_revisions"],
        18,
    );
    assert!(said.contains("--yes"), "{said}");
    for table in ["episode_revisions", "nothing"] {
        let args = ["rebuild", "--from", &store, "--table", table, "--yes"];
        refusal(&cache, &args, 2);
    }
}

#[test]
fn a_row_that_cannot_be_read_is_listed_and_the_rest_goes_on() {
    let (_dir, store) = altered_store(
        "0.1.47",
        "UPDATE patterns SET pattern_type = 'ToolSequence { id: x' WHERE rowid = 1;
         UPDATE episodes SET steps = '[{\"step_number\":1}]' WHERE rowid = 2;
         UPDATE episodes SET task_type = 'Debugging' WHERE rowid = 3;
         UPDATE heuristics SET created_at = 'yesterday' WHERE rowid = 1;
         UPDATE embeddings SET embedding_data = '[1.0,nul' WHERE rowid = 1;
         UPDATE recommendation_feedback SET payload = '{}' WHERE rowid = 1;",
    );
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache.redb");
    let report = json(&cache, &["rebuild", "--from", &store], 3);
    let listed = report["unreadable"]["listed"].as_array().unwrap();
    let count = |table: &str| listed.iter().filter(|row| row["table"] == table).count();
    // The vector is there a second time, in a column of its own.
    let expected = [
        ("episodes", 2),
        ("patterns", 1),
        ("heuristics", 1),
        ("embeddings", 0),
    ];
    for (table, rows) in expected {
        assert_eq!(count(table), rows, "{table}: {listed:?}");
    }
    assert_eq!(count("recommendation_feedback"), 1);
    assert_eq!(report["rows"], 126 - 5);
    for row in listed {
        assert!(
            !row["why"].as_str().unwrap().is_empty() && row["id"] != "",
            "{row}"
        );
    }
    let diff = json(&cache, &["diff", "--from", &store], 3);
    assert_eq!(
        diff["tables"][0]["unreadable"]["listed"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        diff["tables"][0]["missing_in_cache"]["listed"],
        serde_json::json!([])
    );
}

#[test]
fn the_later_of_two_rows_for_one_vector_counts() {
    // As a database looks that do-memory 0.1.8 began and a later release went on with.
    let (_dir, store) = altered_store(
        "0.1.47",
        "INSERT INTO embeddings (embedding_id, item_id, item_type, embedding_data, dimension, model,
             created_at)
         SELECT 'episode_' || item_id, item_id, item_type, '[9.0]', 1, 'old', 5 FROM embeddings;
         INSERT INTO embeddings (embedding_id, item_id, item_type, embedding_data, dimension, model,
             created_at)
         SELECT 'zz' || item_id, item_id, 'unknown', '[7.0]', 1, 'new', created_at + 9
             FROM embeddings WHERE item_type = 'embedding' AND embedding_data <> '[9.0]';",
    );
    let (_dir, plain) = rebuilt(&store_of("0.1.47").unwrap(), &[]);
    let (_dir, cache) = rebuilt(&store, &[]);
    let (plain, both) = (rows(&export(&plain)), rows(&export(&cache)));
    for (key, vector) in plain["embeddings"].as_object().unwrap() {
        let raw = key.starts_with("custom");
        let wanted = if raw {
            &serde_json::json!([7.0])
        } else {
            vector
        };
        assert_eq!(both["embeddings"][key], *wanted, "{key}");
    }
}

#[test]
fn the_later_of_two_vectors_counts_whatever_names_they_were_stored_under() {
    let item = "37766496-4f6f-53a7-bc6e-c8d527370d9d";
    for (first, second) in [("aaa", "bbb"), ("bbb", "aaa")] {
        let (_dir, store) = altered_store(
            "0.1.47",
            &format!(
                "DELETE FROM embeddings;
                 INSERT INTO embeddings
                     (embedding_id, item_id, item_type, embedding_data, dimension, model, created_at)
                 VALUES ('{first}', 'episode_{item}', 'unknown', '[1.0]', 1, 'm', 1000),
                        ('{second}', '{item}', 'episode', '[2.0]', 1, 'm', 2000);"
            ),
        );
        let (_dir, cache) = rebuilt(&store, &[]);
        let vectors = rows(&export(&cache))["embeddings"].clone();
        let key = format!("episode_{item}");
        assert_eq!(vectors, serde_json::json!({key: [2.0]}));
        json(&cache, &["diff", "--from", &store], 0);
    }
}

#[test]
fn a_dry_run_says_what_is_there_and_writes_nothing() {
    let store = store_of("0.1.31-real-a").unwrap();
    let (dir, cache) = copy_of("0.1.31-real-a");
    let before = state(&cache);
    let report = json(&cache, &["rebuild", "--from", &store, "--dry-run"], 0);
    assert_eq!(report["outcome"], "forecast");
    assert_eq!(report["tables"][0]["in_store"], 400);
    assert!(report["estimated_ms"].is_u64() && report["bytes"].is_null());
    assert!(state(&cache) == before);
    assert_eq!(names(dir.path()), ["cache.redb"]);
}

#[test]
fn a_store_that_is_none_is_refused_and_the_cache_left_alone() {
    let (dir, cache) = copy_of("0.1.47");
    let before = state(&cache);
    let (_other, foreign) = altered_store("0.1.6", "DROP TABLE episodes;");
    let empty = dir.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    let own = cache.to_str().unwrap().to_owned();
    for (from, exit) in [
        ("nothing.db", 16),
        (dir.path().to_str().unwrap(), 14),
        (empty.to_str().unwrap(), 14),
        (&own, 14),
        (&foreign, 14),
        ("libsql://", 2),
        ("", 2),
    ] {
        let said = refusal(&cache, &["rebuild", "--from", from, "--yes"], exit);
        assert!(said.contains("help"), "{from}: {said}");
    }
    assert!(state(&cache) == before);
    assert_eq!(names(dir.path()), ["cache.redb", "empty.db"]);
}

#[test]
fn killed_at_any_moment_the_path_is_a_whole_cache_and_the_same_run_again_succeeds() {
    const MOMENTS: u32 = 30;
    let store = store_of("0.1.31-real-a").unwrap();
    let args = ["rebuild", "--from", &store, "--yes"];
    let (dir, cache) = copy_of("0.1.32");
    let original = std::fs::read(&cache).unwrap();
    let whole = common::usual_time(|| {
        json(&cache, &args, 0);
    });
    let expected = export(&cache);
    let mut old = 0;
    for moment in 0..MOMENTS {
        for name in names(dir.path()) {
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
        // Each third time there is no cache before.
        let is_new = moment % 3 == 0;
        if !is_new {
            std::fs::write(&cache, &original).unwrap();
        }
        let mut child = program(&cache, &args)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let part = f64::from(moment) / f64::from(MOMENTS);
        std::thread::sleep(whole.mul_f64(part * 1.05));
        child.kill().unwrap();
        child.wait().unwrap();
        match std::fs::read(&cache) {
            Err(_) => assert!(is_new, "{part}"),
            Ok(found) if found == original => old += 1,
            Ok(_) => assert!(export(&cache) == expected, "after {part} of the time"),
        }
        json(&cache, &args, 0);
        assert!(export(&cache) == expected, "after {part} of the time");
        let visible = |name: &String| !name.starts_with('.');
        assert!(
            names(dir.path()).iter().all(visible),
            "{:?}",
            names(dir.path())
        );
    }
    assert!(old > 5, "only {old} kills left the old cache");
}

#[test]
fn what_no_run_can_go_on_with_is_replaced_by_a_new_beginning() {
    let store = store_of("0.1.47").unwrap();
    let (_dir, plain) = rebuilt(&store, &[]);
    let (_old_dir, old) = copy_of("0.1.6");
    let other = std::fs::read(old).unwrap();
    let whole = std::fs::read(&plain).unwrap();
    for left in [&b"garbage"[..], &[], &other, &whole] {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache.redb");
        std::fs::write(dir.path().join(".cache.redb.redb-cache-part"), left).unwrap();
        let output = run(&cache, &["rebuild", "--from", &store, "--resume"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("beginning anew"), "{said}");
        assert!(export(&cache) == export(&plain));
        assert_eq!(names(dir.path()), ["cache.redb"]);
    }
}
