//! Rows of `episode_relationships` and `episode_pattern_relationships`.

use super::super::row::{Cells, Flaw};
use super::{named, uuid};
use crate::cache::record::{EpisodePatternRelationship, EpisodeRelationship, RelationshipMetadata};

/// Reads a relationship between two episodes.
pub(super) fn between_episodes(
    id: &str,
    cells: &Cells,
) -> Result<(String, EpisodeRelationship), Flaw> {
    let relationship = EpisodeRelationship {
        id: uuid(id)?,
        from_episode_id: cells.uuid("from_episode_id")?,
        to_episode_id: cells.uuid("to_episode_id")?,
        relationship_type: named("relationship_type", cells.text("relationship_type")?)?,
        metadata: RelationshipMetadata {
            reason: cells.optional_text("reason")?.map(str::to_owned),
            created_by: cells.optional_text("created_by")?.map(str::to_owned),
            priority: cells.number("priority")?,
            ..metadata(cells)?
        },
        created_at: cells.time("created_at")?,
    };
    Ok((relationship.id.to_string(), relationship))
}

/// Reads a relationship between an episode and a pattern. The store has no column for its reason,
/// who made it, and its priority.
pub(super) fn with_pattern(
    id: &str,
    cells: &Cells,
) -> Result<(String, EpisodePatternRelationship), Flaw> {
    let relationship = EpisodePatternRelationship {
        id: uuid(id)?,
        episode_id: cells.uuid("episode_id")?,
        pattern_id: cells.uuid("pattern_id")?,
        relationship_type: named("relationship_type", cells.text("relationship_type")?)?,
        metadata: metadata(cells)?,
        created_at: cells.time("created_at")?,
    };
    Ok((relationship.id.to_string(), relationship))
}

fn metadata(cells: &Cells) -> Result<RelationshipMetadata, Flaw> {
    Ok(RelationshipMetadata {
        weight: cells.number("weight")?,
        custom_fields: cells.json("metadata")?,
        ..RelationshipMetadata::default()
    })
}
