//! The summary of an episode.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Embedding, Stored};
use crate::cache::Table;

/// An episode in short. Row of [`Table::Summaries`] under its `episode_id`, since do-memory 0.1.8.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeSummary {
    /// The episode; the key in the cache.
    pub episode_id: Uuid,
    /// The summary, mostly 100 to 200 words.
    pub summary_text: String,
    /// What it is about.
    pub key_concepts: Vec<String>,
    /// The steps that mattered.
    pub key_steps: Vec<String>,
    /// The summary as a vector.
    pub summary_embedding: Option<Embedding>,
    /// When it was made.
    #[serde(with = "super::time")]
    pub created_at: DateTime<Utc>,
}

impl EpisodeSummary {
    /// An empty summary made now.
    #[must_use]
    pub fn new(episode_id: Uuid) -> Self {
        Self {
            episode_id,
            summary_text: String::new(),
            key_concepts: Vec::new(),
            key_steps: Vec::new(),
            summary_embedding: None,
            created_at: Utc::now(),
        }
    }
}

impl Stored for EpisodeSummary {
    const TABLE: Table = Table::Summaries;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        Some(self.created_at)
    }
}
