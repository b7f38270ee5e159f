//! Rows of `recommendation_sessions` and `recommendation_feedback`: JSON of the whole record.

use uuid::Uuid;

use super::super::row::{Cells, Flaw};
use super::uuid;
use crate::cache::record::{RecommendationFeedback, RecommendationSession};

/// Reads a session.
pub(super) fn session(id: &str, cells: &Cells) -> Result<(String, RecommendationSession), Flaw> {
    let session: RecommendationSession = cells.json("payload")?;
    Ok((same(id, session.session_id)?, session))
}

/// Reads what came of a session.
pub(super) fn feedback(id: &str, cells: &Cells) -> Result<(String, RecommendationFeedback), Flaw> {
    let feedback: RecommendationFeedback = cells.json("payload")?;
    Ok((same(id, feedback.session_id)?, feedback))
}

/// The key, if the record agrees on it.
fn same(id: &str, inside: Uuid) -> Result<String, Flaw> {
    if uuid(id)? == inside {
        return Ok(inside.to_string());
    }
    Err(format!("payload: it is of the session {inside}"))
}
