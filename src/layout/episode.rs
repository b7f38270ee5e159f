//! The episode of do-memory 0.1.33 and before, in what it shares.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::cache::record::{
    CheckpointMeta, Episode, ExecutionStep, Misfit, PatternApplication, Reflection, RewardScore,
    SalientFeatures, TaskContext, TaskOutcome, TaskType, time,
};

/// [`Episode`] with the reward `R` and the checkpoints of do-memory 0.1.22 to 0.1.33.
#[derive(Deserialize)]
pub(super) struct OldEpisode<R> {
    episode_id: Uuid,
    task_type: TaskType,
    task_description: String,
    context: TaskContext,
    #[serde(with = "time")]
    start_time: DateTime<Utc>,
    #[serde(with = "time::option")]
    end_time: Option<DateTime<Utc>>,
    steps: Vec<ExecutionStep>,
    outcome: Option<TaskOutcome>,
    reward: Option<R>,
    reflection: Option<Reflection>,
    patterns: Vec<Uuid>,
    heuristics: Vec<Uuid>,
    applied_patterns: Vec<PatternApplication>,
    salient_features: Option<SalientFeatures>,
    metadata: BTreeMap<String, String>,
    tags: Vec<String>,
    checkpoints: Vec<OldCheckpoint>,
}

/// A checkpoint of do-memory 0.1.22 to 0.1.33.
#[derive(Clone, Deserialize)]
pub(super) struct OldCheckpoint {
    checkpoint_id: Uuid,
    #[serde(with = "time")]
    created_at: DateTime<Utc>,
    reason: String,
    step_number: u64,
    note: Option<String>,
}

/// The reward of do-memory 0.1.32 and before.
#[derive(Clone, Deserialize)]
pub(super) struct FirstReward {
    total: f32,
    base: f32,
    efficiency: f32,
    complexity_bonus: f32,
    quality_multiplier: f32,
    learning_bonus: f32,
}

impl<R: Into<RewardScore>> From<OldEpisode<R>> for Episode {
    fn from(old: OldEpisode<R>) -> Self {
        let checkpoints = old.checkpoints.into_iter();
        Self {
            episode_id: old.episode_id,
            task_type: old.task_type,
            task_description: old.task_description,
            context: old.context,
            start_time: old.start_time,
            end_time: old.end_time,
            steps: old.steps,
            outcome: old.outcome,
            reward: old.reward.map(Into::into),
            reflection: old.reflection,
            patterns: old.patterns,
            heuristics: old.heuristics,
            applied_patterns: old.applied_patterns,
            salient_features: old.salient_features,
            metadata: old.metadata,
            tags: old.tags,
            checkpoints: checkpoints.map(|it| it.of(old.episode_id)).collect(),
        }
    }
}

impl OldCheckpoint {
    /// Its episode knows what the checkpoint does not say.
    pub(super) fn of(self, episode_id: Uuid) -> CheckpointMeta {
        CheckpointMeta {
            checkpoint_id: self.checkpoint_id,
            episode_id,
            step_number: self.step_number,
            timestamp: self.created_at,
            label: self.reason,
            salient_features_snapshot: None,
            is_abstention_checkpoint: false,
            note: self.note,
        }
    }
}

impl From<FirstReward> for RewardScore {
    fn from(old: FirstReward) -> Self {
        Self {
            total: old.total,
            base: old.base,
            efficiency: old.efficiency,
            complexity_bonus: old.complexity_bonus,
            quality_multiplier: old.quality_multiplier,
            learning_bonus: old.learning_bonus,
            ..Self::default()
        }
    }
}

/// An outcome that came with do-memory 0.1.33 stands in no earlier row.
pub(super) fn refuse_abstained(outcome: Option<&TaskOutcome>, bytes: &[u8]) -> Result<(), Misfit> {
    match outcome {
        Some(TaskOutcome::Abstained { .. }) => Err(Misfit::new(
            0,
            bytes,
            "an outcome that came with do-memory 0.1.33",
        )),
        _ => Ok(()),
    }
}
