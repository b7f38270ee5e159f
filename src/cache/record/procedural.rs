//! A procedure: a heuristic worked out into steps.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{PatternEffectiveness, Stored, TaskContext};
use crate::cache::Table;

/// A skill as a list of steps. Row of [`Table::Procedural`] under its `id`, since do-memory 0.1.32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProceduralMemory {
    /// Identifies the procedure; its key in the cache.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// What it achieves.
    pub description: String,
    /// Where it applies.
    pub context: TaskContext,
    /// What to do.
    pub steps: Vec<PlaybookStep>,
    /// What its use has brought.
    pub effectiveness: PatternEffectiveness,
    /// The episodes that it was learned from.
    pub source_episodes: Vec<Uuid>,
    /// The patterns that it was learned from.
    pub source_patterns: Vec<Uuid>,
    /// When it was made.
    #[serde(with = "super::time")]
    pub created_at: DateTime<Utc>,
    /// When it last changed or was used.
    #[serde(with = "super::time")]
    pub updated_at: DateTime<Utc>,
}

impl ProceduralMemory {
    /// A procedure made now, with a random id and without steps.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        context: TaskContext,
    ) -> Self {
        let now = Utc::now();
        Self {
            id: Uuid::new_v4(),
            name: name.into(),
            description: description.into(),
            context,
            steps: Vec::new(),
            effectiveness: PatternEffectiveness::unused_since(now),
            source_episodes: Vec::new(),
            source_patterns: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }
}

impl Stored for ProceduralMemory {
    const TABLE: Table = Table::Procedural;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        Some(self.updated_at)
    }
}

/// One step of a procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaybookStep {
    /// Its place, from 1.
    pub order: u64,
    /// What to do.
    pub action: String,
    /// The tool to do it with.
    pub tool_hint: Option<String>,
    /// What should come of it.
    pub expected_result: Option<String>,
}
