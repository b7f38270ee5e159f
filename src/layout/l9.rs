//! do-memory 0.1.35 to 0.1.47: what the types of [`record`](crate::cache::record) derive.

use super::{Era, Layout, Reading};
use crate::cache::Table;
use crate::cache::record::{
    Embedding, Episode, EpisodePatternRelationship, EpisodeRelationship, EpisodeSummary, Heuristic,
    Misfit, Pattern, ProceduralMemory, RecommendationFeedback, RecommendationSession, Record,
    Stored, whole,
};

pub(super) const ERA: Era = Era {
    layout: Layout::L9,
    read,
};

fn read(table: Table, bytes: &[u8]) -> Reading {
    let record = match table {
        Table::Episodes => row::<Episode>(bytes),
        Table::Patterns => row::<Pattern>(bytes),
        Table::Heuristics => row::<Heuristic>(bytes),
        Table::Embeddings => row::<Embedding>(bytes),
        Table::Summaries => row::<EpisodeSummary>(bytes),
        Table::Relationships => row::<EpisodeRelationship>(bytes),
        Table::EpisodePatternRelationships => row::<EpisodePatternRelationship>(bytes),
        Table::Procedural => row::<ProceduralMemory>(bytes),
        Table::RecommendationSessions => row::<RecommendationSession>(bytes),
        Table::RecommendationFeedback => row::<RecommendationFeedback>(bytes),
        Table::Metadata
        | Table::RecommendationEpisodeIndex
        | Table::EpisodeRevisions
        | Table::SchemaVersion => return None,
    };
    Some(record)
}

fn row<T: Stored + Into<Record>>(bytes: &[u8]) -> Result<Record, Misfit> {
    whole::<T>(bytes).map(Into::into)
}
