//! The rows of every layout as its releases wrote them, from the description of the layouts and
//! with the real codecs. Nothing of the library is used but to say what a migration should make
//! of a row.

pub mod any;
mod episode;
mod number;
mod order;
mod parts;
mod pattern;
mod rest;

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use redb_cache::cache::Table;
use redb_cache::cache::record::{PatternEffectiveness, Record};
use redb_cache::layout::{Codec, Layout};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use any::{Any, Shape};
use episode::{Episode1, Episode2, Episode3, Episode4, Step};
pub use number::value_of;
use parts::{Checkpoint1, Checkpoint2, Map, OldOutcome, Outcome, Reward1, Reward2, Reward3};
use pattern::{Pattern1, Pattern2, Pattern3};
use rest::{
    Feedback, Heuristic, Metadata1, Metadata2, PatternRelationship, Procedural, Relationship,
    Session, Summary,
};

pub const LAYOUTS: [Layout; 9] = [
    Layout::L1,
    Layout::L2,
    Layout::L3,
    Layout::L4,
    Layout::L5,
    Layout::L6,
    Layout::L7,
    Layout::L8,
    Layout::L9,
];

/// Where an expected record would hold the time of its migration.
const UNKNOWN_TIME: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// A type whose values were the rows of a table.
trait Row: Any + Serialize + DeserializeOwned {
    /// What a migration makes of it.
    fn expected(self) -> Record;

    /// Its maps, in the order of their bytes.
    fn maps(&mut self) -> Vec<&mut Map> {
        Vec::new()
    }

    /// The values in it that are written without their types.
    fn untagged(&self) -> Vec<Value> {
        Vec::new()
    }
}

/// A row, and what it means.
#[derive(Clone, Debug)]
pub struct Written {
    pub layout: Layout,
    pub bytes: Vec<u8>,
    pub expected: Record,
    /// The parameters of its steps, where they are written without their types.
    pub untagged: Vec<Value>,
}

impl Written {
    fn new<T: Row>(layout: Layout, value: T) -> Self {
        Self {
            layout,
            bytes: encode(layout.codec(), &value),
            untagged: value.untagged(),
            expected: value.expected(),
        }
    }

    pub fn table(&self) -> Table {
        self.expected.table()
    }

    /// What is expected, with the time of the migration as `record` has it.
    pub fn expected_beside(&self, record: &Record) -> Record {
        let mut expected = self.expected.clone();
        if let (Record::Pattern(expected), Record::Pattern(actual)) = (&mut expected, record)
            && let unused = PatternEffectiveness::unused_since(UNKNOWN_TIME)
            && *expected.effectiveness() == unused
        {
            let at = actual.effectiveness().created_at;
            let age = Utc::now() - at;
            assert!((0..600).contains(&age.num_seconds()), "made {at}");
            *effectiveness_of(expected) = PatternEffectiveness::unused_since(at);
        }
        expected
    }
}

fn effectiveness_of(pattern: &mut redb_cache::cache::record::Pattern) -> &mut PatternEffectiveness {
    use redb_cache::cache::record::Pattern::*;
    match pattern {
        ToolSequence { effectiveness, .. }
        | DecisionPoint { effectiveness, .. }
        | ErrorRecovery { effectiveness, .. }
        | ContextPattern { effectiveness, .. } => effectiveness,
    }
}

/// The bytes that a release with that codec writes.
pub fn encode(codec: Codec, value: &impl Serialize) -> Vec<u8> {
    match codec {
        Codec::Bincode => bincode::serialize(value).unwrap(),
        Codec::Postcard => postcard::to_allocvec(value).unwrap(),
    }
}

/// The bytes of one step, whose parameters carry no types.
pub fn encode_step(codec: Codec, json: Value) -> Vec<u8> {
    encode(codec, &serde_json::from_value::<Step<Value>>(json).unwrap())
}

/// What writes the rows of one table in one layout.
pub struct Writer {
    pub layout: Layout,
    again: fn(Codec, Value, &[u8]) -> serde_json::Result<Vec<u8>>,
    any: fn(Layout, Shape) -> BoxedStrategy<Written>,
}

impl Writer {
    fn of<T: Row>(layout: Layout) -> Self {
        Self {
            layout,
            again: |codec, json, row| {
                let mut value: T = serde_json::from_value(json)?;
                order::as_in(row, codec, value.maps());
                Ok(encode(codec, &value))
            },
            any: |layout, shape| {
                T::any(shape)
                    .prop_map(move |value| Written::new(layout, value))
                    .boxed()
            },
        }
    }

    /// The row of what `json` says in the shape of the release, its maps in the order of `row`.
    pub fn again(&self, json: &Value, row: &[u8]) -> Vec<u8> {
        (self.again)(self.layout.codec(), json.clone(), row).unwrap()
    }

    /// As [`Writer::again`]; `None` when no value of the layout has that JSON.
    pub fn try_again(&self, json: &Value, row: &[u8]) -> Option<Vec<u8>> {
        (self.again)(self.layout.codec(), json.clone(), row).ok()
    }

    /// Any row.
    pub fn any(&self, shape: Shape) -> BoxedStrategy<Written> {
        (self.any)(self.layout, shape)
    }
}

/// The writer of the rows of `table` in that layout; `None` where no release with the layout had
/// the table, or it holds no records.
pub fn writer(layout: Layout, table: Table) -> Option<Writer> {
    use Layout::*;
    type Untagged = Value;
    type Text = String;
    macro_rules! of {
        ($type:ty) => {
            Writer::of::<$type>(layout)
        };
    }
    Some(match (table, layout) {
        (Table::Episodes, L1 | L2) => of!(Episode1<Untagged, OldOutcome, Reward1>),
        (Table::Episodes, L3) => of!(Episode2<Untagged, OldOutcome, Reward1>),
        (Table::Episodes, L4) => of!(Episode3<Untagged, OldOutcome, Reward1>),
        (Table::Episodes, L5) => of!(Episode4<Untagged, OldOutcome, Reward1, Checkpoint1>),
        (Table::Episodes, L6) => of!(Episode4<Text, OldOutcome, Reward1, Checkpoint1>),
        (Table::Episodes, L7) => of!(Episode4<Text, Outcome, Reward2, Checkpoint1>),
        (Table::Episodes, L8 | L9) => of!(Episode4<Text, Outcome, Reward3, Checkpoint2>),
        (Table::Patterns, L1 | L2) => of!(Pattern1),
        (Table::Patterns, L3 | L4 | L5 | L6 | L7 | L8) => of!(Pattern2),
        (Table::Patterns, L9) => of!(Pattern3),
        (Table::Heuristics, _) => of!(Heuristic),
        (Table::Embeddings, _) => of!(Vec<f32>),
        (Table::Summaries, L3 | L4 | L5 | L6 | L7 | L8 | L9) => of!(Summary),
        (Table::Relationships, L4 | L5) => of!(Relationship<Metadata1>),
        (Table::Relationships, L6 | L7 | L8 | L9) => of!(Relationship<Metadata2>),
        (Table::RecommendationSessions, L5 | L6 | L7 | L8 | L9) => of!(Session),
        (Table::RecommendationFeedback, L5 | L6) => of!(Feedback<OldOutcome>),
        (Table::RecommendationFeedback, L7 | L8 | L9) => of!(Feedback<Outcome>),
        (Table::EpisodePatternRelationships, L6 | L7 | L8 | L9) => of!(PatternRelationship),
        (Table::Procedural, L6 | L7 | L8 | L9) => of!(Procedural),
        _ => return None,
    })
}
