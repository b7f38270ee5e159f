//! Storing a truth through do-memory's calls.

use std::path::Path;

use anyhow::{Context, Result};
use do_memory_core::Episode;
use do_memory_core::embeddings::EmbeddingStorageBackend;
use do_memory_core::semantic::EpisodeSummary;
use do_memory_storage_turso::TursoStorage;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::truth::{Table, Truth};

/// Stores every row of the truth but its metadata, each with the call that an agent would use. Episodes and patterns
/// come first: foreign keys are on.
///
/// # Errors
/// When a value is not in the shape of this release, or a call fails. The error names the row.
pub async fn store_all(storage: &TursoStorage, truth: &Truth) -> Result<()> {
    truth.demand_storable()?;
    for table in Table::ALL {
        for (key, value) in truth.rows(table) {
            store(storage, table, key, value)
                .await
                .with_context(|| format!("cannot store {table} {key}"))?;
        }
    }
    Ok(())
}

/// The same with the calls for many rows, where there are such calls. That for episodes leaves out their tags, that
/// for embeddings only knows those with a name.
///
/// # Errors
/// As [`store_all`].
pub async fn store_all_in_batches(storage: &TursoStorage, truth: &Truth) -> Result<()> {
    truth.demand_storable()?;
    storage
        .store_episodes_batch(all(truth, Table::Episodes)?)
        .await?;
    storage
        .store_patterns_batch(all(truth, Table::Patterns)?)
        .await?;
    storage
        .store_heuristics_batch(all(truth, Table::Heuristics)?)
        .await?;
    let embeddings = truth.rows(Table::Embeddings).iter();
    let (named, others): (Vec<_>, Vec<_>) = embeddings.partition(|(key, _)| item_of(key).is_none());
    let named = named
        .into_iter()
        .map(|(key, value)| Ok((key.clone(), typed(value)?)));
    storage
        .store_embeddings_batch_backend(named.collect::<Result<_>>()?)
        .await?;
    let others = Truth::of([(
        Table::Embeddings,
        others
            .into_iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )]);
    store_all(storage, &others).await?;
    let in_batches = [
        Table::Episodes,
        Table::Patterns,
        Table::Heuristics,
        Table::Embeddings,
    ];
    let remaining = Table::ALL
        .into_iter()
        .filter(|table| !in_batches.contains(table))
        .map(|table| (table, truth.rows(table).clone()));
    store_all(storage, &Truth::of(remaining)).await
}

fn all<T: DeserializeOwned>(truth: &Truth, table: Table) -> Result<Vec<T>> {
    truth.rows(table).values().map(typed).collect()
}

async fn store(storage: &TursoStorage, table: Table, key: &str, value: &Value) -> Result<()> {
    match table {
        Table::Episodes => storage.store_episode(&typed(value)?).await?,
        Table::Patterns => storage.store_pattern(&typed(value)?).await?,
        Table::Heuristics => storage.store_heuristic(&typed(value)?).await?,
        Table::Embeddings => store_embedding(storage, key, typed(value)?).await?,
        Table::Metadata => {}
        Table::Summaries => {
            let summary: EpisodeSummary = typed(value)?;
            storage.store_summary(summary.episode_id, &summary).await?;
        }
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
        Table::Procedural => storage.store_procedural_memory(&typed(value)?).await?,
    }
    Ok(())
}

/// An embedding of an episode or a pattern has a call that takes the id; the others are named.
async fn store_embedding(storage: &TursoStorage, key: &str, vector: Vec<f32>) -> Result<()> {
    match item_of(key) {
        Some(Item::Episode(id)) => storage.store_episode_embedding(id, vector).await?,
        Some(Item::Pattern(id)) => storage.store_pattern_embedding(id, vector).await?,
        None => storage.store_embedding_backend(key, vector).await?,
    }
    Ok(())
}

/// What an embedding is of, unless it only has a name.
enum Item {
    Episode(Uuid),
    Pattern(Uuid),
}

fn item_of(key: &str) -> Option<Item> {
    let id_after = |prefix: &str| Uuid::parse_str(key.strip_prefix(prefix)?).ok();
    let episode = id_after("episode_").map(Item::Episode);
    episode.or_else(|| id_after("pattern_").map(Item::Pattern))
}

/// Adds the metadata of the truth through the client: do-memory has no call for it.
///
/// # Errors
/// When the database cannot be written.
pub async fn add_metadata(path: &Path, truth: &Truth) -> Result<()> {
    let connection = super::database(path).await?.connect()?;
    for (key, value) in truth.rows(Table::Metadata) {
        let value: String = typed(value)?;
        connection
            .execute(
                "INSERT OR REPLACE INTO metadata (key, value) VALUES (?, ?)",
                libsql::params![key.as_str(), value],
            )
            .await
            .with_context(|| format!("cannot store metadata {key}"))?;
    }
    Ok(())
}

/// Makes a database with these episodes, a thousand at a time, which is fast and leaves out their tags: these are
/// added as the call for one episode would.
///
/// # Errors
/// When a call fails.
pub async fn store_episodes(path: &Path, episodes: &[Episode]) -> Result<()> {
    const BATCH: usize = 1_000;
    let storage = super::open(path).await?;
    for batch in episodes.chunks(BATCH) {
        storage.store_episodes_batch(batch.to_vec()).await?;
    }
    drop(storage);
    let connection = super::database(path).await?.connect()?;
    let transaction = connection.transaction().await?;
    for episode in episodes {
        for tag in &episode.tags {
            transaction
                .execute(
                    "INSERT INTO episode_tags (episode_id, tag) VALUES (?, ?)",
                    libsql::params![episode.episode_id.to_string(), tag.as_str()],
                )
                .await?;
        }
    }
    transaction.commit().await?;
    drop(connection);
    super::settle(path).await
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value).context("the value is not in the JSON shape of do-memory 0.1.47")
}
