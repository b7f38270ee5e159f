//! The calls of do-memory that look at several tables at once, and what must hold between their answers.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use do_memory_core::StorageBackend;
use do_memory_core::embeddings::EmbeddingStorageBackend;
use do_memory_core::episode::Direction;
use do_memory_storage_redb::{RedbQuery, RedbStorage};
use uuid::Uuid;

use super::read::MOST_ROWS_OF_A_QUERY;

/// Asks every remaining question and reports the answers that fail or contradict each other.
pub async fn contradictions(storage: &RedbStorage) -> Vec<String> {
    let answers = [
        (
            "get_statistics",
            statistics_count_what_is_listed(storage).await,
        ),
        (
            "query_episodes_since",
            episodes_are_found_by_start(storage).await,
        ),
        (
            "query_episodes_modified_since",
            episodes_are_found_by_change(storage).await,
        ),
        (
            "get_relationships",
            relationships_are_found_from_both_ends(storage).await,
        ),
        (
            "get_recommendation_session_for_episode",
            the_newest_session_is_indexed(storage).await,
        ),
        ("find_similar", similar_rows_are_found(storage).await),
    ];
    let failed = answers
        .into_iter()
        .filter_map(|(call, answer)| Some((call, answer.err()?)));
    failed
        .map(|(call, error)| format!("{call}: {error:#}"))
        .collect()
}

/// A listing of patterns passes over rows it cannot decode, so only the count betrays them.
async fn statistics_count_what_is_listed(storage: &RedbStorage) -> Result<()> {
    let counted = storage.get_statistics().await?;
    let all = RedbQuery { limit: None };
    let episodes = storage.get_all_episodes(&all).await?.len();
    let patterns = storage.get_all_patterns(&all).await?.len();
    let heuristics = storage.get_all_heuristics(&all).await?.len();
    ensure!(
        counted.episode_count == episodes,
        "{} episodes, {episodes} of them listed",
        counted.episode_count
    );
    ensure!(
        counted.pattern_count == patterns,
        "{} patterns, {patterns} of them decode",
        counted.pattern_count
    );
    ensure!(
        counted.heuristic_count == heuristics,
        "{} heuristics, {heuristics} listed",
        counted.heuristic_count
    );
    let edges = storage.get_all_relationships().await?.len();
    let counted = storage.count_cached_relationships()?;
    ensure!(
        counted == edges,
        "{counted} relationships, {edges} of them listed"
    );
    Ok(())
}

async fn episodes_are_found_by_start(storage: &RedbStorage) -> Result<()> {
    let found = storage
        .query_episodes_since(DateTime::<Utc>::MIN_UTC, Some(MOST_ROWS_OF_A_QUERY))
        .await?;
    let stored = storage.get_statistics().await?.episode_count;
    let want = stored.min(MOST_ROWS_OF_A_QUERY);
    ensure!(
        found.len() == want,
        "{} episodes instead of {want}",
        found.len()
    );
    Ok(())
}

/// Pages through the episodes in the order of `episode_revisions`: each exactly once.
async fn episodes_are_found_by_change(storage: &RedbStorage) -> Result<()> {
    let mut seen = BTreeSet::new();
    let mut cursor = None;
    loop {
        let since = DateTime::<Utc>::MIN_UTC;
        let page = storage
            .query_episodes_modified_since(since, cursor, Some(MOST_ROWS_OF_A_QUERY))
            .await?;
        let Some((episode, changed)) = page.last() else {
            break;
        };
        cursor = Some((*changed, episode.episode_id));
        for (episode, _) in page {
            ensure!(
                seen.insert(episode.episode_id),
                "{} came twice",
                episode.episode_id
            );
        }
    }
    let stored = storage.get_statistics().await?.episode_count;
    ensure!(seen.len() == stored, "{} of {stored} episodes", seen.len());
    Ok(())
}

async fn relationships_are_found_from_both_ends(storage: &RedbStorage) -> Result<()> {
    for edge in storage.get_all_relationships().await? {
        let outgoing = storage
            .get_relationships(edge.from_episode_id, Direction::Outgoing)
            .await?;
        let incoming = storage
            .get_relationships(edge.to_episode_id, Direction::Incoming)
            .await?;
        ensure!(
            outgoing.iter().any(|one| one.id == edge.id),
            "{} is not found from its source",
            edge.id
        );
        ensure!(
            incoming.iter().any(|one| one.id == edge.id),
            "{} is not found from its target",
            edge.id
        );
        let exists = storage.relationship_exists(
            edge.from_episode_id,
            edge.to_episode_id,
            edge.relationship_type,
        );
        ensure!(exists.await?, "{} does not exist", edge.id);
        let neighbours = storage.get_weighted_neighbors(edge.from_episode_id).await?;
        ensure!(
            neighbours.iter().any(|(id, ..)| *id == edge.to_episode_id),
            "{} leads to no neighbour",
            edge.id
        );
    }
    Ok(())
}

/// The index has to name the session with the greatest time, then id.
async fn the_newest_session_is_indexed(storage: &RedbStorage) -> Result<()> {
    let sessions = storage.list_recommendation_sessions().await?;
    let mut newest: BTreeMap<Uuid, (DateTime<Utc>, Uuid)> = BTreeMap::new();
    for session in &sessions {
        let rank = (session.timestamp, session.session_id);
        let best = newest.entry(session.episode_id).or_insert(rank);
        *best = rank.max(*best);
    }
    for (episode, (_, want)) in newest {
        let got = storage
            .get_recommendation_session_for_episode(episode)
            .await?
            .map(|session| session.session_id);
        ensure!(
            got == Some(want),
            "{got:?} instead of {want} for episode {episode}"
        );
    }
    let total = storage.get_recommendation_stats().await?.total_sessions;
    ensure!(
        total == sessions.len(),
        "{total} sessions counted, {} listed",
        sessions.len()
    );
    Ok(())
}

/// An episode or pattern that has an embedding of its own is the most similar to that embedding.
async fn similar_rows_are_found(storage: &RedbStorage) -> Result<()> {
    for key in storage.list_embedding_ids().await? {
        let Some(vector) = storage
            .get_embedding(&key)
            .await?
            .filter(|vector| has_a_direction(vector))
        else {
            continue;
        };
        if let Some(id) = id_after(&key, "episode_") {
            let stored = storage.get_episode(id).await?.is_some();
            let found = storage
                .find_similar_episodes(vector, MOST_ROWS_OF_A_QUERY, 0.99)
                .await?;
            let found = found.iter().any(|similar| similar.item.episode_id == id);
            ensure!(
                found == stored,
                "episode {id}: stored {stored}, found {found}"
            );
        } else if let Some(id) = id_after(&key, "pattern_") {
            let stored = storage.get_pattern(id).await?.is_some();
            let found = storage
                .find_similar_patterns(vector, MOST_ROWS_OF_A_QUERY, 0.99)
                .await?;
            let found = found.iter().any(|similar| similar.item.id() == id);
            ensure!(
                found == stored,
                "pattern {id}: stored {stored}, found {found}"
            );
        }
    }
    Ok(())
}

/// The length of a vector with huge elements overflows, and then do-memory finds nothing similar to it.
fn has_a_direction(vector: &[f32]) -> bool {
    let square: f32 = vector.iter().map(|element| element * element).sum();
    square.is_normal()
}

fn id_after(key: &str, prefix: &str) -> Option<Uuid> {
    Uuid::parse_str(key.strip_prefix(prefix)?).ok()
}
