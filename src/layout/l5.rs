//! do-memory 0.1.22 to 0.1.31. An episode has checkpoints; a relationship has no weight yet.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::ending::{self, Ending};
use super::episode::OldCheckpoint;
use super::l4::TaggedEnding;
use super::wire::Postcard;
use super::{Era, Layout};
use crate::cache::Table;
use crate::cache::record::{
    EpisodeRelationship, RelationshipMetadata, RelationshipType, RowReader, time, whole,
};

pub(super) const ERA: Era = Era {
    layout: Layout::L5,
    reader,
    ending: Some(ending::read::<Postcard, CheckpointedEnding>),
};

fn reader(table: Table) -> Option<RowReader> {
    (table == Table::Relationships).then_some(|bytes| {
        whole::<Weightless>(bytes).map(|old| EpisodeRelationship::from(old).into())
    })
}

#[derive(Deserialize)]
struct CheckpointedEnding {
    first: TaggedEnding,
    checkpoints: Vec<OldCheckpoint>,
}

impl From<CheckpointedEnding> for Ending {
    fn from(old: CheckpointedEnding) -> Self {
        Self {
            checkpoints: old.checkpoints,
            ..old.first.into()
        }
    }
}

/// A relationship of L4 and L5.
#[derive(Deserialize)]
struct Weightless {
    id: Uuid,
    from_episode_id: Uuid,
    to_episode_id: Uuid,
    relationship_type: RelationshipType,
    reason: Option<String>,
    created_by: Option<String>,
    priority: Option<u8>,
    custom_fields: BTreeMap<String, String>,
    #[serde(with = "time")]
    created_at: DateTime<Utc>,
}

impl From<Weightless> for EpisodeRelationship {
    fn from(old: Weightless) -> Self {
        Self {
            id: old.id,
            from_episode_id: old.from_episode_id,
            to_episode_id: old.to_episode_id,
            relationship_type: old.relationship_type,
            metadata: RelationshipMetadata {
                reason: old.reason,
                created_by: old.created_by,
                priority: old.priority,
                weight: None,
                custom_fields: old.custom_fields,
            },
            created_at: old.created_at,
        }
    }
}
