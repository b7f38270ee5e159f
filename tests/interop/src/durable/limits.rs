//! What the durable store keeps of a row that it is given.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use do_memory_core::episode::{EpisodePatternRelationship, EpisodeRelationship};
use do_memory_core::procedural::ProceduralMemory;
use do_memory_core::semantic::EpisodeSummary;
use do_memory_core::{Episode, Heuristic};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::truth::{Rows, Table, Truth};

/// Times by the key of a row.
pub type Times = BTreeMap<String, DateTime<Utc>>;

/// When each summary was stored.
///
/// # Errors
/// When the database cannot be read.
pub async fn times_of_summaries(path: &Path) -> Result<Times> {
    let connection = super::database(path).await?.connect()?;
    let question = "SELECT episode_id, created_at FROM episode_summaries";
    let mut rows = connection.query(question, ()).await?;
    let mut times = Times::new();
    while let Some(row) = rows.next().await? {
        let time = DateTime::from_timestamp(row.get(1)?, 0).context("a time out of range")?;
        times.insert(row.get(0)?, time);
    }
    Ok(times)
}

/// The truth without what do-memory-storage-turso drops on the way in:
///
/// - times of its own columns below the second, but not those inside JSON;
/// - `applied_patterns` and `salient_features` of an episode, and the order of its tags;
/// - the time of a summary, in the place of which it puts the time of the call: one of `summarized`;
/// - reason, author and priority of a relationship between an episode and a pattern.
///
/// # Errors
/// When a value is not in the shape of this release.
pub fn kept(truth: &Truth, summarized: &Times) -> Result<Truth> {
    let tables = Table::ALL.into_iter().map(|table| {
        let rows = truth.rows(table).iter();
        let rows = rows.map(|(key, value)| {
            let kept = kept_of(table, key, value, summarized);
            Ok((key.clone(), kept.with_context(|| format!("{table} {key}"))?))
        });
        Ok((table, rows.collect::<Result<Rows>>()?))
    });
    Ok(Truth::of(tables.collect::<Result<Vec<_>>>()?))
}

fn kept_of(table: Table, key: &str, value: &Value, summarized: &Times) -> Result<Value> {
    match table {
        Table::Episodes => changed(value, |episode: &mut Episode| {
            episode.start_time = whole_seconds(episode.start_time);
            episode.end_time = episode.end_time.map(whole_seconds);
            episode.applied_patterns.clear();
            episode.salient_features = None;
            episode.tags.sort_unstable();
        }),
        Table::Heuristics => changed(value, |heuristic: &mut Heuristic| {
            heuristic.created_at = whole_seconds(heuristic.created_at);
            heuristic.updated_at = whole_seconds(heuristic.updated_at);
        }),
        Table::Summaries => changed(value, |summary: &mut EpisodeSummary| {
            summary.created_at = summarized.get(key).copied().unwrap_or_default();
        }),
        Table::Relationships => changed(value, |edge: &mut EpisodeRelationship| {
            edge.created_at = whole_seconds(edge.created_at);
        }),
        Table::EpisodePatternRelationships => {
            changed(value, |edge: &mut EpisodePatternRelationship| {
                edge.created_at = whole_seconds(edge.created_at);
                edge.metadata.reason = None;
                edge.metadata.created_by = None;
                edge.metadata.priority = None;
            })
        }
        Table::Procedural => changed(value, |skill: &mut ProceduralMemory| {
            skill.created_at = whole_seconds(skill.created_at);
            skill.updated_at = whole_seconds(skill.updated_at);
        }),
        Table::Patterns
        | Table::Embeddings
        | Table::Metadata
        | Table::RecommendationSessions
        | Table::RecommendationFeedback => Ok(value.clone()),
    }
}

fn changed<T: DeserializeOwned + Serialize>(
    value: &Value,
    change: impl FnOnce(&mut T),
) -> Result<Value> {
    let mut row = T::deserialize(value).context("not in the JSON shape of do-memory 0.1.47")?;
    change(&mut row);
    Ok(serde_json::to_value(row)?)
}

fn whole_seconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time)
}
