//! Episodes.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use redb_cache::cache::record;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Row;
use super::any::{Any, Shape, nested, structs};
use super::parts::{
    Checkpoint, Map, PatternApplication, Reflection, SalientFeatures, TaskContext, TaskType, same,
};
use redb_cache::cache::record::Record;

/// Until 0.1.31 any JSON, without a word on its type; since 0.1.32 its text.
pub trait Parameters: Any + Serialize + DeserializeOwned {
    fn text(&self) -> String;
    fn untagged(&self) -> Option<Value>;
}

impl Parameters for Value {
    fn text(&self) -> String {
        self.to_string()
    }

    fn untagged(&self) -> Option<Value> {
        Some(self.clone())
    }
}

impl Parameters for String {
    fn text(&self) -> String {
        self.clone()
    }

    fn untagged(&self) -> Option<Value> {
        None
    }
}

/// How a step ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ExecutionResult {
    Success { output: String },
    Error { message: String },
    Timeout,
}

impl Any for ExecutionResult {
    fn any(shape: Shape) -> BoxedStrategy<Self> {
        prop_oneof![
            String::any(shape).prop_map(|output| Self::Success { output }),
            String::any(shape).prop_map(|message| Self::Error { message }),
            Just(Self::Timeout),
        ]
        .boxed()
    }
}

structs! {
    struct Step<P> {
        step_number: u64,
        timestamp: DateTime<Utc>,
        tool: String,
        action: String,
        #[serde(alias = "parameters_json")]
        parameters: P,
        result: Option<ExecutionResult>,
        latency_ms: u64,
        tokens_used: Option<u64>,
        metadata: Map,
    }
}

impl<P: Parameters> Step<P> {
    fn expected(self) -> record::ExecutionStep {
        record::ExecutionStep {
            step_number: self.step_number,
            timestamp: self.timestamp,
            tool: self.tool,
            action: self.action,
            parameters_json: self.parameters.text(),
            result: same(self.result),
            latency_ms: self.latency_ms,
            tokens_used: self.tokens_used,
            metadata: self.metadata.into(),
        }
    }
}

/// An episode: what all releases share, and then what the release adds. The fields of `record`
/// are what becomes of those additions, which `$it` holds.
macro_rules! episodes {
    ($(
        $(#[$meta:meta])*
        struct $name:ident<$($part:ident: $bound:path),*> { $($added:ident: $type:ty),* }
        $it:ident => { $($field:ident: $value:expr),* $(,)? }
    )+) => {$(
        structs! {
            $(#[$meta])*
            struct $name<P, O, R $(, $part)*> {
                episode_id: Uuid,
                task_type: TaskType,
                task_description: String,
                context: TaskContext,
                start_time: DateTime<Utc>,
                end_time: Option<DateTime<Utc>>,
                steps: Vec<Step<P>>,
                outcome: Option<O>,
                reward: Option<R>,
                reflection: Option<Reflection>,
                patterns: Vec<Uuid>,
                heuristics: Vec<Uuid>,
                $($added: $type),*
            }
        }

        impl<P, O, R $(, $part)*> Row for $name<P, O, R $(, $part)*>
        where
            P: Parameters,
            O: Any + Serialize + DeserializeOwned,
            R: Any + Serialize + DeserializeOwned + Into<record::RewardScore>,
            $($part: $bound + Any + Serialize + DeserializeOwned,)*
        {
            fn expected(self) -> Record {
                let $it = self;
                Record::from(record::Episode {
                    $($field: $value,)*
                    episode_id: $it.episode_id,
                    task_type: same($it.task_type),
                    task_description: $it.task_description,
                    context: same($it.context),
                    start_time: $it.start_time,
                    end_time: $it.end_time,
                    steps: $it.steps.into_iter().map(Step::expected).collect(),
                    outcome: same($it.outcome),
                    reward: $it.reward.map(Into::into),
                    reflection: same($it.reflection),
                    patterns: $it.patterns,
                    heuristics: $it.heuristics,
                    metadata: $it.metadata.into(),
                })
            }

            fn maps(&mut self) -> Vec<&mut Map> {
                let steps = self.steps.iter_mut().map(|step| &mut step.metadata);
                steps.chain([&mut self.metadata]).collect()
            }

            fn untagged(&self) -> Vec<Value> {
                self.steps.iter().filter_map(|step| step.parameters.untagged()).collect()
            }
        }
    )+};
}

episodes! {
    /// Until 0.1.7.
    struct Episode1<> { metadata: Map }
    it => {
        applied_patterns: Vec::new(),
        salient_features: None,
        tags: Vec::new(),
        checkpoints: Vec::new(),
    }
    /// 0.1.8 to 0.1.13.
    struct Episode2<> {
        applied_patterns: Vec<PatternApplication>,
        salient_features: Option<SalientFeatures>,
        metadata: Map
    }
    it => {
        applied_patterns: same(it.applied_patterns),
        salient_features: same(it.salient_features),
        tags: Vec::new(),
        checkpoints: Vec::new(),
    }
    /// 0.1.14 to 0.1.21.
    struct Episode3<> {
        applied_patterns: Vec<PatternApplication>,
        salient_features: Option<SalientFeatures>,
        metadata: Map,
        tags: Vec<String>
    }
    it => {
        applied_patterns: same(it.applied_patterns),
        salient_features: same(it.salient_features),
        tags: it.tags,
        checkpoints: Vec::new(),
    }
    /// Since 0.1.22.
    struct Episode4<C: Checkpoint> {
        applied_patterns: Vec<PatternApplication>,
        salient_features: Option<SalientFeatures>,
        metadata: Map,
        tags: Vec<String>,
        checkpoints: Vec<C>
    }
    it => {
        applied_patterns: same(it.applied_patterns),
        salient_features: same(it.salient_features),
        tags: it.tags,
        checkpoints: it.checkpoints.into_iter().map(|point| point.of(it.episode_id)).collect(),
    }
}
