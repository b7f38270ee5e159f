//! How an episode relates to another one, or to a pattern.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Stored;
use crate::cache::Table;

/// One episode in relation to another. Row of [`Table::Relationships`] under its `id`, since
/// do-memory 0.1.14.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRelationship {
    /// Identifies the relationship; its key in the cache.
    pub id: Uuid,
    /// The episode that it starts from.
    pub from_episode_id: Uuid,
    /// The episode that it leads to.
    pub to_episode_id: Uuid,
    /// What the first is to the second.
    pub relationship_type: RelationshipType,
    /// What else is known about it.
    pub metadata: RelationshipMetadata,
    /// When it was made.
    #[serde(with = "super::time")]
    pub created_at: DateTime<Utc>,
}

impl EpisodeRelationship {
    /// A relationship made now, with a random id.
    #[must_use]
    pub fn new(
        from_episode_id: Uuid,
        to_episode_id: Uuid,
        relationship_type: RelationshipType,
        metadata: RelationshipMetadata,
    ) -> Self {
        Self {
            id: Uuid::new_v4(),
            from_episode_id,
            to_episode_id,
            relationship_type,
            metadata,
            created_at: Utc::now(),
        }
    }
}

impl Stored for EpisodeRelationship {
    const TABLE: Table = Table::Relationships;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        Some(self.created_at)
    }
}

/// An episode in relation to a pattern. Row of [`Table::EpisodePatternRelationships`] under its
/// `id`, since do-memory 0.1.32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodePatternRelationship {
    /// Identifies the relationship; its key in the cache.
    pub id: Uuid,
    /// The episode.
    pub episode_id: Uuid,
    /// The pattern.
    pub pattern_id: Uuid,
    /// What the episode is to the pattern.
    pub relationship_type: RelationshipType,
    /// What else is known about it.
    pub metadata: RelationshipMetadata,
    /// When it was made.
    #[serde(with = "super::time")]
    pub created_at: DateTime<Utc>,
}

impl EpisodePatternRelationship {
    /// A relationship made now, with a random id.
    #[must_use]
    pub fn new(
        episode_id: Uuid,
        pattern_id: Uuid,
        relationship_type: RelationshipType,
        metadata: RelationshipMetadata,
    ) -> Self {
        Self {
            id: Uuid::new_v4(),
            episode_id,
            pattern_id,
            relationship_type,
            metadata,
            created_at: Utc::now(),
        }
    }
}

impl Stored for EpisodePatternRelationship {
    const TABLE: Table = Table::EpisodePatternRelationships;

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        Some(self.created_at)
    }
}

/// What the first is to the second. JSON writes snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationshipType {
    /// The whole of which it is a part.
    ParentChild,
    /// It needs the second.
    DependsOn,
    /// It comes after the second.
    Follows,
    /// Something connects them.
    RelatedTo,
    /// The second has to wait for it.
    Blocks,
    /// They are the same.
    Duplicates,
    /// It mentions the second.
    References,
}

/// What else is known about a relationship.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RelationshipMetadata {
    /// Why it was made.
    pub reason: Option<String>,
    /// Who made it.
    pub created_by: Option<String>,
    /// How much it matters, 1 to 10.
    pub priority: Option<u8>,
    /// How strong it is, 0 to 1. Since do-memory 0.1.32.
    pub weight: Option<f32>,
    /// Anything else.
    #[serde(default)]
    pub custom_fields: BTreeMap<String, String>,
}
