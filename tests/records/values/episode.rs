//! Any episode.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use redb_cache::cache::record::*;

use super::{context, id, ids, map, text, texts, time};

fn step() -> impl Strategy<Value = ExecutionStep> {
    let result = prop_oneof![
        text().prop_map(|output| ExecutionResult::Success { output }),
        text().prop_map(|message| ExecutionResult::Error { message }),
        Just(ExecutionResult::Timeout),
    ];
    let head = (any::<u64>(), time(), text(), text(), text());
    (head, of(result), any::<u64>(), of(any::<u64>()), map()).prop_map(
        |((step_number, timestamp, tool, action, json), result, latency, tokens_used, metadata)| {
            ExecutionStep {
                timestamp,
                parameters_json: json,
                result,
                latency_ms: latency,
                tokens_used,
                metadata,
                ..ExecutionStep::new(step_number, tool, action)
            }
        },
    )
}

pub fn outcome() -> impl Strategy<Value = TaskOutcome> {
    prop_oneof![
        (text(), texts())
            .prop_map(|(verdict, artifacts)| TaskOutcome::Success { verdict, artifacts }),
        (text(), texts(), texts()).prop_map(|(verdict, completed, failed)| {
            TaskOutcome::PartialSuccess {
                verdict,
                completed,
                failed,
            }
        }),
        (text(), of(text())).prop_map(|(reason, error_details)| TaskOutcome::Failure {
            reason,
            error_details
        }),
        (text(), any::<u64>(), texts()).prop_map(|(reason, stopped_at_step, signals)| {
            TaskOutcome::Abstained {
                reason,
                stopped_at_step,
                infeasibility_signals: signals,
            }
        }),
    ]
}

fn reward() -> impl Strategy<Value = RewardScore> {
    (-2f32..2.0, any::<f32>()).prop_map(|(total, effective_reward)| RewardScore {
        total,
        effective_reward,
        ..RewardScore::default()
    })
}

fn reflection() -> impl Strategy<Value = Reflection> {
    (texts(), texts(), texts(), time()).prop_map(
        |(successes, improvements, insights, generated_at)| Reflection {
            successes,
            improvements,
            insights,
            generated_at,
        },
    )
}

fn application() -> impl Strategy<Value = PatternApplication> {
    use ApplicationOutcome::*;
    let outcome = prop::sample::select(vec![Helped, NoEffect, Hindered, Pending]);
    (id(), any::<u64>(), outcome, of(text())).prop_map(
        |(pattern_id, applied_at_step, outcome, notes)| PatternApplication {
            pattern_id,
            applied_at_step,
            outcome,
            notes,
        },
    )
}

fn features() -> impl Strategy<Value = SalientFeatures> {
    (texts(), vec(texts(), 0..3), texts(), texts()).prop_map(
        |(critical_decisions, tool_combinations, error_recovery_patterns, key_insights)| {
            SalientFeatures {
                critical_decisions,
                tool_combinations,
                error_recovery_patterns,
                key_insights,
            }
        },
    )
}

fn checkpoint() -> impl Strategy<Value = CheckpointMeta> {
    (
        id(),
        text(),
        any::<u64>(),
        of(features()),
        any::<bool>(),
        of(text()),
    )
        .prop_map(
            |(episode, label, step, snapshot, abstained, note)| CheckpointMeta {
                salient_features_snapshot: snapshot,
                is_abstention_checkpoint: abstained,
                note,
                ..CheckpointMeta::new(episode, label, step)
            },
        )
}

fn task_type() -> impl Strategy<Value = TaskType> {
    use TaskType::*;
    prop::sample::select(vec![
        CodeGeneration,
        Debugging,
        Refactoring,
        Testing,
        Analysis,
        Documentation,
        Other,
    ])
}

pub fn episode() -> impl Strategy<Value = Episode> {
    let head = (
        text(),
        context(),
        task_type(),
        time(),
        of(time()),
        vec(step(), 0..4),
    );
    let verdict = (of(outcome()), of(reward()), of(reflection()), ids(), ids());
    let rest = (
        vec(application(), 0..3),
        of(features()),
        map(),
        texts(),
        vec(checkpoint(), 0..3),
    );
    (head, verdict, rest).prop_map(|(head, verdict, rest)| {
        let (description, context, task_type, start_time, end_time, steps) = head;
        let (outcome, reward, reflection, patterns, heuristics) = verdict;
        let (applied_patterns, salient_features, metadata, tags, checkpoints) = rest;
        Episode {
            start_time,
            end_time,
            steps,
            outcome,
            reward,
            reflection,
            patterns,
            heuristics,
            applied_patterns,
            salient_features,
            metadata,
            tags,
            checkpoints,
            ..Episode::new(description, context, task_type)
        }
    })
}
