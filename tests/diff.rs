//! `diff`, the repairs that follow from it, and what the durable store settles in a migration.
#![cfg(test)]

mod common;

use std::path::Path;

use common::{Fixture, altered_store, copy_of, json, names, refusal, run, state, store_of, stores};
use redb_cache::{RedbConfig, RedbStorage};
use serde_json::Value;

/// What a diff says of a table.
fn table<'r>(report: &'r Value, name: &str) -> &'r Value {
    let mut tables = report["tables"].as_array().unwrap().iter();
    tables.find(|table| table["table"] == name).unwrap()
}

/// What a diff says of a release's cache once it was migrated with the help of the store beside it.
fn migrated_and_compared(release: &str, store: &str) -> Value {
    let (_dir, cache) = copy_of(release);
    json(&cache, &["migrate", "--consult", "--from", store], 0);
    let output = run(&cache, &["diff", "--from", store, "--format", "json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn keys(list: &Value) -> Vec<&str> {
    let listed = list["listed"].as_array().unwrap().iter();
    listed
        .map(|row| row.as_str().or(row["key"].as_str()).unwrap())
        .collect()
}

#[test]
fn a_cache_and_the_store_beside_it_differ_only_in_what_never_came_there() {
    for (release, store) in stores() {
        let report = migrated_and_compared(&release, &store);
        for table in report["tables"].as_array().unwrap() {
            for what in [
                "missing_in_cache",
                "older_in_cache",
                "different",
                "undecodable",
            ] {
                let name = &table["table"];
                assert_eq!(
                    keys(&table[what]).len(),
                    0,
                    "{release} {name} {what}: {table}"
                );
            }
        }
        assert_eq!(
            keys(&table(&report, "episodes")["missing_in_store"]).len(),
            0,
            "{release}"
        );
    }
}

#[test]
fn the_rows_of_either_side_are_those_of_which_something_is_said() {
    for (release, store) in stores() {
        let report = migrated_and_compared(&release, &store);
        for table in report["tables"].as_array().unwrap() {
            let on_both = ["older_in_cache", "different", "undecodable"]
                .map(|what| keys(&table[what]).len() as u64);
            let on_both = on_both.iter().sum::<u64>() + table["equal"].as_u64().unwrap();
            let in_cache = on_both + keys(&table["missing_in_store"]).len() as u64;
            let in_store = on_both + keys(&table["missing_in_cache"]).len() as u64;
            let said = (table["in_cache"].as_u64(), table["in_store"].as_u64());
            assert_eq!(said, (Some(in_cache), Some(in_store)), "{release}: {table}");
        }
    }
}

#[test]
fn neither_side_is_written() {
    let store = store_of("0.1.14").unwrap();
    let (dir, cache) = copy_of("0.1.14");
    let before = (state(&cache), state(Path::new(&store)));
    json(&cache, &["diff", "--from", &store], 3);
    assert!((state(&cache), state(Path::new(&store))) == before);
    assert_eq!(names(dir.path()), ["cache.redb"]);
}

/// A cache and a store that differ in each way, and the keys of the first five episodes.
fn differing() -> (
    tempfile::TempDir,
    std::path::PathBuf,
    tempfile::TempDir,
    String,
    Vec<String>,
) {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache.redb");
    json(
        &cache,
        &["rebuild", "--from", &store_of("0.1.47").unwrap()],
        0,
    );
    let listed = run(&cache, &["export", "episodes"]).stdout;
    let mut ids: Vec<String> = listed
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .map(|row| row["key"].as_str().unwrap().to_owned())
        .collect();
    ids.truncate(5);
    let [renewed, changed, gone, missing, _] = ids.as_slice() else {
        panic!("five episodes")
    };
    let (store_dir, store) = altered_store(
        "0.1.47",
        &format!(
            "UPDATE episodes SET task_description = 'renewed' WHERE episode_id = '{renewed}';
             UPDATE episode_revisions SET modified_at_ms = 9000000000000
                 WHERE episode_id = '{renewed}';
             UPDATE episodes SET task_description = 'changed' WHERE episode_id = '{changed}';
             DELETE FROM episodes WHERE episode_id = '{gone}';"
        ),
    );
    json(
        &cache,
        &["clear", "--table", "episodes", "--prefix", missing, "--yes"],
        0,
    );
    (dir, cache, store_dir, store, ids)
}

#[test]
fn each_kind_of_difference_is_told_with_its_key() {
    let (_dir, cache, _store_dir, store, ids) = differing();
    let report = json(&cache, &["diff", "--from", &store], 3);
    let episodes = table(&report, "episodes");
    assert_eq!(keys(&episodes["older_in_cache"]), [ids[0].as_str()]);
    assert_eq!(keys(&episodes["different"]), [ids[1].as_str()]);
    assert_eq!(keys(&episodes["missing_in_store"]), [ids[2].as_str()]);
    assert_eq!(keys(&episodes["missing_in_cache"]), [ids[3].as_str()]);
    let fields = &episodes["different"]["listed"][0]["fields"];
    assert_eq!(*fields, serde_json::json!(["task_description"]));
    assert_eq!(episodes["equal"], 66);
    let told = run(&cache, &["diff", "--from", &store, "--verbose"]);
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(
        told.contains(&format!("{}: different: task_description", ids[1])),
        "{told}"
    );
}

#[test]
fn a_repair_takes_from_the_store_what_is_asked_for_and_nothing_else() {
    let (dir, cache, _store_dir, store, ids) = differing();
    let repair = |args: &[&str]| {
        let args = [&["rebuild", "--from", &store], args].concat();
        json(&cache, &args, 0)
    };
    let before = state(&cache);
    let report = repair(&["--only-missing", "--only-stale", "--dry-run"]);
    assert_eq!(
        (&report["outcome"], &report["rows"]),
        (&"forecast".into(), &2.into())
    );
    assert!(state(&cache) == before);
    assert_eq!(repair(&["--only-missing"])["rows"], 1);
    let report = json(&cache, &["diff", "--from", &store], 3);
    let episodes = table(&report, "episodes");
    assert_eq!(keys(&episodes["missing_in_cache"]).len(), 0);
    assert_eq!(keys(&episodes["older_in_cache"]), [ids[0].as_str()]);
    assert_eq!(repair(&["--only-stale"])["rows"], 1);
    let report = json(&cache, &["diff", "--from", &store], 3);
    let episodes = table(&report, "episodes");
    assert_eq!(keys(&episodes["older_in_cache"]).len(), 0);
    // What the cache alone has, and what may be newer there, stays.
    assert_eq!(keys(&episodes["different"]), [ids[1].as_str()]);
    assert_eq!(keys(&episodes["missing_in_store"]), [ids[2].as_str()]);
    assert_eq!(repair(&["--only-missing", "--only-stale"])["rows"], 0);
    json(&cache, &["health", "--deep"], 0);
    assert_eq!(names(dir.path()), ["cache.redb"]);
}

#[test]
fn a_repair_wants_a_current_cache() {
    let store = store_of("0.1.14").unwrap();
    let (dir, cache) = copy_of("0.1.14");
    let said = refusal(&cache, &["rebuild", "--from", &store, "--only-missing"], 12);
    assert!(said.contains("redb-cache migrate"), "{said}");
    let nothing = dir.path().join("nothing.redb");
    refusal(&nothing, &["rebuild", "--from", &store, "--only-stale"], 10);
    refusal(&nothing, &["diff", "--from", &store], 10);
}

#[test]
fn a_sample_compares_as_many_rows_as_it_says_and_the_same_ones_each_time() {
    let (_dir, cache, _store_dir, store, _) = differing();
    let whole = json(&cache, &["diff", "--from", &store], 3);
    for (size, rows) in [("0", 0), ("7", 7), ("1000", 70), ("100%", 70), ("0%", 0)] {
        let args = [
            "diff", "--from", &store, "--table", "episodes", "--sample", size,
        ];
        let output = run(&cache, &[&args[..], &["--format", "json"]].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let episodes = table(&report, "episodes");
        assert_eq!(episodes["compared"], rows, "{size}");
        assert_eq!(report["sampled"], true);
        if rows == 70 {
            for what in [
                "missing_in_cache",
                "missing_in_store",
                "older_in_cache",
                "different",
            ] {
                assert_eq!(
                    episodes[what],
                    table(&whole, "episodes")[what],
                    "{size} {what}"
                );
            }
        }
        let again = run(&cache, &[&args[..], &["--format", "json"]].concat());
        let again: Value = serde_json::from_slice(&again.stdout).unwrap();
        assert_eq!(again["tables"], report["tables"], "{size}");
    }
}

#[test]
fn the_store_settles_every_doubtful_value_of_an_old_cache() {
    for (release, store) in stores() {
        let (_dir, cache) = copy_of(&release);
        let alone = json(&cache, &["migrate", "--dry-run"], 0)["parameters"].clone();
        let report = json(&cache, &["migrate", "--consult", "--from", &store], 0);
        let settled = &report["parameters"];
        let doubtful = ["inferred", "chosen", "unreadable"];
        let sum = |of: &Value| {
            doubtful
                .iter()
                .map(|what| of[what].as_u64().unwrap())
                .sum::<u64>()
        };
        assert_eq!(sum(settled), 0, "{release}: {settled}");
        let asked = &report["consulted"];
        let asked = asked["confirmed"].as_u64().unwrap() + asked["replaced"].as_u64().unwrap();
        assert_eq!(asked, sum(&alone), "{release}");
        // Not one value may be another than it was, twins included.
        let exported = run(&cache, &["export", "episodes"]).stdout;
        let said = Fixture::of(&release).twins(&exported);
        assert_eq!(said, 0, "{release}");
    }
}

#[test]
fn a_store_that_has_other_values_settles_nothing() {
    let (_dir, store) = altered_store(
        "0.1.14",
        "UPDATE episodes SET steps = replace(steps, '\"parameters\":', '\"parameters\":[1,2,3],\"was\":');",
    );
    let (_dir, cache) = copy_of("0.1.14");
    let alone = json(&cache, &["migrate", "--dry-run"], 0)["parameters"].clone();
    let report = json(&cache, &["migrate", "--consult", "--from", &store], 0);
    assert_eq!(report["parameters"], alone);
    assert_eq!(
        report["consulted"],
        serde_json::json!({"confirmed": 0, "replaced": 0})
    );
}

#[test]
fn a_store_that_cannot_be_asked_stops_the_migration() {
    let (dir, cache) = copy_of("0.1.14");
    let before = state(&cache);
    refusal(&cache, &["migrate", "--consult"], 2);
    refusal(
        &cache,
        &["migrate", "--consult", "--from", "nothing.db"],
        16,
    );
    assert!(state(&cache) == before);
    assert_eq!(names(dir.path()), ["cache.redb"]);
}

#[test]
fn a_cache_that_is_full_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache.redb");
    let config = RedbConfig {
        max_cache_size: 10,
        ..RedbConfig::default()
    };
    RedbStorage::with_full_config(&cache, config)
        .unwrap()
        .close()
        .unwrap();
    let store = store_of("0.1.47").unwrap();
    json(&cache, &["rebuild", "--from", &store, "--yes"], 0);
    let report = json(&cache, &["diff", "--from", &store], 0);
    assert_eq!(table(&report, "episodes")["beyond_limit"], 60);
    assert_eq!(table(&report, "episodes")["equal"], 10);
    let repaired = json(&cache, &["rebuild", "--from", &store, "--only-missing"], 0);
    assert_eq!(repaired["rows"], 0);
}

#[test]
fn what_the_store_has_no_table_for_is_not_called_equal() {
    let (_dir, cache) = copy_of("0.1.47");
    let store = store_of("0.1.6").unwrap();
    refusal(
        &cache,
        &["diff", "--from", &store, "--table", "procedural"],
        2,
    );
}

#[test]
fn tags_that_the_store_lost_are_a_difference() {
    let (_dir, store) = altered_store("0.1.47", "DELETE FROM episode_tags;");
    let (_dir, cache) = copy_of("0.1.47");
    let report = json(&cache, &["diff", "--from", &store], 3);
    let tagged = common::truth("0.1.47")["episodes"]
        .as_object()
        .unwrap()
        .clone();
    let tagged = tagged
        .values()
        .filter(|row| row["tags"] != serde_json::json!([]));
    let episodes = table(&report, "episodes");
    let differ = keys(&episodes["different"]).len() + keys(&episodes["older_in_cache"]).len();
    assert_eq!(differ, tagged.count());
}

#[test]
fn an_old_cache_is_equal_where_its_bytes_are_those_of_the_store() {
    for (release, store) in stores() {
        let (_dir, cache) = copy_of(&release);
        let args = ["diff", "--from", &store, "--table", "episodes"];
        let report = json(&cache, &args, 0);
        assert_eq!(report["equal"], true, "{release}");
    }
}

#[test]
fn a_repaired_episode_has_the_revision_of_the_store() {
    let (_dir, cache, _store_dir, store, ids) = differing();
    json(&cache, &["rebuild", "--from", &store, "--only-stale"], 0);
    let revisions = run(&cache, &["export", "episode_revisions"]).stdout;
    let mut rows = revisions.split(|byte| *byte == b'\n');
    let row = rows.find_map(|line| {
        let row: Value = serde_json::from_slice(line).ok()?;
        (row["key"] == *ids[0]).then_some(row)
    });
    assert_eq!(row.unwrap()["value"], 9_000_000_000_000_i64);
}
