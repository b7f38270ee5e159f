//! The yardstick for rebuilding: what do-memory-storage-turso keeps of what it is given, told by itself.

use anyhow::{Context, Result, ensure};
use do_memory_core::semantic::EpisodeSummary;
use do_memory_storage_turso::TursoStorage;
use interop::durable;
use interop::json;
use interop::sandbox::{Fixture, RELEASE, Sandbox};
use interop::synthetic;
use interop::truth::{Table, Truth};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// A row as do-memory reads it, where it can: it has no good word on patterns, and reads edges by an episode.
async fn read(storage: &TursoStorage, table: Table, key: &str, truth: &Value) -> Result<Value> {
    let id = Uuid::parse_str(key)?;
    let value = match table {
        Table::Episodes => json!(storage.get_episode(id).await?),
        Table::Heuristics => json!(storage.get_heuristic(id).await?),
        // It reads the time of the call.
        Table::Summaries => {
            let mut summary = storage.get_summary(id).await?.context("no summary")?;
            summary.created_at = EpisodeSummary::deserialize(truth)?.created_at;
            json!(summary)
        }
        Table::Relationships => json!(storage.get_relationship_by_id(id).await?),
        Table::EpisodePatternRelationships => {
            let episode = truth.get("episode_id").and_then(Value::as_str);
            let episode = Uuid::parse_str(episode.context("no episode")?)?;
            let edges = storage.get_episode_pattern_relationships(episode).await?;
            json!(edges.into_iter().find(|edge| edge.id == id))
        }
        Table::RecommendationSessions => json!(storage.get_recommendation_session(id).await?),
        Table::RecommendationFeedback => json!(storage.get_recommendation_feedback(id).await?),
        Table::Procedural => json!(storage.get_procedural_memory(id).await?),
        Table::Patterns | Table::Embeddings | Table::Metadata => truth.clone(),
    };
    Ok(value)
}

#[tokio::test]
async fn do_memory_reads_back_what_is_said_to_be_kept() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let path = sandbox.path("turso.db");
    let given = Truth::load(&Fixture::find(RELEASE)?.truth())?;
    let tables = Table::ALL.into_iter();
    let given = Truth::of(
        tables
            .filter(|table| *table != Table::Embeddings)
            .map(|table| (table, given.rows(table).clone())),
    );
    let storage = durable::open(&path).await?;
    durable::store_all(&storage, &given).await?;
    let kept = durable::kept(&given, &durable::times_of_summaries(&path).await?)?;
    let mut differ = 0;
    for table in Table::ALL {
        for (key, want) in kept.rows(table) {
            if table == Table::Metadata {
                continue;
            }
            let got = read(&storage, table, key, want).await?;
            let difference = json::difference(&got, want);
            ensure!(difference.is_none(), "{table} {key}{difference:?}");
            differ += usize::from(given.rows(table).get(key) != Some(want));
        }
    }
    ensure!(differ > 0, "the store keeps everything");
    Ok(())
}

#[tokio::test]
async fn plain_paging_reads_every_row_once() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let path = sandbox.path("turso.db");
    let episodes: Vec<_> = (0..2_500)
        .map(|seed| synthetic::episode(Uuid::from_u64_pair(1, seed), seed))
        .collect();
    durable::store_episodes(&path, &episodes).await?;
    let amount = durable::read_all_pages(&durable::database(&path).await?).await?;
    let tags: usize = episodes.iter().map(|episode| episode.tags.len()).sum();
    // The last is a note of the library's own.
    assert_eq!(amount.rows, 2 * episodes.len() + tags + 1);
    ensure!(amount.bytes > 1_000 * episodes.len(), "{amount:?}");
    Ok(())
}
