//! The writers write what the releases wrote.

use std::ops::ControlFlow;
use std::path::Path;

use chrono::{DateTime, Utc};
use redb_cache::cache::Table;
use redb_cache::file::{self, ReadOptions, ValueRef};
use redb_cache::layout::{Codec, Layout};
use serde_json::Value;
use uuid::Uuid;

use crate::common;
use crate::writers::{encode, value_of, writer};

/// A fixture of each release that changed the layout, and one as an agent fills it.
pub const RELEASES: [(&str, Layout); 13] = [
    ("0.1.6", Layout::L1),
    ("0.1.6-real-a", Layout::L1),
    ("0.1.7", Layout::L2),
    ("0.1.7-real-a", Layout::L2),
    ("0.1.8", Layout::L3),
    ("0.1.14", Layout::L4),
    ("0.1.22", Layout::L5),
    ("0.1.31-real-a", Layout::L5),
    ("0.1.32", Layout::L6),
    ("0.1.33", Layout::L7),
    ("0.1.34", Layout::L8),
    ("0.1.47", Layout::L9),
    ("0.1.47-compression", Layout::L9),
];

/// The rows of every table of records of a cache of any era.
pub fn rows(cache: &Path) -> Vec<(Table, String, Vec<u8>)> {
    file::read(cache, &ReadOptions::default(), |snapshot| {
        let mut rows = Vec::new();
        for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
            snapshot.scan(table.name(), None, &mut |key, value| {
                let ValueRef::Bytes(bytes) = value else {
                    panic!("{table} {key} is {value:?}");
                };
                rows.push((table, key.to_owned(), bytes.to_owned()));
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(rows)
    })
    .unwrap()
}

/// [`rows`] of a fixture. Only the program reads the oldest files, not the library alone.
pub fn rows_of(release: &str, layout: Layout) -> Vec<(Table, String, Vec<u8>)> {
    if cfg!(not(feature = "cli")) && layout < Layout::L5 {
        return Vec::new();
    }
    rows(&common::fixture(release).join("cache.redb"))
}

fn truth(release: &str) -> Value {
    let text = std::fs::read_to_string(common::fixture(release).join("truth.json")).unwrap();
    value_of(&text).unwrap()
}

#[test]
fn every_row_of_every_release_is_written_again_to_the_byte() {
    for (release, layout) in RELEASES {
        let truth = truth(release);
        let rows = rows_of(release, layout);
        for (table, key, row) in &rows {
            check(layout, *table, &truth[table.name()][key], row, key);
        }
        let tables = truth.as_object().unwrap().iter();
        let known = tables.filter(|(name, _)| *name != "metadata");
        let known: usize = known.map(|(_, rows)| rows.as_object().unwrap().len()).sum();
        assert!(rows.is_empty() || rows.len() == known, "{release}: {known}");
    }
}

#[test]
#[cfg(feature = "cli")]
fn every_row_of_a_file_of_several_releases_is_written_again_to_the_byte() {
    const MIXED: &str = "mixed-0.1.6-7-8-14";
    let folder = common::fixture(MIXED);
    let text = std::fs::read_to_string(folder.join("layout_by_row.json")).unwrap();
    let writers: Value = serde_json::from_str(&text).unwrap();
    let truth = truth(MIXED);
    for (table, key, row) in rows(&folder.join("cache.redb")) {
        let layout = match writers[table.name()][&key].as_str().unwrap() {
            "v0.1.6" => Layout::L1,
            "v0.1.7" => Layout::L2,
            "v0.1.8" => Layout::L3,
            "v0.1.14" => Layout::L4,
            other => panic!("{table} {key} is of {other}"),
        };
        check(layout, table, &truth[table.name()][&key], &row, &key);
    }
}

fn check(layout: Layout, table: Table, truth: &Value, row: &[u8], key: &str) {
    let again = writer(layout, table).unwrap().again(truth, row);
    let differs = again.iter().zip(row).position(|(a, b)| a != b);
    assert!(
        again == row,
        "{layout} {table} {key}: {} bytes, not {}; they differ from {differs:?}",
        again.len(),
        row.len()
    );
}

#[test]
fn every_value_that_was_noted_in_hexadecimal_is_written_so() {
    for (release, layout) in [
        ("0.1.6", Layout::L1),
        ("0.1.7", Layout::L2),
        ("0.1.47", Layout::L9),
    ] {
        let text = std::fs::read_to_string(common::fixture(release).join("hex.json")).unwrap();
        let noted: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        assert!(noted.len() >= 30, "{}", noted.len());
        let truth = truth(release);
        for (name, hex) in &noted {
            let bytes = from_hex(hex.as_str().unwrap());
            let known = match table_of(name) {
                Some(table) => {
                    let rows = truth[table.name()].as_object().unwrap();
                    let writer = writer(layout, table).unwrap();
                    rows.values()
                        .any(|json| writer.again(json, &bytes) == bytes)
                }
                None => primitive(layout.codec(), name) == bytes,
            };
            assert!(known, "{release} {name}");
        }
    }
}

fn table_of(name: &str) -> Option<Table> {
    Some(match name.split([' ', '[']).next()? {
        "Episode" => Table::Episodes,
        "Pattern" => Table::Patterns,
        "Heuristic" => Table::Heuristics,
        "Feedback" => Table::RecommendationFeedback,
        "Session" => Table::RecommendationSessions,
        "Summary" => Table::Summaries,
        "Relationship" => Table::Relationships,
        "Procedural" => Table::Procedural,
        _ => return None,
    })
}

fn primitive(codec: Codec, name: &str) -> Vec<u8> {
    let (kind, what) = name.split_once(' ').unwrap();
    match (kind, what) {
        ("Value", json) => encode(codec, &value_of(json).unwrap()),
        ("Uuid", id) => encode(codec, &id.parse::<Uuid>().unwrap()),
        ("DateTime", time) => encode(codec, &time.parse::<DateTime<Utc>>().unwrap()),
        ("Duration", "1.5s") => encode(codec, &(1i64, 500_000_000i32)),
        ("Duration", "-0.001s") => encode(codec, &(-1i64, 999_000_000i32)),
        ("HashMap", "{k:v}") => encode(codec, &std::collections::HashMap::from([("k", "v")])),
        ("Option<u64>", "None") => encode(codec, &None::<u64>),
        ("Option<u64>", "Some(1)") => encode(codec, &Some(1u64)),
        ("Option<u8>", "Some(5)") => encode(codec, &Some(5u8)),
        ("[f32;2", "slice] [1,2]") => encode(codec, &[1f32, 2.0].as_slice()),
        ("bool", "true") => encode(codec, &true),
        ("f32", "1.0") => encode(codec, &1f32),
        ("u64", "max") => encode(codec, &u64::MAX),
        ("usize", "300") => encode(codec, &300usize),
        _ => panic!("not known: {name}"),
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
