//! Storing a truth through do-memory's calls.

use anyhow::{Context, Result};
use do_memory_core::StorageBackend;
use do_memory_core::embeddings::EmbeddingStorageBackend;
use do_memory_storage_redb::RedbStorage;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::truth::{Table, Truth};

/// How many rows went into each table.
pub type Stored = Vec<(Table, usize)>;

/// Stores every row of the truth, each with the call that an agent would use.
///
/// Metadata comes last: storing episodes makes the library write metadata of its own.
///
/// # Errors
/// When a value is not in the shape of this release, or a call fails. The error names the row.
pub async fn store_all(storage: &RedbStorage, truth: &Truth) -> Result<Stored> {
    truth.demand_storable()?;
    let mut stored = Stored::new();
    for table in Table::ALL
        .into_iter()
        .filter(|table| *table != Table::Metadata)
        .chain([Table::Metadata])
    {
        let rows = truth.rows(table);
        for (key, value) in rows {
            store(storage, table, key, value)
                .await
                .with_context(|| format!("cannot store {table} {key}"))?;
        }
        stored.push((table, rows.len()));
    }
    Ok(stored)
}

async fn store(storage: &RedbStorage, table: Table, key: &str, value: &Value) -> Result<()> {
    match table {
        Table::Episodes => storage.store_episode(&typed(value)?).await?,
        Table::Patterns => storage.store_pattern(&typed(value)?).await?,
        Table::Heuristics => storage.store_heuristic(&typed(value)?).await?,
        Table::Embeddings => store_embedding(storage, key, typed(value)?).await?,
        Table::Metadata => {
            storage
                .store_metadata(key, &typed::<String>(value)?)
                .await?
        }
        Table::Summaries => storage.store_episode_summary(&typed(value)?).await?,
        Table::Relationships => storage.store_relationship(&typed(value)?).await?,
        Table::EpisodePatternRelationships => {
            storage
                .store_episode_pattern_relationship(&typed(value)?)
                .await?
        }
        Table::RecommendationSessions => {
            storage.store_recommendation_session(&typed(value)?).await?
        }
        Table::RecommendationFeedback => {
            storage
                .store_recommendation_feedback(&typed(value)?)
                .await?
        }
        Table::Procedural => storage.store_procedural(&typed(value)?).await?,
    }
    Ok(())
}

/// An embedding of an episode or a pattern has a call that makes up the key; the others name it.
async fn store_embedding(storage: &RedbStorage, key: &str, vector: Vec<f32>) -> Result<()> {
    let id_after = |prefix: &str| {
        key.strip_prefix(prefix)
            .and_then(|id| Uuid::parse_str(id).ok())
    };
    if let Some(id) = id_after("episode_") {
        storage.store_episode_embedding(id, vector).await?;
    } else if let Some(id) = id_after("pattern_") {
        storage.store_pattern_embedding(id, vector).await?;
    } else {
        StorageBackend::store_embedding(storage, key, vector).await?;
    }
    Ok(())
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value).context("the value is not in the JSON shape of do-memory 0.1.47")
}
