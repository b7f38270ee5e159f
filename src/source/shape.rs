//! The tables of the durable store, and which of the cache they fill.

use crate::cache::Table;

/// A table of the durable store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Episodes with their tags, checkpoints and revision.
    Episodes,
    /// Patterns.
    Patterns,
    /// Heuristics.
    Heuristics,
    /// Vectors, in the table of that number in `EMBEDDING_TABLES`.
    Embeddings(u8),
    /// Summaries.
    Summaries,
    /// Relationships between episodes.
    Relationships,
    /// Relationships between an episode and a pattern.
    EpisodePatternRelationships,
    /// Procedural memory.
    Procedural,
    /// Recommendation sessions.
    Sessions,
    /// What came of them.
    Feedback,
    /// Facts that an agent keeps.
    Metadata,
}

/// Where vectors may be, in the order in which do-memory looks for one: the first hit counts.
pub(super) const EMBEDDING_TABLES: [&str; 6] = [
    "embeddings_1536",
    "embeddings_384",
    "embeddings_1024",
    "embeddings_3072",
    "embeddings_other",
    "embeddings",
];

/// What is asked of a table. In the expressions, `t` is the table.
pub(super) struct Shape {
    pub(super) table: &'static str,
    /// The column by which pages are turned: unique, and text.
    pub(super) key: &'static str,
    /// Columns that every release has.
    pub(super) columns: &'static [&'static str],
    /// Columns that some releases have.
    pub(super) later: &'static [&'static str],
    /// Columns that are computed: a name, an expression, and the table that it needs besides.
    pub(super) computed: &'static [(&'static str, &'static str, &'static str)],
    /// Ids of episodes without which a row is not wanted; NULL is wanted in any case.
    pub(super) episodes: &'static [&'static str],
}

impl Kind {
    /// Every table that a store may have, episodes first.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Episodes, Self::Patterns, Self::Heuristics]
            .into_iter()
            .chain(
                (0..EMBEDDING_TABLES.len())
                    .filter_map(|at| Some(Self::Embeddings(at.try_into().ok()?))),
            )
            .chain([
                Self::Summaries,
                Self::Relationships,
                Self::EpisodePatternRelationships,
                Self::Procedural,
                Self::Sessions,
                Self::Feedback,
                Self::Metadata,
            ])
    }

    /// The table's name in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.shape().table
    }

    /// The table of the cache that its rows go to.
    #[must_use]
    pub const fn table(self) -> Table {
        match self {
            Self::Episodes => Table::Episodes,
            Self::Patterns => Table::Patterns,
            Self::Heuristics => Table::Heuristics,
            Self::Embeddings(_) => Table::Embeddings,
            Self::Summaries => Table::Summaries,
            Self::Relationships => Table::Relationships,
            Self::EpisodePatternRelationships => Table::EpisodePatternRelationships,
            Self::Procedural => Table::Procedural,
            Self::Sessions => Table::RecommendationSessions,
            Self::Feedback => Table::RecommendationFeedback,
            Self::Metadata => Table::Metadata,
        }
    }

    /// Whether its rows come in the order of their keys in the cache.
    #[must_use]
    pub const fn is_in_order(self) -> bool {
        !matches!(self, Self::Embeddings(_))
    }

    pub(super) fn shape(self) -> Shape {
        match self {
            Self::Episodes => EPISODES,
            Self::Patterns => plain("patterns", "pattern_id", &["pattern_type", "pattern_data"]),
            Self::Heuristics => plain("heuristics", "heuristic_id", HEURISTIC),
            Self::Embeddings(at) => Shape {
                table: EMBEDDING_TABLES
                    .get(usize::from(at))
                    .copied()
                    .unwrap_or("embeddings"),
                ..EMBEDDINGS
            },
            Self::Summaries => SUMMARIES,
            Self::Relationships => RELATIONSHIPS,
            Self::EpisodePatternRelationships => EPISODE_PATTERNS,
            Self::Procedural => plain("procedural_memory", "procedural_id", PROCEDURAL),
            Self::Sessions => plain("recommendation_sessions", "session_id", &["payload"]),
            Self::Feedback => plain("recommendation_feedback", "session_id", &["payload"]),
            Self::Metadata => plain("metadata", "key", &["value"]),
        }
    }
}

const fn plain(table: &'static str, key: &'static str, columns: &'static [&'static str]) -> Shape {
    Shape {
        table,
        key,
        columns,
        later: &[],
        computed: &[],
        episodes: &[],
    }
}

const HEURISTIC: &[&str] = &[
    "condition_text",
    "action_text",
    "confidence",
    "evidence",
    "created_at",
    "updated_at",
];

const PROCEDURAL: &[&str] = &[
    "name",
    "description",
    "context",
    "steps",
    "effectiveness",
    "source_episodes",
    "source_patterns",
    "created_at",
    "updated_at",
];

const EPISODES: Shape = Shape {
    table: "episodes",
    key: "episode_id",
    columns: &[
        "task_type",
        "task_description",
        "context",
        "start_time",
        "end_time",
        "steps",
        "outcome",
        "reward",
        "reflection",
        "patterns",
        "heuristics",
        "metadata",
    ],
    later: &["checkpoints"],
    computed: &[
        // In hexadecimal, so that no tag can be taken for two.
        (
            "tags",
            "(SELECT group_concat(hex(g.tag)) FROM \
             (SELECT tag FROM episode_tags WHERE episode_id = t.episode_id ORDER BY tag) g)",
            "episode_tags",
        ),
        (
            "revision",
            "(SELECT modified_at_ms FROM episode_revisions WHERE episode_id = t.episode_id)",
            "episode_revisions",
        ),
    ],
    episodes: &["t.episode_id"],
};

const EMBEDDINGS: Shape = Shape {
    table: "embeddings",
    key: "embedding_id",
    columns: &["item_id", "item_type", "embedding_data"],
    later: &["embedding_vector"],
    computed: &[],
    episodes: &["CASE WHEN t.item_type = 'episode' THEN t.item_id \
        WHEN t.item_type IN ('embedding', 'unknown') AND substr(t.item_id, 1, 8) = 'episode_' \
        THEN substr(t.item_id, 9) END"],
};

const SUMMARIES: Shape = Shape {
    table: "episode_summaries",
    key: "episode_id",
    columns: &[
        "summary_text",
        "key_concepts",
        "key_steps",
        "summary_embedding",
        "created_at",
    ],
    later: &[],
    computed: &[(
        "summary_embedding_type",
        "typeof(t.summary_embedding)",
        "episode_summaries",
    )],
    episodes: &["t.episode_id"],
};

const RELATIONSHIPS: Shape = Shape {
    table: "episode_relationships",
    key: "relationship_id",
    columns: &[
        "from_episode_id",
        "to_episode_id",
        "relationship_type",
        "reason",
        "created_by",
        "priority",
        "metadata",
        "created_at",
    ],
    later: &["weight"],
    computed: &[],
    episodes: &["t.from_episode_id", "t.to_episode_id"],
};

const EPISODE_PATTERNS: Shape = Shape {
    table: "episode_pattern_relationships",
    key: "relationship_id",
    columns: &[
        "episode_id",
        "pattern_id",
        "relationship_type",
        "metadata",
        "created_at",
    ],
    later: &["weight"],
    computed: &[],
    episodes: &["t.episode_id"],
};
