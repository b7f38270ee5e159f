//! Any value that a record can have.

mod episode;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use redb_cache::cache::record::*;
use uuid::Uuid;

use episode::{episode, outcome};

pub fn record() -> impl Strategy<Value = Record> {
    // Boxed: side by side on the stack they are too large for the thread of a test.
    prop_oneof![
        episode().prop_map(Record::from).boxed(),
        pattern().prop_map(Record::from).boxed(),
        heuristic().prop_map(Record::from).boxed(),
        vec(-1e9f32..1e9, 0..9).prop_map(Record::from).boxed(),
        summary().prop_map(Record::from).boxed(),
        relationship().prop_map(Record::from).boxed(),
        procedural().prop_map(Record::from).boxed(),
        feedback().prop_map(Record::from).boxed(),
    ]
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn ids() -> impl Strategy<Value = Vec<Uuid>> {
    vec(id(), 0..4)
}

/// Up to the years that take six digits, with and without fractions of a second.
fn time() -> impl Strategy<Value = DateTime<Utc>> {
    let seconds = prop_oneof![
        1_600_000_000i64..1_900_000_000,
        -8_000_000_000_000i64..8_000_000_000_000
    ];
    let nanos = prop_oneof![Just(0), 0u32..1_000_000_000];
    (seconds, nanos).prop_map(|(s, n)| DateTime::from_timestamp(s, n).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{0,12}", any::<String>()]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..4)
}

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(text(), text(), 0..4)
}

fn context() -> impl Strategy<Value = TaskContext> {
    use ComplexityLevel::*;
    let complexity = prop::sample::select(vec![Simple, Moderate, Complex]);
    (of(text()), of(text()), complexity, text(), texts()).prop_map(
        |(language, framework, complexity, domain, tags)| TaskContext {
            language,
            framework,
            complexity,
            domain,
            tags,
        },
    )
}

fn effectiveness() -> impl Strategy<Value = PatternEffectiveness> {
    (any::<u64>(), -1f32..1.0, time()).prop_map(|(times_applied, avg_reward_delta, at)| {
        PatternEffectiveness {
            times_applied,
            avg_reward_delta,
            ..PatternEffectiveness::unused_since(at)
        }
    })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let latency = any::<i32>().prop_map(|ms| TimeDelta::milliseconds(ms.into()));
    let shared = (id(), texts(), context(), 0f32..1.0, effectiveness());
    prop_oneof![
        (shared, latency, any::<u64>()).prop_map(|(shared, avg_latency, occurrence_count)| {
            let (id, tools, context, success_rate, effectiveness) = shared;
            Pattern::ToolSequence {
                id,
                tools,
                context,
                success_rate,
                avg_latency,
                occurrence_count,
                effectiveness,
            }
        }),
        (
            id(),
            text(),
            text(),
            any::<u64>(),
            context(),
            effectiveness()
        )
            .prop_map(
                |(id, condition, action, total_count, context, effectiveness)| {
                    Pattern::DecisionPoint {
                        id,
                        condition,
                        action,
                        outcome_stats: OutcomeStats {
                            total_count,
                            ..OutcomeStats::default()
                        },
                        context,
                        effectiveness,
                    }
                }
            ),
        (id(), text(), texts(), 0f32..1.0, context(), effectiveness()).prop_map(
            |(id, error_type, recovery_steps, success_rate, context, effectiveness)| {
                Pattern::ErrorRecovery {
                    id,
                    error_type,
                    recovery_steps,
                    success_rate,
                    context,
                    effectiveness,
                }
            }
        ),
        (id(), texts(), text(), ids(), 0f32..1.0, effectiveness()).prop_map(
            |(
                id,
                context_features,
                recommended_approach,
                evidence,
                success_rate,
                effectiveness,
            )| {
                Pattern::ContextPattern {
                    id,
                    context_features,
                    recommended_approach,
                    evidence,
                    success_rate,
                    effectiveness,
                }
            }
        ),
    ]
}

fn heuristic() -> impl Strategy<Value = Heuristic> {
    (text(), text(), 0f32..1.0, ids(), any::<u64>()).prop_map(
        |(condition, action, confidence, episode_ids, sample_size)| Heuristic {
            evidence: Evidence {
                episode_ids,
                success_rate: confidence,
                sample_size,
            },
            ..Heuristic::new(condition, action, confidence)
        },
    )
}

fn summary() -> impl Strategy<Value = EpisodeSummary> {
    (id(), text(), texts(), texts(), of(vec(-1f32..1.0, 0..9))).prop_map(
        |(id, summary_text, key_concepts, key_steps, summary_embedding)| EpisodeSummary {
            summary_text,
            key_concepts,
            key_steps,
            summary_embedding,
            ..EpisodeSummary::new(id)
        },
    )
}

fn relationship() -> impl Strategy<Value = EpisodeRelationship> {
    use RelationshipType::*;
    let kind = prop::sample::select(vec![
        ParentChild,
        DependsOn,
        Follows,
        RelatedTo,
        Blocks,
        Duplicates,
        References,
    ]);
    let metadata = (
        of(text()),
        of(text()),
        of(any::<u8>()),
        of(0f32..1.0),
        map(),
    );
    (id(), id(), kind, metadata).prop_map(|(from, to, kind, metadata)| {
        let (reason, created_by, priority, weight, custom_fields) = metadata;
        let metadata = RelationshipMetadata {
            reason,
            created_by,
            priority,
            weight,
            custom_fields,
        };
        EpisodeRelationship::new(from, to, kind, metadata)
    })
}

fn procedural() -> impl Strategy<Value = ProceduralMemory> {
    let step = (any::<u64>(), text(), of(text()), of(text())).prop_map(
        |(order, action, tool_hint, expected_result)| PlaybookStep {
            order,
            action,
            tool_hint,
            expected_result,
        },
    );
    (
        text(),
        text(),
        context(),
        vec(step, 0..4),
        effectiveness(),
        ids(),
    )
        .prop_map(
            |(name, description, context, steps, effectiveness, source_episodes)| {
                ProceduralMemory {
                    steps,
                    effectiveness,
                    source_episodes,
                    ..ProceduralMemory::new(name, description, context)
                }
            },
        )
}

fn feedback() -> impl Strategy<Value = RecommendationFeedback> {
    (id(), texts(), ids(), outcome(), of(0f32..1.0)).prop_map(
        |(session_id, applied_pattern_ids, consulted_episode_ids, outcome, agent_rating)| {
            RecommendationFeedback {
                session_id,
                applied_pattern_ids,
                consulted_episode_ids,
                outcome,
                agent_rating,
            }
        },
    )
}
