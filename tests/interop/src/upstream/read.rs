//! Reading tables back through do-memory's calls.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use do_memory_core::StorageBackend;
use do_memory_storage_redb::{RedbQuery, RedbStorage};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::truth::{Rows, Table};

/// The largest number of rows that do-memory hands out in one limited query.
pub(super) const MOST_ROWS_OF_A_QUERY: usize = do_memory_core::MAX_QUERY_LIMIT;

/// All that do-memory has to say about one table.
#[derive(Debug)]
pub struct Reading {
    /// What fetching a key gave: a value, or why there is none. A key that was not found is absent.
    pub fetched: BTreeMap<String, Result<Value, String>>,
    /// What the call for all rows gave, in its order; `None` where there is no such call.
    pub listed: Option<Result<Vec<(String, Value)>, String>>,
}

/// Fetches the rows of `want` one by one, and the whole table where there is a call for it.
pub async fn read(storage: &RedbStorage, table: Table, want: &Rows) -> Reading {
    let mut fetched = BTreeMap::new();
    for (key, value) in want {
        match fetch(storage, table, key, value).await {
            Ok(Some(value)) => _ = fetched.insert(key.clone(), Ok(value)),
            Ok(None) => {}
            Err(error) => _ = fetched.insert(key.clone(), Err(format!("{error:#}"))),
        }
    }
    let listed = match list(storage, table).await {
        Ok(rows) => rows.map(Ok),
        Err(error) => Some(Err(format!("{error:#}"))),
    };
    Reading { fetched, listed }
}

/// `truth` is needed for the one table whose rows can only be asked for by another id inside them.
async fn fetch(
    storage: &RedbStorage,
    table: Table,
    key: &str,
    truth: &Value,
) -> Result<Option<Value>> {
    match table {
        Table::Episodes => json(storage.get_episode(uuid(key)?).await?),
        Table::Patterns => json(storage.get_pattern(uuid(key)?).await?),
        Table::Heuristics => json(storage.get_heuristic(uuid(key)?).await?),
        Table::Embeddings => json(StorageBackend::get_embedding(storage, key).await?),
        Table::Metadata => json(storage.get_metadata(key).await?),
        Table::Summaries => json(storage.get_episode_summary(uuid(key)?).await?),
        Table::Relationships => json(storage.get_relationship_by_id(uuid(key)?).await?),
        Table::EpisodePatternRelationships => {
            let episode = truth
                .get("episode_id")
                .and_then(Value::as_str)
                .context("no episode_id")?;
            let all = storage
                .get_episode_pattern_relationships(uuid(episode)?)
                .await?;
            json(all.into_iter().find(|one| one.id.to_string() == key))
        }
        Table::RecommendationSessions => {
            json(storage.get_recommendation_session(uuid(key)?).await?)
        }
        Table::RecommendationFeedback => {
            json(storage.get_recommendation_feedback(uuid(key)?).await?)
        }
        Table::Procedural => json(storage.get_procedural(uuid(key)?).await?),
    }
}

async fn list(storage: &RedbStorage, table: Table) -> Result<Option<Vec<(String, Value)>>> {
    let everything = RedbQuery { limit: None };
    match table {
        Table::Episodes => keyed(table, storage.get_all_episodes(&everything).await?),
        Table::Patterns => keyed(table, storage.get_all_patterns(&everything).await?),
        Table::Heuristics => keyed(table, storage.get_all_heuristics(&everything).await?),
        Table::Embeddings => list_embeddings(storage).await.map(Some),
        Table::Relationships => keyed(table, storage.get_all_relationships().await?),
        Table::RecommendationSessions => {
            keyed(table, storage.list_recommendation_sessions().await?)
        }
        Table::RecommendationFeedback => {
            keyed(table, storage.list_recommendation_feedback().await?)
        }
        Table::Procedural => keyed(
            table,
            storage.query_procedural(Some(MOST_ROWS_OF_A_QUERY)).await?,
        ),
        Table::Metadata | Table::Summaries | Table::EpisodePatternRelationships => Ok(None),
    }
}

async fn list_embeddings(storage: &RedbStorage) -> Result<Vec<(String, Value)>> {
    let keys = storage.list_embedding_ids().await?;
    let vectors = storage.get_embeddings_batch(&keys).await?;
    let pairs = keys.into_iter().zip(vectors);
    pairs
        .map(|(key, vector)| Ok((key, serde_json::to_value(vector)?)))
        .collect()
}

fn keyed<T: Serialize>(table: Table, rows: Vec<T>) -> Result<Option<Vec<(String, Value)>>> {
    let key_of = |row: T| {
        let value = serde_json::to_value(row)?;
        let key = table
            .id_of(&value)
            .with_context(|| format!("a row of {table} without an id"))?;
        Ok((key.to_owned(), value))
    };
    rows.into_iter()
        .map(key_of)
        .collect::<Result<_>>()
        .map(Some)
}

/// The keys that occur more than once in a listing.
pub(crate) fn repeated(listed: &[(String, Value)]) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    listed
        .iter()
        .map(|(key, _)| key.as_str())
        .filter(|key| !seen.insert(*key))
        .collect()
}

fn json<T: Serialize>(row: Option<T>) -> Result<Option<Value>> {
    Ok(row.map(serde_json::to_value).transpose()?)
}

fn uuid(key: &str) -> Result<Uuid> {
    Uuid::parse_str(key)
        .with_context(|| format!("do-memory can only be asked for UUIDs, not for {key:?}"))
}
