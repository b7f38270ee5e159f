//! What a cache must hold: rows by table and key, in do-memory 0.1.47's JSON shape.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Rows of one table by key.
pub type Rows = BTreeMap<String, Value>;

/// The tables that do-memory-storage-redb lets its users write.
///
/// `episode_revisions`, `recommendation_episode_index` and `schema_version` are missing: the library keeps them itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Task executions.
    Episodes,
    /// What was learned from several episodes.
    Patterns,
    /// Condition and action rules.
    Heuristics,
    /// Vectors under a string of the caller.
    Embeddings,
    /// Strings under a string of the caller.
    Metadata,
    /// One summary an episode, under the episode's id.
    Summaries,
    /// Edges between episodes.
    Relationships,
    /// Edges from an episode to a pattern.
    EpisodePatternRelationships,
    /// What was recommended for an episode.
    RecommendationSessions,
    /// What came of a recommendation, under the session's id.
    RecommendationFeedback,
    /// Skills with their steps.
    Procedural,
}

impl Table {
    /// Every table, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Episodes,
        Self::Patterns,
        Self::Heuristics,
        Self::Embeddings,
        Self::Metadata,
        Self::Summaries,
        Self::Relationships,
        Self::EpisodePatternRelationships,
        Self::RecommendationSessions,
        Self::RecommendationFeedback,
        Self::Procedural,
    ];

    /// The name of the table in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
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
            Self::Procedural => "procedural",
        }
    }

    /// The id inside a value, which is also its key; `None` where the caller chooses the key.
    #[must_use]
    pub fn id_of(self, value: &Value) -> Option<&str> {
        let field = match self {
            Self::Embeddings | Self::Metadata => return None,
            Self::Episodes | Self::Summaries => "episode_id",
            Self::Heuristics => "heuristic_id",
            Self::RecommendationSessions | Self::RecommendationFeedback => "session_id",
            Self::Patterns
            | Self::Relationships
            | Self::EpisodePatternRelationships
            | Self::Procedural => "id",
        };
        let body = match self {
            // {"tool_sequence": {"id": …}}
            Self::Patterns => value.as_object()?.values().next()?,
            _ => value,
        };
        body.get(field)?.as_str()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Table {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|table| table.name() == name);
        known.with_context(|| {
            format!("{name:?} is not a table that do-memory-storage-redb can be asked for")
        })
    }
}

/// The rows that a cache must hold.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    tables: BTreeMap<Table, Rows>,
}

impl Truth {
    /// Reads a truth file: `{table: {key: value}}`.
    ///
    /// # Errors
    /// When the file cannot be read, or holds a table that do-memory-storage-redb has no calls for.
    pub fn load(path: &Path) -> Result<Self> {
        let file = File::open(path)
            .with_context(|| format!("cannot open the truth {}", path.display()))?;
        let named: BTreeMap<String, Rows> = serde_json::from_reader(BufReader::new(file))
            .with_context(|| format!("{} is not a truth file", path.display()))?;
        let tables = named
            .into_iter()
            .map(|(name, rows)| Ok((name.parse()?, rows)));
        Ok(Self {
            tables: tables.collect::<Result<_>>()?,
        })
    }

    /// The truth that these rows are.
    #[must_use]
    pub fn of(tables: impl IntoIterator<Item = (Table, Rows)>) -> Self {
        Self {
            tables: tables.into_iter().collect(),
        }
    }

    /// The rows of one table; none when the truth does not mention it.
    #[must_use]
    pub fn rows(&self, table: Table) -> &Rows {
        static NONE: Rows = Rows::new();
        self.tables.get(&table).unwrap_or(&NONE)
    }

    /// The number of rows in all tables.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.values().map(Rows::len).sum()
    }

    /// Whether there is no row at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Demands that every row can be stored: do-memory derives most keys from the value.
    ///
    /// # Errors
    /// Names the first row whose key is not the id inside its value.
    pub fn demand_storable(&self) -> Result<()> {
        for (table, rows) in &self.tables {
            for (key, value) in rows {
                let id = table.id_of(value);
                let by_caller = matches!(table, Table::Embeddings | Table::Metadata);
                if !by_caller && id != Some(key) {
                    bail!(
                        "{table} {key}: the id inside the value is {id:?}, do-memory would store it under that"
                    );
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn every_table_is_found_by_its_own_name() {
        for table in Table::ALL {
            assert_eq!(table.name().parse::<Table>().unwrap(), table);
        }
        assert!("schema_version".parse::<Table>().is_err());
    }
}
