//! The pattern of do-memory 0.1.7 and before.

use chrono::TimeDelta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::wire::{Wire, whole};
use crate::cache::record::{Misfit, OutcomeStats, Pattern, PatternEffectiveness, TaskContext};

/// A pattern that begins with the name of its variant and says nothing of its effect. It becomes
/// one that has not been used since now.
pub(super) fn without_effectiveness<W: Wire>(bytes: &[u8]) -> Result<Pattern, Misfit> {
    let (name, used) = W::prefix::<&str>(bytes)?;
    let fields = bytes.get(used..).unwrap_or_default();
    let pattern = match name {
        "tool_sequence" => fields_of::<W, ToolSequence>(fields),
        "decision_point" => fields_of::<W, DecisionPoint>(fields),
        "error_recovery" => fields_of::<W, ErrorRecovery>(fields),
        "context_pattern" => fields_of::<W, ContextPattern>(fields),
        _ => return Err(Misfit::new(0, bytes, "the name of no pattern")),
    };
    pattern.map_err(|misfit| misfit.moved(used, bytes))
}

fn fields_of<W: Wire, T: DeserializeOwned + Into<Pattern>>(
    fields: &[u8],
) -> Result<Pattern, Misfit> {
    whole::<W, T>(fields).map(Into::into)
}

#[derive(Deserialize)]
struct ToolSequence {
    id: Uuid,
    tools: Vec<String>,
    context: TaskContext,
    success_rate: f32,
    avg_latency: TimeDelta,
    occurrence_count: u64,
}

#[derive(Deserialize)]
struct DecisionPoint {
    id: Uuid,
    condition: String,
    action: String,
    outcome_stats: OutcomeStats,
    context: TaskContext,
}

#[derive(Deserialize)]
struct ErrorRecovery {
    id: Uuid,
    error_type: String,
    recovery_steps: Vec<String>,
    success_rate: f32,
    context: TaskContext,
}

#[derive(Deserialize)]
struct ContextPattern {
    id: Uuid,
    context_features: Vec<String>,
    recommended_approach: String,
    evidence: Vec<Uuid>,
    success_rate: f32,
}

impl From<ToolSequence> for Pattern {
    fn from(old: ToolSequence) -> Self {
        Self::ToolSequence {
            id: old.id,
            tools: old.tools,
            context: old.context,
            success_rate: old.success_rate,
            avg_latency: old.avg_latency,
            occurrence_count: old.occurrence_count,
            effectiveness: PatternEffectiveness::default(),
        }
    }
}

impl From<DecisionPoint> for Pattern {
    fn from(old: DecisionPoint) -> Self {
        Self::DecisionPoint {
            id: old.id,
            condition: old.condition,
            action: old.action,
            outcome_stats: old.outcome_stats,
            context: old.context,
            effectiveness: PatternEffectiveness::default(),
        }
    }
}

impl From<ErrorRecovery> for Pattern {
    fn from(old: ErrorRecovery) -> Self {
        Self::ErrorRecovery {
            id: old.id,
            error_type: old.error_type,
            recovery_steps: old.recovery_steps,
            success_rate: old.success_rate,
            context: old.context,
            effectiveness: PatternEffectiveness::default(),
        }
    }
}

impl From<ContextPattern> for Pattern {
    fn from(old: ContextPattern) -> Self {
        Self::ContextPattern {
            id: old.id,
            context_features: old.context_features,
            recommended_approach: old.recommended_approach,
            evidence: old.evidence,
            success_rate: old.success_rate,
            effectiveness: PatternEffectiveness::default(),
        }
    }
}
