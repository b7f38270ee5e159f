//! do-memory 0.1.32. No task ends as abstained, and the reward has no part for it.

use super::episode::{FirstReward, OldEpisode, refuse_abstained};
use super::{Era, Layout};
use crate::cache::Table;
use crate::cache::record::{Episode, Misfit, RecommendationFeedback, Record, RowReader, whole};

pub(super) const ERA: Era = Era {
    layout: Layout::L6,
    reader,
    ending: None,
};

fn reader(table: Table) -> Option<RowReader> {
    match table {
        Table::Episodes => Some(|bytes| episode(bytes).map(Record::from)),
        Table::RecommendationFeedback => Some(|bytes| feedback(bytes).map(Record::from)),
        _ => None,
    }
}

fn episode(bytes: &[u8]) -> Result<Episode, Misfit> {
    let episode = Episode::from(whole::<OldEpisode<FirstReward>>(bytes)?);
    refuse_abstained(episode.outcome.as_ref(), bytes)?;
    Ok(episode)
}

fn feedback(bytes: &[u8]) -> Result<RecommendationFeedback, Misfit> {
    let feedback: RecommendationFeedback = whole(bytes)?;
    refuse_abstained(Some(&feedback.outcome), bytes)?;
    Ok(feedback)
}
