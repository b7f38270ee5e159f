//! Every row that real releases wrote means what they say it means.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;
mod fuzz;
mod hostile;
mod meter;
mod proof;
mod properties;
mod writers;

use std::collections::HashMap;

use common::Fixture;
use redb_cache::ErrorKind;
use redb_cache::cache::Table;
use redb_cache::cache::record::{
    Episode, RecommendationFeedback, Record, TaskContext, TaskOutcome, TaskType, encode,
};
use redb_cache::layout::{Decoded, Layout, Survey, Undecodable, decode_as};
use serde_json::{Value, json};
use uuid::Uuid;

/// The releases whose layouts are read here.
const RELEASES: [(&str, Layout); 4] = [
    ("0.1.32", Layout::L6),
    ("0.1.33", Layout::L7),
    ("0.1.34", Layout::L8),
    ("0.1.47", Layout::L9),
];

/// A row of a file that a release of the layout wrote.
fn decode(written: Layout, table: Table, bytes: &[u8]) -> Result<Decoded, Undecodable> {
    Survey::new(properties::origin(written)).decode(table, bytes)
}

#[test]
fn every_row_of_every_fixture_is_what_the_truth_says() {
    for (release, layout) in RELEASES {
        let fixture = Fixture::of(release);
        fixture.check_truth(&export(&fixture, |table, bytes| {
            decode(layout, table, bytes).unwrap().record
        }));
    }
}

#[test]
fn every_row_reads_the_same_as_the_layout_of_the_release_that_wrote_it() {
    for (release, layout) in RELEASES {
        let fixture = Fixture::of(release);
        fixture.check_truth(&export(&fixture, |table, bytes| {
            decode_as(layout, table, bytes).unwrap()
        }));
    }
}

/// One JSON object a line and row.
fn export(fixture: &Fixture, read: impl Fn(Table, &[u8]) -> Record) -> Vec<u8> {
    let mut lines = Vec::new();
    for (table, key, bytes) in fixture.rows() {
        let value = read(table, &bytes);
        assert_eq!(value.table(), table);
        serde_json::to_writer(
            &mut lines,
            &json!({"table": table, "key": key, "value": value}),
        )
        .unwrap();
        lines.push(b'\n');
    }
    lines
}

#[test]
fn a_row_is_of_the_newest_layout_that_fits_and_no_real_row_is_ambiguous() {
    for (release, written) in RELEASES {
        let fixture = Fixture::of(release);
        let truth = fixture.json("truth.json");
        for (table, key, bytes) in fixture.rows() {
            let decoded = decode(written, table, &bytes).unwrap();
            let expected = newest_alike(written, table, &truth[table.name()][&key]);
            assert_eq!(decoded.layout, expected, "{release} {table} {key}");
            assert!(decoded.also.is_empty(), "{release} {table} {key}");
        }
    }
}

/// The newest layout that has such a row just as `written` has it, and stands in the same file.
fn newest_alike(written: Layout, table: Table, truth: &Value) -> Layout {
    let rewarded = !truth["reward"].is_null();
    let checkpoints = truth["checkpoints"].as_array();
    let newest = match table {
        Table::Patterns if written < Layout::L9 => Layout::L8,
        Table::Episodes if rewarded && written < Layout::L8 => written,
        Table::Episodes if checkpoints.is_some_and(|list| !list.is_empty()) => {
            if written < Layout::L8 {
                Layout::L7
            } else {
                Layout::L9
            }
        }
        _ => Layout::L9,
    };
    newest.min(written.max(Layout::L8))
}

#[test]
fn a_row_that_two_layouts_read_differently_gives_both_readings() {
    let (reward, tail) = (
        [0.5f32; 6],
        [vec![0u8; 5], ambiguous_metadata(), vec![0; 2]].concat(),
    );
    let row = [old_head(), postcard::to_allocvec(&reward).unwrap(), tail].concat();

    let decoded = decode(Layout::L8, Table::Episodes, &row).unwrap();
    assert_eq!(decoded.layout, Layout::L7);
    let (Record::Episode(newer), [(Layout::L6, Record::Episode(older))]) =
        (&decoded.record, decoded.also.as_slice())
    else {
        panic!("not the two readings: {decoded:?}");
    };
    assert_eq!((newer.patterns.len(), newer.heuristics.len()), (2, 1));
    assert!(newer.metadata.is_empty());
    assert_eq!((older.patterns.len(), older.heuristics.len()), (0, 0));
    assert_eq!(older.metadata.len(), 2);
}

/// An episode up to the tag of its reward, which is the same in all layouts.
fn old_head() -> Vec<u8> {
    let mut head = encode(&Episode::new("t", TaskContext::default(), TaskType::Other)).unwrap();
    head.truncate(head.len() - 9);
    head.push(1);
    head
}

/// Two pairs of strings which, read as lists of ids, are two patterns, one heuristic and three
/// empty fields.
fn ambiguous_metadata() -> Vec<u8> {
    let (key, value) = ("k".repeat(16), "v".repeat(16));
    let pairs = [
        (key.as_str(), value.as_str()),
        ("\x10", "0123456789abcde\0\0\0"),
    ];
    let mut bytes = vec![2];
    bytes.extend(postcard::to_allocvec(&pairs).unwrap());
    bytes
}

#[test]
fn no_task_had_been_abstained_before_0_1_33() {
    let feedback = RecommendationFeedback {
        session_id: Uuid::nil(),
        applied_pattern_ids: Vec::new(),
        consulted_episode_ids: Vec::new(),
        outcome: TaskOutcome::Abstained {
            reason: "no network".into(),
            stopped_at_step: 3,
            infeasibility_signals: Vec::new(),
        },
        agent_rating: Some(f32::NAN),
    };
    let row = encode(&feedback).unwrap();
    let table = Table::RecommendationFeedback;
    assert!(decode_as(Layout::L6, table, &row).is_err());
    assert!(decode_as(Layout::L7, table, &row).is_ok());
    let decoded = decode(Layout::L9, table, &row).unwrap();
    assert_eq!(decoded.layout, Layout::L9);
    assert!(decoded.also.is_empty());
}

#[test]
fn a_row_that_nothing_fits_tells_where_the_nearest_reading_stopped() {
    let undecodable = decode(Layout::L9, Table::Episodes, b"").unwrap_err();
    assert_eq!(
        undecodable.to_string(),
        "no row of episodes: the row ends before the value (byte 0 of 0) when read as L9"
    );
    assert_eq!(
        redb_cache::Error::from(undecodable).kind(),
        ErrorKind::Damaged
    );
    let undecodable = decode(Layout::L9, Table::Metadata, b"text").unwrap_err();
    assert_eq!(undecodable.to_string(), "metadata holds no records");
}

#[test]
fn damaged_rows_of_every_release_are_refused_or_read_but_never_panic() {
    for (release, layout) in RELEASES {
        for (table, key, bytes) in small_rows(release) {
            for end in 0..bytes.len() {
                let fits = decode(layout, table, &bytes[..end]);
                assert!(fits.is_err(), "{release} {table} {key} cut at {end}");
            }
            let longer = [bytes.as_slice(), &[0]].concat();
            assert!(
                decode(layout, table, &longer).is_err(),
                "{release} {table} {key}"
            );
            flip_bits(layout, table, bytes);
        }
    }
}

/// Three of each table.
fn small_rows(release: &str) -> impl Iterator<Item = (Table, String, Vec<u8>)> {
    let mut taken = HashMap::<Table, u32>::new();
    let rows = Fixture::of(release).rows().into_iter();
    rows.filter(|(_, _, bytes)| bytes.len() < 1024)
        .filter(move |(table, _, _)| {
            let count = taken.entry(*table).or_default();
            *count += 1;
            *count <= 3
        })
}

/// One bit a byte, each in its turn.
fn flip_bits(layout: Layout, table: Table, mut bytes: Vec<u8>) {
    for at in 0..bytes.len() {
        let bit = 1 << (at % 8);
        bytes[at] ^= bit;
        if let Ok(decoded) = decode(layout, table, &bytes) {
            decoded.record.encode().unwrap();
        }
        bytes[at] ^= bit;
    }
}
