//! A pattern: what several episodes have in common.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Stored, TaskContext};
use crate::cache::Table;

/// What several episodes have in common. Row of [`Table::Patterns`] under its `id`.
///
/// JSON names the variant in snake case around the fields, as `{"tool_sequence": {…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Tools that work well one after the other.
    ToolSequence {
        /// Identifies the pattern; its key in the cache.
        id: Uuid,
        /// The tools, in order.
        tools: Vec<String>,
        /// Where it was seen.
        context: TaskContext,
        /// How often it went well, 0 to 1.
        success_rate: f32,
        /// How long it takes. Postcard and JSON write whole seconds and the nanoseconds above
        /// them: -1 ms is `[-1, 999000000]`.
        avg_latency: TimeDelta,
        /// How often it was seen.
        occurrence_count: u64,
        /// What its use has brought.
        #[serde(default)]
        effectiveness: PatternEffectiveness,
    },
    /// A choice and what came of it.
    DecisionPoint {
        /// Identifies the pattern; its key in the cache.
        id: Uuid,
        /// When the choice comes up.
        condition: String,
        /// What was chosen.
        action: String,
        /// What came of it.
        outcome_stats: OutcomeStats,
        /// Where it was seen.
        context: TaskContext,
        /// What its use has brought.
        #[serde(default)]
        effectiveness: PatternEffectiveness,
    },
    /// An error and what overcomes it.
    ErrorRecovery {
        /// Identifies the pattern; its key in the cache.
        id: Uuid,
        /// The kind of error.
        error_type: String,
        /// What overcomes it, in order.
        recovery_steps: Vec<String>,
        /// How often it went well, 0 to 1.
        success_rate: f32,
        /// Where it was seen.
        context: TaskContext,
        /// What its use has brought.
        #[serde(default)]
        effectiveness: PatternEffectiveness,
    },
    /// Circumstances and what suits them.
    ContextPattern {
        /// Identifies the pattern; its key in the cache.
        id: Uuid,
        /// The circumstances, as `lang:rust`.
        context_features: Vec<String>,
        /// What suits them.
        recommended_approach: String,
        /// The episodes that speak for it.
        evidence: Vec<Uuid>,
        /// How often it went well, 0 to 1.
        success_rate: f32,
        /// What its use has brought.
        #[serde(default)]
        effectiveness: PatternEffectiveness,
    },
}

impl Pattern {
    /// Identifies the pattern; its key in the cache.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::ToolSequence { id, .. }
            | Self::DecisionPoint { id, .. }
            | Self::ErrorRecovery { id, .. }
            | Self::ContextPattern { id, .. } => *id,
        }
    }

    /// What its use has brought.
    #[must_use]
    pub fn effectiveness(&self) -> &PatternEffectiveness {
        match self {
            Self::ToolSequence { effectiveness, .. }
            | Self::DecisionPoint { effectiveness, .. }
            | Self::ErrorRecovery { effectiveness, .. }
            | Self::ContextPattern { effectiveness, .. } => effectiveness,
        }
    }

    /// The same, to be changed.
    pub fn effectiveness_mut(&mut self) -> &mut PatternEffectiveness {
        match self {
            Self::ToolSequence { effectiveness, .. }
            | Self::DecisionPoint { effectiveness, .. }
            | Self::ErrorRecovery { effectiveness, .. }
            | Self::ContextPattern { effectiveness, .. } => effectiveness,
        }
    }
}

impl Stored for Pattern {
    const TABLE: Table = Table::Patterns;

    /// When it was last used, which changes its effectiveness, or made.
    fn changed_at(&self) -> Option<DateTime<Utc>> {
        let effectiveness = self.effectiveness();
        Some(effectiveness.last_used.max(effectiveness.created_at))
    }
}

/// What came of a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OutcomeStats {
    /// How often it went well.
    pub success_count: u64,
    /// How often it did not.
    pub failure_count: u64,
    /// How often it was seen.
    pub total_count: u64,
    /// How long it took, in seconds.
    pub avg_duration_secs: f32,
}

/// What the use of a pattern or procedure has brought. Since do-memory 0.1.8.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PatternEffectiveness {
    /// How often it was found.
    pub times_retrieved: u64,
    /// How often it was applied.
    pub times_applied: u64,
    /// How often that went well.
    pub success_when_applied: u64,
    /// How often it did not.
    pub failure_when_applied: u64,
    /// By how much it changed the reward in the mean.
    pub avg_reward_delta: f32,
    /// When it was last applied; before the first time, when it was made.
    #[serde(with = "super::time")]
    pub last_used: DateTime<Utc>,
    /// When it was made.
    #[serde(with = "super::time")]
    pub created_at: DateTime<Utc>,
}

impl PatternEffectiveness {
    /// That of something made at `at` and not used yet.
    #[must_use]
    pub fn unused_since(at: DateTime<Utc>) -> Self {
        Self {
            times_retrieved: 0,
            times_applied: 0,
            success_when_applied: 0,
            failure_when_applied: 0,
            avg_reward_delta: 0.0,
            last_used: at,
            created_at: at,
        }
    }
}

impl Default for PatternEffectiveness {
    /// That of something made now.
    fn default() -> Self {
        Self::unused_since(Utc::now())
    }
}
