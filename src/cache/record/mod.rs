//! The records of a cache: the types of do-memory 0.1.35 to 0.1.47, under upstream's names.
//!
//! The fields stand in the order of their bytes, so one derive gives both shapes of upstream: the
//! postcard bytes of a row and the JSON of an export. Maps are `BTreeMap`s, where upstream's are
//! in random order: the same value always has the same bytes here. Counts are `u64`, upstream's
//! `usize`, which postcard writes alike.

mod codec;
mod episode;
mod heuristic;
mod outcome;
mod pattern;
mod procedural;
mod recommendation;
mod relationship;
mod summary;
mod task;
pub(crate) mod time;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use codec::{Misfit, decode, encode};
pub(crate) use codec::{prefix, whole, with_encoded};
pub use episode::{CheckpointMeta, Episode, ExecutionResult, ExecutionStep};
pub use heuristic::{Evidence, Heuristic};
pub use outcome::{
    ApplicationOutcome, PatternApplication, Reflection, RewardScore, SalientFeatures, TaskOutcome,
};
pub use pattern::{OutcomeStats, Pattern, PatternEffectiveness};
pub use procedural::{PlaybookStep, ProceduralMemory};
pub use recommendation::{RecommendationFeedback, RecommendationSession};
pub use relationship::{
    EpisodePatternRelationship, EpisodeRelationship, RelationshipMetadata, RelationshipType,
};
pub use summary::EpisodeSummary;
pub use task::{ComplexityLevel, TaskContext, TaskType};

use super::Table;
use crate::error::Result;

/// A row of [`Table::Embeddings`]: the vector and nothing else. Its key names what it stands for.
pub type Embedding = Vec<f32>;

/// A type whose values are the rows of one table.
pub trait Stored: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The table of these rows.
    const TABLE: Table;

    /// The newest time inside the value that says when it was made or changed; `None` where it
    /// holds none.
    fn changed_at(&self) -> Option<DateTime<Utc>>;
}

impl<T: Stored> Stored for Box<T> {
    const TABLE: Table = T::TABLE;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        T::changed_at(self)
    }
}

impl Stored for Embedding {
    const TABLE: Table = Table::Embeddings;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        None
    }
}

/// A row of any table that [holds records](Table::holds_records), whichever layout it was read
/// from.
///
/// It serializes as the value alone, in upstream's JSON shape. JSON has no NaN and no infinity:
/// such a float is written as `null`, so an export shows where it was but cannot give it back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Record {
    /// A row of [`Table::Episodes`].
    Episode(Box<Episode>),
    /// A row of [`Table::Patterns`].
    Pattern(Box<Pattern>),
    /// A row of [`Table::Heuristics`].
    Heuristic(Heuristic),
    /// A row of [`Table::Embeddings`].
    Embedding(Embedding),
    /// A row of [`Table::Summaries`].
    Summary(EpisodeSummary),
    /// A row of [`Table::Relationships`].
    Relationship(EpisodeRelationship),
    /// A row of [`Table::EpisodePatternRelationships`].
    EpisodePatternRelationship(EpisodePatternRelationship),
    /// A row of [`Table::Procedural`].
    Procedural(Box<ProceduralMemory>),
    /// A row of [`Table::RecommendationSessions`].
    Session(RecommendationSession),
    /// A row of [`Table::RecommendationFeedback`].
    Feedback(RecommendationFeedback),
}

/// Reads the rows of one table.
pub(crate) type RowReader = fn(&[u8]) -> Result<Record, Misfit>;

/// Evaluates `$body` with `$value` being what the record holds, a [`Stored`] in every variant.
macro_rules! with_value {
    ($record:expr, $value:ident => $body:expr) => {
        match $record {
            Record::Episode($value) => $body,
            Record::Pattern($value) => $body,
            Record::Heuristic($value) => $body,
            Record::Embedding($value) => $body,
            Record::Summary($value) => $body,
            Record::Relationship($value) => $body,
            Record::EpisodePatternRelationship($value) => $body,
            Record::Procedural($value) => $body,
            Record::Session($value) => $body,
            Record::Feedback($value) => $body,
        }
    };
}

impl Record {
    /// The table that it is a row of.
    #[must_use]
    pub fn table(&self) -> Table {
        fn table_of<T: Stored>(_: &T) -> Table {
            T::TABLE
        }
        with_value!(self, value => table_of(value))
    }

    /// [`Stored::changed_at`].
    #[must_use]
    pub fn changed_at(&self) -> Option<DateTime<Utc>> {
        with_value!(self, value => Stored::changed_at(value))
    }

    /// A row of `table` as do-memory 0.1.35 to 0.1.47 and this crate write it; `None` where the
    /// table holds no records.
    ///
    /// # Errors
    /// Where the bytes stop being such a row.
    #[must_use]
    pub fn decode(table: Table, bytes: &[u8]) -> Option<Result<Self, Misfit>> {
        Self::reader(table).map(|read| read(bytes))
    }

    /// What reads the rows of `table` as [`decode`](Self::decode) does.
    pub(crate) fn reader(table: Table) -> Option<RowReader> {
        fn row<T: Stored + Into<Record>>(bytes: &[u8]) -> Result<Record, Misfit> {
            whole::<T>(bytes).map(Into::into)
        }
        Some(match table {
            Table::Episodes => row::<Episode>,
            Table::Patterns => row::<Pattern>,
            Table::Heuristics => row::<Heuristic>,
            Table::Embeddings => row::<Embedding>,
            Table::Summaries => row::<EpisodeSummary>,
            Table::Relationships => row::<EpisodeRelationship>,
            Table::EpisodePatternRelationships => row::<EpisodePatternRelationship>,
            Table::Procedural => row::<ProceduralMemory>,
            Table::RecommendationSessions => row::<RecommendationSession>,
            Table::RecommendationFeedback => row::<RecommendationFeedback>,
            Table::Metadata
            | Table::RecommendationEpisodeIndex
            | Table::EpisodeRevisions
            | Table::SchemaVersion => return None,
        })
    }

    /// [`encode`].
    ///
    /// # Errors
    /// As [`encode`].
    pub fn encode(&self) -> Result<Vec<u8>> {
        with_value!(self, value => encode(value))
    }
}

/// `Record::$variant` from what it holds.
macro_rules! record_from {
    ($($type:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$type> for Record {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })+
    };
}

record_from! {
    Episode => Episode,
    Pattern => Pattern,
    Heuristic => Heuristic,
    Embedding => Embedding,
    EpisodeSummary => Summary,
    EpisodeRelationship => Relationship,
    EpisodePatternRelationship => EpisodePatternRelationship,
    ProceduralMemory => Procedural,
    RecommendationSession => Session,
    RecommendationFeedback => Feedback,
}
