//! The engine of redb-cache, used as an agent would that embeds it.

use std::path::Path;

use anyhow::{Context, Result};
use redb_cache::cache::record::{
    Embedding, Episode, EpisodePatternRelationship, EpisodeRelationship, EpisodeSummary, Heuristic,
    Pattern, ProceduralMemory, RecommendationFeedback, RecommendationSession, Stored,
};
use redb_cache::{RedbConfig, RedbStorage};
use serde_json::Value;

use crate::json;
use crate::truth::{Table, Truth};

/// Opens a cache that keeps at most that many episodes.
///
/// # Errors
/// When the engine does not open it.
pub fn open(cache: &Path, max_cache_size: u64) -> Result<RedbStorage> {
    let config = RedbConfig {
        max_cache_size,
        ..RedbConfig::default()
    };
    RedbStorage::with_full_config(cache, config)
        .with_context(|| format!("redb-cache does not open {}", cache.display()))
}

/// Stores every row of the truth and waits until it is durable.
///
/// # Errors
/// Names the row that could not be stored.
pub fn store_all(storage: &RedbStorage, truth: &Truth) -> Result<()> {
    for table in Table::ALL {
        for (key, value) in truth.rows(table) {
            store(storage, table, key, value)
                .with_context(|| format!("cannot store {table} {key}"))?;
        }
    }
    Ok(storage.flush()?)
}

/// The rows of the truth that the engine does not give back equal.
///
/// # Errors
/// Names the row that could not be read.
pub fn differences(storage: &RedbStorage, truth: &Truth) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for table in Table::ALL {
        for (key, want) in truth.rows(table) {
            let got =
                fetch(storage, table, key).with_context(|| format!("cannot read {table} {key}"))?;
            let difference = got.map_or_else(
                || Some(" is missing".to_owned()),
                |got| json::difference(&got, want),
            );
            differences.extend(difference.map(|difference| format!("{table} {key}{difference}")));
        }
    }
    Ok(differences)
}

fn store(storage: &RedbStorage, table: Table, key: &str, value: &Value) -> Result<()> {
    match table {
        Table::Episodes => insert::<Episode>(storage, key, value),
        Table::Patterns => insert::<Pattern>(storage, key, value),
        Table::Heuristics => insert::<Heuristic>(storage, key, value),
        Table::Embeddings => insert::<Embedding>(storage, key, value),
        Table::Metadata => {
            let text = value.as_str().context("not a string")?;
            Ok(storage.insert_raw(table.name(), key, text.as_bytes())?)
        }
        Table::Summaries => insert::<EpisodeSummary>(storage, key, value),
        Table::Relationships => insert::<EpisodeRelationship>(storage, key, value),
        Table::EpisodePatternRelationships => {
            insert::<EpisodePatternRelationship>(storage, key, value)
        }
        Table::RecommendationSessions => insert::<RecommendationSession>(storage, key, value),
        Table::RecommendationFeedback => insert::<RecommendationFeedback>(storage, key, value),
        Table::Procedural => insert::<ProceduralMemory>(storage, key, value),
    }
}

fn fetch(storage: &RedbStorage, table: Table, key: &str) -> Result<Option<Value>> {
    match table {
        Table::Episodes => get::<Episode>(storage, key),
        Table::Patterns => get::<Pattern>(storage, key),
        Table::Heuristics => get::<Heuristic>(storage, key),
        Table::Embeddings => get::<Embedding>(storage, key),
        Table::Metadata => {
            let bytes = storage.get_raw(table.name(), key)?;
            Ok(bytes.map(String::from_utf8).transpose()?.map(Value::String))
        }
        Table::Summaries => get::<EpisodeSummary>(storage, key),
        Table::Relationships => get::<EpisodeRelationship>(storage, key),
        Table::EpisodePatternRelationships => get::<EpisodePatternRelationship>(storage, key),
        Table::RecommendationSessions => get::<RecommendationSession>(storage, key),
        Table::RecommendationFeedback => get::<RecommendationFeedback>(storage, key),
        Table::Procedural => get::<ProceduralMemory>(storage, key),
    }
}

fn insert<T: Stored>(storage: &RedbStorage, key: &str, value: &Value) -> Result<()> {
    let value =
        T::deserialize(value).context("the value is not in the JSON shape of do-memory 0.1.47")?;
    Ok(storage.insert_as::<T>(key, value)?)
}

fn get<T: Stored>(storage: &RedbStorage, key: &str) -> Result<Option<Value>> {
    let value = storage.get_as::<T>(key)?;
    Ok(value
        .map(|value| serde_json::to_value(&*value))
        .transpose()?)
}
