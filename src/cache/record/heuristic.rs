//! A heuristic: a rule of thumb learned from episodes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Stored;
use crate::cache::Table;

/// When this, do that. Row of [`Table::Heuristics`] under its `heuristic_id`; its layout never
/// changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heuristic {
    /// Identifies the heuristic; its key in the cache.
    pub heuristic_id: Uuid,
    /// When it applies, in words or code.
    pub condition: String,
    /// What to do then.
    pub action: String,
    /// How far to trust it, 0 to 1.
    pub confidence: f32,
    /// What it rests on.
    pub evidence: Evidence,
    /// When it was made.
    #[serde(with = "super::time")]
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    #[serde(with = "super::time")]
    pub updated_at: DateTime<Utc>,
}

impl Heuristic {
    /// A heuristic made now, with a random id and without evidence.
    #[must_use]
    pub fn new(condition: impl Into<String>, action: impl Into<String>, confidence: f32) -> Self {
        let now = Utc::now();
        Self {
            heuristic_id: Uuid::new_v4(),
            condition: condition.into(),
            action: action.into(),
            confidence,
            evidence: Evidence::default(),
            created_at: now,
            updated_at: now,
        }
    }
}

impl Stored for Heuristic {
    const TABLE: Table = Table::Heuristics;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        Some(self.updated_at)
    }
}

/// What a heuristic rests on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The episodes that speak for it.
    pub episode_ids: Vec<Uuid>,
    /// How often it held, 0 to 1.
    pub success_rate: f32,
    /// How many episodes were looked at.
    pub sample_size: u64,
}
