//! Values that are their number, some of them larger.

use redb_cache::cache::record::{Embedding, Episode, EpisodeSummary, RecommendationSession};

use crate::common;

pub fn episode(number: u32) -> Episode {
    let mut episode = common::episode(&number.to_string());
    let text = "it went as it was planned; ".repeat(number as usize % 40);
    episode.metadata.insert("notes".into(), text);
    episode
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
pub fn embedding(number: u32) -> Embedding {
    vec![number as f32; 1 + number as usize % 30]
}

pub fn summary(number: u32) -> EpisodeSummary {
    EpisodeSummary {
        episode_id: uuid::Uuid::nil(),
        summary_text: number.to_string(),
        key_concepts: Vec::new(),
        key_steps: Vec::new(),
        summary_embedding: None,
        created_at: chrono::DateTime::UNIX_EPOCH,
    }
}

pub fn session(number: u32) -> RecommendationSession {
    RecommendationSession {
        session_id: uuid::Uuid::nil(),
        episode_id: uuid::Uuid::nil(),
        timestamp: chrono::DateTime::UNIX_EPOCH,
        recommended_pattern_ids: vec![number.to_string()],
        recommended_playbook_ids: Vec::new(),
    }
}
