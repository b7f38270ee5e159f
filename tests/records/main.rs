//! Records keep the bytes and the JSON of do-memory 0.1.47.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;
mod values;

use common::Fixture;
use proptest::prelude::*;
use redb_cache::cache::Table;
use redb_cache::cache::record::{
    Episode, Pattern, ProceduralMemory, RecommendationFeedback, RecommendationSession, Record,
    Stored, decode, encode,
};
use redb_cache::file::FileFormat;
use redb_cache::layout::{Layout, Origin, Survey, decode_as};

#[test]
fn rows_of_0_1_47_are_written_as_they_were_found() {
    let mut same = 0;
    for (table, key, bytes) in Fixture::of("0.1.47").rows() {
        let record = decode_as(Layout::L9, table, &bytes).unwrap();
        let again = record.encode().unwrap();
        assert_eq!(again.len(), bytes.len(), "{table} {key}");
        // The order of a map is upstream's dice.
        if longest_map(&record) < 2 {
            assert_eq!(again, bytes, "{table} {key}");
            same += 1;
        }
    }
    assert!(same > 60, "only {same} rows could be compared");
}

fn longest_map(record: &Record) -> usize {
    match record {
        Record::Episode(episode) => {
            let steps = episode.steps.iter().map(|step| step.metadata.len());
            steps.max().unwrap_or(0).max(episode.metadata.len())
        }
        Record::Relationship(relationship) => relationship.metadata.custom_fields.len(),
        Record::EpisodePatternRelationship(relationship) => {
            relationship.metadata.custom_fields.len()
        }
        _ => 0,
    }
}

#[test]
fn json_of_0_1_47_reads_back_to_the_row_it_describes() {
    fn check<T: Stored + Into<Record>>(key: &str, bytes: &[u8], json: &serde_json::Value) {
        let described: T = serde_json::from_value(json.clone()).unwrap();
        let stored: T = decode(bytes).unwrap();
        let (described, stored) = (described.into(), stored.into());
        assert_eq!(described, stored, "{} {key}", T::TABLE);
    }
    let fixture = Fixture::of("0.1.47");
    let truth = fixture.json("truth.json");
    for (table, key, bytes) in fixture.rows() {
        let json = &truth[table.name()][&key];
        match table {
            Table::Episodes => check::<Episode>(&key, &bytes, json),
            Table::Patterns => check::<Pattern>(&key, &bytes, json),
            Table::Procedural => check::<ProceduralMemory>(&key, &bytes, json),
            Table::RecommendationSessions => check::<RecommendationSession>(&key, &bytes, json),
            Table::RecommendationFeedback => check::<RecommendationFeedback>(&key, &bytes, json),
            _ => {}
        }
    }
}

/// Of a file of do-memory 0.1.22, so that every layout is tried.
fn survey() -> Survey {
    Survey::new(Origin {
        format: FileFormat::V3,
        schema: None,
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(record in values::record()) {
        let bytes = record.encode().unwrap();
        let again = decode_as(Layout::L9, record.table(), &bytes).unwrap();
        prop_assert_eq!(again, record);
    }

    #[test]
    fn a_changed_row_is_refused_or_read_but_never_panics(
        record in values::record(),
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
    ) {
        let mut bytes = record.encode().unwrap();
        let at = at.index(bytes.len());
        prop_assert!(decode_as(Layout::L9, record.table(), &bytes[..at]).is_err());
        bytes[at] = with;
        let _ = survey().decode(record.table(), &bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for table in Table::ALL {
            let _ = survey().decode(table, &bytes);
        }
    }
}

#[test]
fn a_float_that_json_does_not_know_is_null_there_and_kept_in_the_bytes() {
    let record = Record::from(vec![f32::INFINITY, 0.5]);
    assert_eq!(serde_json::to_string(&record).unwrap(), "[null,0.5]");
    let bytes = encode(&vec![f32::INFINITY, 0.5]).unwrap();
    assert_eq!(decode::<Vec<f32>>(&bytes).unwrap()[0], f32::INFINITY);
}
