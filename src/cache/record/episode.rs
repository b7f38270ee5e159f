//! An episode: one task from its start to what was learned from it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    PatternApplication, Reflection, RewardScore, SalientFeatures, Stored, TaskContext, TaskOutcome,
    TaskType,
};
use crate::cache::Table;

/// One task that an agent worked on. Row of [`Table::Episodes`] under its `episode_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Identifies the episode; its key in the cache.
    pub episode_id: Uuid,
    /// The kind of task.
    pub task_type: TaskType,
    /// The task in words.
    pub task_description: String,
    /// What the task was done in.
    pub context: TaskContext,
    /// When it began.
    #[serde(with = "super::time")]
    pub start_time: DateTime<Utc>,
    /// When it was completed; `None` while it goes on.
    #[serde(with = "super::time::option")]
    pub end_time: Option<DateTime<Utc>>,
    /// What was done, in order.
    pub steps: Vec<ExecutionStep>,
    /// How it ended; `None` while it goes on.
    pub outcome: Option<TaskOutcome>,
    /// How well it went.
    pub reward: Option<RewardScore>,
    /// What was thought of it afterwards.
    pub reflection: Option<Reflection>,
    /// Patterns extracted from it.
    pub patterns: Vec<Uuid>,
    /// Heuristics extracted from it.
    pub heuristics: Vec<Uuid>,
    /// Patterns that were applied in it.
    #[serde(default)]
    pub applied_patterns: Vec<PatternApplication>,
    /// What stood out when it was stored.
    #[serde(default)]
    pub salient_features: Option<SalientFeatures>,
    /// Anything else.
    pub metadata: BTreeMap<String, String>,
    /// Words to find it by, as `bug-fix`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Points at which its progress was saved.
    #[serde(default)]
    pub checkpoints: Vec<CheckpointMeta>,
}

impl Episode {
    /// An episode that begins now, with a random id.
    #[must_use]
    pub fn new(
        task_description: impl Into<String>,
        context: TaskContext,
        task_type: TaskType,
    ) -> Self {
        Self {
            episode_id: Uuid::new_v4(),
            task_type,
            task_description: task_description.into(),
            context,
            start_time: Utc::now(),
            end_time: None,
            steps: Vec::new(),
            outcome: None,
            reward: None,
            reflection: None,
            patterns: Vec::new(),
            heuristics: Vec::new(),
            applied_patterns: Vec::new(),
            salient_features: None,
            metadata: BTreeMap::new(),
            tags: Vec::new(),
            checkpoints: Vec::new(),
        }
    }
}

impl Stored for Episode {
    const TABLE: Table = Table::Episodes;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        Some(self.end_time.unwrap_or(self.start_time))
    }
}

/// One thing that was done in an episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionStep {
    /// Its place in the episode, from 1.
    pub step_number: u64,
    /// When it was done.
    #[serde(with = "super::time")]
    pub timestamp: DateTime<Utc>,
    /// The tool used.
    pub tool: String,
    /// What was done with it.
    pub action: String,
    /// The tool's parameters: JSON text by custom, though nothing upstream checks it.
    pub parameters_json: String,
    /// How it ended; `None` while it goes on.
    pub result: Option<ExecutionResult>,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// Tokens used, where that is known.
    pub tokens_used: Option<u64>,
    /// Anything else.
    pub metadata: BTreeMap<String, String>,
}

impl ExecutionStep {
    /// A step that is done now, with the parameters `{}` and no result.
    #[must_use]
    pub fn new(step_number: u64, tool: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            step_number,
            timestamp: Utc::now(),
            tool: tool.into(),
            action: action.into(),
            parameters_json: "{}".into(),
            result: None,
            latency_ms: 0,
            tokens_used: None,
            metadata: BTreeMap::new(),
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ExecutionResult {
    /// It did what it should.
    Success {
        /// What it gave.
        output: String,
    },
    /// It failed.
    Error {
        /// What the tool said.
        message: String,
    },
    /// It took too long.
    Timeout,
}

/// A point at which the progress of an episode was saved.
///
/// The other names that JSON may use are those of do-memory 0.1.22 to 0.1.33.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointMeta {
    /// Identifies the checkpoint.
    pub checkpoint_id: Uuid,
    /// The episode.
    #[serde(default)]
    pub episode_id: Uuid,
    /// The step reached.
    pub step_number: u64,
    /// When it was made.
    #[serde(alias = "created_at")]
    #[serde(with = "super::time")]
    pub timestamp: DateTime<Utc>,
    /// Why it was made.
    #[serde(alias = "reason")]
    pub label: String,
    /// What stood out by then.
    pub salient_features_snapshot: Option<SalientFeatures>,
    /// Whether it was made because the agent abstained; `label` then says why.
    #[serde(default)]
    pub is_abstention_checkpoint: bool,
    /// What else there is to say.
    pub note: Option<String>,
}

impl CheckpointMeta {
    /// A checkpoint that is made now, with a random id.
    #[must_use]
    pub fn new(episode_id: Uuid, label: impl Into<String>, step_number: u64) -> Self {
        Self {
            checkpoint_id: Uuid::new_v4(),
            episode_id,
            step_number,
            timestamp: Utc::now(),
            label: label.into(),
            salient_features_snapshot: None,
            is_abstention_checkpoint: false,
            note: None,
        }
    }
}
