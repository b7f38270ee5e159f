//! do-memory's index from an episode to the newest of its recommendation sessions.

use std::collections::BTreeMap;

use redb::{ReadableTable, TableDefinition};

use super::Table;
use super::ledger::Ledger;
use super::record::{self, RecommendationSession};
use crate::error::Result;

/// Episode id -> session id: the session with the greatest time and id.
pub const SESSION_INDEX: TableDefinition<&str, &str> =
    TableDefinition::new("recommendation_episode_index");

impl Ledger<'_> {
    /// Lets the index of sessions follow a session that was just written: an episode's entry is
    /// the session with the greatest time and id.
    ///
    /// # Errors
    /// When redb fails.
    pub fn index_session(&mut self, session: &RecommendationSession) -> Result<()> {
        let episode = session.episode_id.to_string();
        let rank = (session.timestamp, session.session_id);
        let mut index = self.txn.open_table(SESSION_INDEX)?;
        let current = index.get(episode.as_str())?.map(|id| id.value().to_owned());
        if let Some(current) = current {
            let bytes = self.stored(Table::RecommendationSessions, &current)?;
            let known =
                bytes.and_then(|bytes| record::decode::<RecommendationSession>(&bytes).ok());
            if known.is_some_and(|known| (known.timestamp, known.session_id) > rank) {
                return Ok(());
            }
        }
        index.insert(episode.as_str(), session.session_id.to_string().as_str())?;
        Ok(())
    }

    /// Makes the index anew from the sessions that are left. Sessions are few, and rarely removed.
    ///
    /// # Errors
    /// When redb fails.
    pub fn rebuild_session_index(&mut self) -> Result<()> {
        let mut newest = BTreeMap::new();
        for row in self.rows(Table::RecommendationSessions)?.iter()? {
            let (_, bytes) = row?;
            // A row that does not decode cannot win an index entry; it stays where it is.
            if let Ok(session) = record::decode::<RecommendationSession>(bytes.value()) {
                let rank = (session.timestamp, session.session_id);
                let best = newest.entry(session.episode_id).or_insert(rank);
                *best = rank.max(*best);
            }
        }
        let mut index = self.txn.open_table(SESSION_INDEX)?;
        index.retain(|_, _| false)?;
        for (episode, (_, session)) in newest {
            index.insert(episode.to_string().as_str(), session.to_string().as_str())?;
        }
        Ok(())
    }
}
