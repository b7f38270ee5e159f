//! What was recommended to an agent and what came of it. Since do-memory 0.1.23.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Stored, TaskOutcome};
use crate::cache::Table;

/// What was recommended at one time. Row of [`Table::RecommendationSessions`] under its
/// `session_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecommendationSession {
    /// Identifies the session; its key in the cache.
    pub session_id: Uuid,
    /// The episode that it was recommended for.
    pub episode_id: Uuid,
    /// When.
    #[serde(with = "super::time")]
    pub timestamp: DateTime<Utc>,
    /// The patterns recommended; mostly ids, though upstream asks for text only.
    pub recommended_pattern_ids: Vec<String>,
    /// The procedures recommended.
    pub recommended_playbook_ids: Vec<Uuid>,
}

impl Stored for RecommendationSession {
    const TABLE: Table = Table::RecommendationSessions;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        Some(self.timestamp)
    }
}

/// What came of a session. Row of [`Table::RecommendationFeedback`] under its `session_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecommendationFeedback {
    /// The session; the key in the cache.
    pub session_id: Uuid,
    /// The recommended patterns that were applied.
    pub applied_pattern_ids: Vec<String>,
    /// The episodes that were looked at.
    pub consulted_episode_ids: Vec<Uuid>,
    /// How the task ended.
    pub outcome: TaskOutcome,
    /// How good the agent found the recommendation, 0 to 1.
    pub agent_rating: Option<f32>,
}

impl Stored for RecommendationFeedback {
    const TABLE: Table = Table::RecommendationFeedback;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        None
    }
}
