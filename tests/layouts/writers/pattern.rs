//! Patterns.

use proptest::prelude::*;
use redb_cache::cache::record;
use redb_cache::cache::record::Record;
use serde_json::{Value, json};
use uuid::Uuid;

use super::any::{Any, Shape, enums, nested, structs};
use super::parts::{Duration, Effectiveness, TaskContext};
use super::{Row, UNKNOWN_TIME};

structs! {
    struct OutcomeStats {
        success_count: u64,
        failure_count: u64,
        total_count: u64,
        avg_duration_secs: f32,
    }
}

/// The four variants, each with the `effectiveness` of the release, if it has one.
macro_rules! patterns {
    ($(
        $(#[$meta:meta])*
        enum $name:ident { $($effectiveness:ident: $type:ty)? }
    )+) => {$(
        enums! {
            $(#[$meta])*
            enum $name {
                ToolSequence {
                    id: Uuid,
                    tools: Vec<String>,
                    context: TaskContext,
                    success_rate: f32,
                    avg_latency: Duration,
                    occurrence_count: u64,
                    $($effectiveness: $type)?
                },
                DecisionPoint {
                    id: Uuid,
                    condition: String,
                    action: String,
                    outcome_stats: OutcomeStats,
                    context: TaskContext,
                    $($effectiveness: $type)?
                },
                ErrorRecovery {
                    id: Uuid,
                    error_type: String,
                    recovery_steps: Vec<String>,
                    success_rate: f32,
                    context: TaskContext,
                    $($effectiveness: $type)?
                },
                ContextPattern {
                    id: Uuid,
                    context_features: Vec<String>,
                    recommended_approach: String,
                    evidence: Vec<Uuid>,
                    success_rate: f32,
                    $($effectiveness: $type)?
                },
            }
        }

        impl Row for $name {
            fn expected(self) -> Record {
                renamed(serde_json::to_value(self).unwrap())
            }
        }
    )+};
}

patterns! {
    /// Until 0.1.7. The tag is a string.
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Pattern1 {}
    /// 0.1.8 to 0.1.34. The tag is a string.
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Pattern2 { effectiveness: Effectiveness }
    /// Since 0.1.35. The tag is a number.
    #[serde(rename_all = "snake_case")]
    enum Pattern3 { effectiveness: Effectiveness }
}

/// The record's JSON stands around the fields what was among them, and has an effectiveness.
fn renamed(mut json: Value) -> Record {
    let fields = json.as_object_mut().unwrap();
    let json = match fields.remove("type") {
        Some(tag) => {
            let unused = record::PatternEffectiveness::unused_since(UNKNOWN_TIME);
            fields
                .entry("effectiveness")
                .or_insert_with(|| json!(unused));
            json!({ tag.as_str().unwrap(): json })
        }
        None => json,
    };
    Record::from(serde_json::from_value::<record::Pattern>(json).unwrap())
}
