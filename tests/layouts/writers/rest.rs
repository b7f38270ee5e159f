//! The records that are no episodes and no patterns.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use redb_cache::cache::record;
use redb_cache::cache::record::Record;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Row;
use super::any::{Any, Shape, nested, structs};
use super::parts::{Effectiveness, Map, RelationshipType, TaskContext, same};

structs! {
    struct Evidence { episode_ids: Vec<Uuid>, success_rate: f32, sample_size: u64 }
    struct Heuristic {
        heuristic_id: Uuid,
        condition: String,
        action: String,
        confidence: f32,
        evidence: Evidence,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }
    struct Summary {
        episode_id: Uuid,
        summary_text: String,
        key_concepts: Vec<String>,
        key_steps: Vec<String>,
        summary_embedding: Option<Vec<f32>>,
        created_at: DateTime<Utc>,
    }
    /// Until 0.1.31.
    struct Metadata1 {
        reason: Option<String>,
        created_by: Option<String>,
        priority: Option<u8>,
        custom_fields: Map,
    }
    /// Since 0.1.32.
    struct Metadata2 {
        reason: Option<String>,
        created_by: Option<String>,
        priority: Option<u8>,
        weight: Option<f32>,
        custom_fields: Map,
    }
    struct Relationship<M> {
        id: Uuid,
        from_episode_id: Uuid,
        to_episode_id: Uuid,
        relationship_type: RelationshipType,
        metadata: M,
        created_at: DateTime<Utc>,
    }
    struct PatternRelationship {
        id: Uuid,
        episode_id: Uuid,
        pattern_id: Uuid,
        relationship_type: RelationshipType,
        metadata: Metadata2,
        created_at: DateTime<Utc>,
    }
    struct Session {
        session_id: Uuid,
        episode_id: Uuid,
        timestamp: DateTime<Utc>,
        recommended_pattern_ids: Vec<String>,
        recommended_playbook_ids: Vec<Uuid>,
    }
    struct Feedback<O> {
        session_id: Uuid,
        applied_pattern_ids: Vec<String>,
        consulted_episode_ids: Vec<Uuid>,
        outcome: O,
        agent_rating: Option<f32>,
    }
    struct PlaybookStep {
        order: u64,
        action: String,
        tool_hint: Option<String>,
        expected_result: Option<String>,
    }
    struct Procedural {
        id: Uuid,
        name: String,
        description: String,
        context: TaskContext,
        steps: Vec<PlaybookStep>,
        effectiveness: Effectiveness,
        source_episodes: Vec<Uuid>,
        source_patterns: Vec<Uuid>,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }
}

impl Row for Heuristic {
    fn expected(self) -> Record {
        Record::from(same::<record::Heuristic>(self))
    }
}

impl Row for Vec<f32> {
    fn expected(self) -> Record {
        Record::from(self)
    }
}

impl Row for Summary {
    fn expected(self) -> Record {
        Record::from(same::<record::EpisodeSummary>(self))
    }
}

/// The metadata of a relationship.
pub trait Metadata: Any + Serialize + DeserializeOwned {
    fn map(&mut self) -> &mut Map;
    fn expected(self) -> record::RelationshipMetadata;
}

impl Metadata for Metadata1 {
    fn map(&mut self) -> &mut Map {
        &mut self.custom_fields
    }

    fn expected(self) -> record::RelationshipMetadata {
        record::RelationshipMetadata {
            reason: self.reason,
            created_by: self.created_by,
            priority: self.priority,
            weight: None,
            custom_fields: self.custom_fields.into(),
        }
    }
}

impl Metadata for Metadata2 {
    fn map(&mut self) -> &mut Map {
        &mut self.custom_fields
    }

    fn expected(self) -> record::RelationshipMetadata {
        same(self)
    }
}

impl<M: Metadata> Row for Relationship<M> {
    fn expected(self) -> Record {
        Record::from(record::EpisodeRelationship {
            id: self.id,
            from_episode_id: self.from_episode_id,
            to_episode_id: self.to_episode_id,
            relationship_type: same(self.relationship_type),
            metadata: self.metadata.expected(),
            created_at: self.created_at,
        })
    }

    fn maps(&mut self) -> Vec<&mut Map> {
        vec![self.metadata.map()]
    }
}

impl Row for PatternRelationship {
    fn expected(self) -> Record {
        Record::from(record::EpisodePatternRelationship {
            id: self.id,
            episode_id: self.episode_id,
            pattern_id: self.pattern_id,
            relationship_type: same(self.relationship_type),
            metadata: self.metadata.expected(),
            created_at: self.created_at,
        })
    }

    fn maps(&mut self) -> Vec<&mut Map> {
        vec![self.metadata.map()]
    }
}

impl Row for Session {
    fn expected(self) -> Record {
        Record::from(same::<record::RecommendationSession>(self))
    }
}

impl<O: Any + Serialize + DeserializeOwned> Row for Feedback<O> {
    fn expected(self) -> Record {
        Record::from(same::<record::RecommendationFeedback>(self))
    }
}

impl Row for Procedural {
    fn expected(self) -> Record {
        Record::from(same::<record::ProceduralMemory>(self))
    }
}
