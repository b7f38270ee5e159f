//! What came of an episode and what was thought of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How an episode ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TaskOutcome {
    /// Everything was reached.
    Success {
        /// What was reached.
        verdict: String,
        /// Files and other things made.
        artifacts: Vec<String>,
    },
    /// A part was reached.
    PartialSuccess {
        /// What was reached.
        verdict: String,
        /// What was completed.
        completed: Vec<String>,
        /// What was not.
        failed: Vec<String>,
    },
    /// Nothing was reached.
    Failure {
        /// Why.
        reason: String,
        /// Why, at length.
        error_details: Option<String>,
    },
    /// The agent found that going on had no prospect. Since do-memory 0.1.33.
    Abstained {
        /// Why.
        reason: String,
        /// The step at which it stopped.
        stopped_at_step: u64,
        /// What made it stop.
        infeasibility_signals: Vec<String>,
    },
}

/// How well an episode went. All parts have no unit; upstream weighs and multiplies them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardScore {
    /// The sum, mostly 0 to 2.
    pub total: f32,
    /// For the outcome alone: 1 success, 0.5 in part, 0 failure.
    pub base: f32,
    /// Factor for the speed, 0.5 to 1.5.
    pub efficiency: f32,
    /// Factor for the complexity, 1 to 1.3.
    pub complexity_bonus: f32,
    /// Factor for the quality, 0.8 to 1.2.
    pub quality_multiplier: f32,
    /// For what was learned, 0 to 0.5.
    pub learning_bonus: f32,
    /// For stopping in time, -0.5 to 0.5. Since do-memory 0.1.33.
    #[serde(default)]
    pub abstention_score: f32,
    /// Before normalization and decay. This and what follows since do-memory 0.1.34.
    #[serde(default)]
    pub raw_reward: f32,
    /// In relation to the domain's other episodes.
    #[serde(default)]
    pub normalized_reward: f32,
    /// After it has aged.
    #[serde(default)]
    pub decayed_reward: f32,
    /// What episodes are ranked by.
    #[serde(default)]
    pub effective_reward: f32,
}

/// What was thought of an episode afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reflection {
    /// What went well.
    pub successes: Vec<String>,
    /// What could go better.
    pub improvements: Vec<String>,
    /// What was learned.
    pub insights: Vec<String>,
    /// When this was thought.
    #[serde(with = "super::time")]
    pub generated_at: DateTime<Utc>,
}

/// The use of a pattern in an episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternApplication {
    /// The pattern.
    pub pattern_id: Uuid,
    /// The step at which it was applied.
    pub applied_at_step: u64,
    /// Whether it helped.
    pub outcome: ApplicationOutcome,
    /// What else there is to say.
    pub notes: Option<String>,
}

/// Whether a pattern helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ApplicationOutcome {
    /// It did.
    Helped,
    /// It changed nothing.
    NoEffect,
    /// It did harm.
    Hindered,
    /// Not known yet.
    Pending,
}

/// What stands out in an episode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SalientFeatures {
    /// Decisions that the rest depended on.
    pub critical_decisions: Vec<String>,
    /// Tools that worked well one after the other, two or more each.
    pub tool_combinations: Vec<Vec<String>>,
    /// Errors and what overcame them.
    pub error_recovery_patterns: Vec<String>,
    /// What was learned.
    pub key_insights: Vec<String>,
}
