//! do-memory 0.1.32. No task ends as abstained, and the reward has no part for it.

use super::episode::{FirstReward, OldEpisode};
use super::{Era, Layout, Reading};
use crate::cache::Table;
use crate::cache::record::{Episode, Misfit, RecommendationFeedback, Record, TaskOutcome, whole};

pub(super) const ERA: Era = Era {
    layout: Layout::L6,
    read,
};

fn read(table: Table, bytes: &[u8]) -> Reading {
    match table {
        Table::Episodes => Some(episode(bytes).map(Record::from)),
        Table::RecommendationFeedback => Some(feedback(bytes).map(Record::from)),
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

fn refuse_abstained(outcome: Option<&TaskOutcome>, bytes: &[u8]) -> Result<(), Misfit> {
    match outcome {
        Some(TaskOutcome::Abstained { .. }) => Err(Misfit::new(
            0,
            bytes,
            "an outcome that came with do-memory 0.1.33",
        )),
        _ => Ok(()),
    }
}
