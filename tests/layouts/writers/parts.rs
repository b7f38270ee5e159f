//! What the records are made of.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use redb_cache::cache::record;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::any::{Any, Shape, choices, enums, nested, structs};

/// A map of strings, in whatever order. That of a real row is random.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub struct Map(pub Vec<(String, String)>);

impl Serialize for Map {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl From<BTreeMap<String, String>> for Map {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl From<Map> for BTreeMap<String, String> {
    fn from(map: Map) -> Self {
        map.0.into_iter().collect()
    }
}

/// Whole seconds and the nanoseconds above them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Duration(pub i64, pub i32);

impl From<Duration> for TimeDelta {
    fn from(duration: Duration) -> Self {
        TimeDelta::new(duration.0, duration.1.try_into().unwrap()).unwrap()
    }
}

choices! {
    enum TaskType {
        CodeGeneration, Debugging, Refactoring, Testing, Analysis, Documentation, Other,
    }
    enum ComplexityLevel { Simple, Moderate, Complex }
    enum ApplicationOutcome { Helped, NoEffect, Hindered, Pending }
    #[serde(rename_all = "snake_case")]
    enum RelationshipType {
        ParentChild, DependsOn, Follows, RelatedTo, Blocks, Duplicates, References,
    }
}

enums! {
    /// Until 0.1.32.
    enum OldOutcome {
        Success { verdict: String, artifacts: Vec<String> },
        PartialSuccess { verdict: String, completed: Vec<String>, failed: Vec<String> },
        Failure { reason: String, error_details: Option<String> },
    }
    /// Since 0.1.33.
    enum Outcome {
        Success { verdict: String, artifacts: Vec<String> },
        PartialSuccess { verdict: String, completed: Vec<String>, failed: Vec<String> },
        Failure { reason: String, error_details: Option<String> },
        Abstained { reason: String, stopped_at_step: u64, infeasibility_signals: Vec<String> },
    }
}

structs! {
    struct TaskContext {
        language: Option<String>,
        framework: Option<String>,
        complexity: ComplexityLevel,
        domain: String,
        tags: Vec<String>,
    }
    struct Reflection {
        successes: Vec<String>,
        improvements: Vec<String>,
        insights: Vec<String>,
        generated_at: DateTime<Utc>,
    }
    struct PatternApplication {
        pattern_id: Uuid,
        applied_at_step: u64,
        outcome: ApplicationOutcome,
        notes: Option<String>,
    }
    struct SalientFeatures {
        critical_decisions: Vec<String>,
        tool_combinations: Vec<Vec<String>>,
        error_recovery_patterns: Vec<String>,
        key_insights: Vec<String>,
    }
    struct Effectiveness {
        times_retrieved: u64,
        times_applied: u64,
        success_when_applied: u64,
        failure_when_applied: u64,
        avg_reward_delta: f32,
        last_used: DateTime<Utc>,
        created_at: DateTime<Utc>,
    }
    /// Until 0.1.32.
    struct Reward1 {
        total: f32,
        base: f32,
        efficiency: f32,
        complexity_bonus: f32,
        quality_multiplier: f32,
        learning_bonus: f32,
    }
    /// 0.1.33.
    struct Reward2 {
        total: f32,
        base: f32,
        efficiency: f32,
        complexity_bonus: f32,
        quality_multiplier: f32,
        learning_bonus: f32,
        abstention_score: f32,
    }
    /// Since 0.1.34.
    struct Reward3 {
        total: f32,
        base: f32,
        efficiency: f32,
        complexity_bonus: f32,
        quality_multiplier: f32,
        learning_bonus: f32,
        abstention_score: f32,
        raw_reward: f32,
        normalized_reward: f32,
        decayed_reward: f32,
        effective_reward: f32,
    }
    /// 0.1.22 to 0.1.33. The other names are those of a later record.
    struct Checkpoint1 {
        checkpoint_id: Uuid,
        #[serde(alias = "timestamp")]
        created_at: DateTime<Utc>,
        #[serde(alias = "label")]
        reason: String,
        step_number: u64,
        note: Option<String>,
    }
    /// Since 0.1.34.
    struct Checkpoint2 {
        checkpoint_id: Uuid,
        episode_id: Uuid,
        step_number: u64,
        timestamp: DateTime<Utc>,
        label: String,
        salient_features_snapshot: Option<SalientFeatures>,
        is_abstention_checkpoint: bool,
        note: Option<String>,
    }
}

/// The record's type for a part that never changed: both have the same JSON.
pub fn same<T: DeserializeOwned>(part: impl Serialize) -> T {
    serde_json::from_value(serde_json::to_value(part).unwrap()).unwrap()
}

impl From<Reward1> for record::RewardScore {
    fn from(old: Reward1) -> Self {
        Self {
            total: old.total,
            base: old.base,
            efficiency: old.efficiency,
            complexity_bonus: old.complexity_bonus,
            quality_multiplier: old.quality_multiplier,
            learning_bonus: old.learning_bonus,
            abstention_score: 0.0,
            raw_reward: 0.0,
            normalized_reward: 0.0,
            decayed_reward: 0.0,
            effective_reward: 0.0,
        }
    }
}

impl From<Reward2> for record::RewardScore {
    fn from(old: Reward2) -> Self {
        Self {
            total: old.total,
            base: old.base,
            efficiency: old.efficiency,
            complexity_bonus: old.complexity_bonus,
            quality_multiplier: old.quality_multiplier,
            learning_bonus: old.learning_bonus,
            abstention_score: old.abstention_score,
            raw_reward: 0.0,
            normalized_reward: 0.0,
            decayed_reward: 0.0,
            effective_reward: 0.0,
        }
    }
}

impl From<Reward3> for record::RewardScore {
    fn from(reward: Reward3) -> Self {
        same(reward)
    }
}

/// A checkpoint of some release.
pub trait Checkpoint {
    fn of(self, episode_id: Uuid) -> record::CheckpointMeta;
}

impl Checkpoint for Checkpoint1 {
    fn of(self, episode_id: Uuid) -> record::CheckpointMeta {
        record::CheckpointMeta {
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

impl Checkpoint for Checkpoint2 {
    fn of(self, _: Uuid) -> record::CheckpointMeta {
        same(self)
    }
}
