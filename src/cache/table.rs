//! The tables that do-memory keeps in a cache file, and what may happen to their rows.

use serde::{Serialize, Serializer};

/// A table of do-memory. Any other table in a file is a user's and is carried along untouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Table {
    /// Episode id -> episode; the default table.
    Episodes,
    /// Pattern id -> pattern.
    Patterns,
    /// Heuristic id -> heuristic.
    Heuristics,
    /// The caller's string, `episode_<uuid>` or `pattern_<uuid>` -> vector of `f32`.
    Embeddings,
    /// The caller's string -> raw UTF-8.
    Metadata,
    /// Episode id -> summary.
    Summaries,
    /// Relationship id -> relationship between two episodes.
    Relationships,
    /// Relationship id -> relationship between an episode and a pattern.
    EpisodePatternRelationships,
    /// Session id -> what was recommended.
    RecommendationSessions,
    /// Session id -> what came of it.
    RecommendationFeedback,
    /// Episode id -> its newest session, text.
    RecommendationEpisodeIndex,
    /// Procedure id -> procedural memory.
    Procedural,
    /// Episode id -> modification time in milliseconds since the epoch, `i64`.
    EpisodeRevisions,
    /// `version` -> `u64`.
    SchemaVersion,
}

impl Table {
    /// Every table, in the order in which reports list them.
    pub const ALL: [Self; 14] = [
        Self::Episodes,
        Self::Patterns,
        Self::Heuristics,
        Self::Embeddings,
        Self::Summaries,
        Self::Relationships,
        Self::EpisodePatternRelationships,
        Self::Procedural,
        Self::RecommendationSessions,
        Self::RecommendationFeedback,
        Self::RecommendationEpisodeIndex,
        Self::EpisodeRevisions,
        Self::Metadata,
        Self::SchemaVersion,
    ];

    /// The table's name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Episodes => "episodes",
            Self::Patterns => "patterns",
            Self::Heuristics => "heuristics",
            Self::Embeddings => "embeddings",
            Self::Metadata => "metadata",
            Self::Summaries => "summaries",
            Self::Relationships => "relationships",
            Self::EpisodePatternRelationships => "episode_pattern_relationships",
            Self::RecommendationSessions => "recommendation_sessions",
            Self::RecommendationFeedback => "recommendation_feedback",
            Self::RecommendationEpisodeIndex => "recommendation_episode_index",
            Self::Procedural => "procedural",
            Self::EpisodeRevisions => "episode_revisions",
            Self::SchemaVersion => "schema_version",
        }
    }

    /// The table of that name, if it is one of do-memory's.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The number that stands for the table in the keys of our own tables. Part of the file format.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Episodes => 1,
            Self::Patterns => 2,
            Self::Heuristics => 3,
            Self::Embeddings => 4,
            Self::Metadata => 5,
            Self::Summaries => 6,
            Self::Relationships => 7,
            Self::EpisodePatternRelationships => 8,
            Self::RecommendationSessions => 9,
            Self::RecommendationFeedback => 10,
            Self::RecommendationEpisodeIndex => 11,
            Self::Procedural => 12,
            Self::EpisodeRevisions => 13,
            Self::SchemaVersion => 14,
        }
    }

    /// The table of that number.
    #[must_use]
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.id() == id)
    }

    /// Whether rows of this table expire and are evicted: only those that a rebuild from the
    /// durable store brings back.
    #[must_use]
    pub const fn expires(self) -> bool {
        matches!(
            self,
            Self::Episodes
                | Self::Patterns
                | Self::Heuristics
                | Self::Embeddings
                | Self::Summaries
                | Self::Relationships
                | Self::EpisodePatternRelationships
        )
    }

    /// Whether the values are encoded records, `&[u8]`, so that an [`Entry`](super::Entry) is kept
    /// for each and they may be compressed.
    #[must_use]
    pub const fn holds_records(self) -> bool {
        self.expires()
            || matches!(
                self,
                Self::RecommendationSessions | Self::RecommendationFeedback | Self::Procedural
            )
    }
}

/// The rows that go with an episode: its embedding and its summary.
#[must_use]
pub fn dependents(episode: &str) -> [(Table, String); 2] {
    [
        (Table::Embeddings, format!("episode_{episode}")),
        (Table::Summaries, episode.to_owned()),
    ]
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_found_by_its_name_and_its_number_alone() {
        for table in Table::ALL {
            assert_eq!(Table::from_name(table.name()), Some(table));
            assert_eq!(Table::from_id(table.id()), Some(table));
        }
        assert_eq!(Table::from_name("user_table"), None);
        assert_eq!(Table::from_id(0), None);
    }
}
