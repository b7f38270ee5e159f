//! do-memory 0.1.33. The reward ends with the part for abstention, a checkpoint knows less.

use serde::Deserialize;

use super::episode::{FirstReward, OldEpisode};
use super::{Era, Layout};
use crate::cache::Table;
use crate::cache::record::{Episode, RewardScore, RowReader, whole};

pub(super) const ERA: Era = Era {
    layout: Layout::L7,
    reader,
    ending: None,
};

fn reader(table: Table) -> Option<RowReader> {
    (table == Table::Episodes)
        .then_some(|bytes| whole::<OldEpisode<Reward>>(bytes).map(|old| Episode::from(old).into()))
}

#[derive(Deserialize)]
struct Reward {
    first: FirstReward,
    abstention_score: f32,
}

impl From<Reward> for RewardScore {
    fn from(old: Reward) -> Self {
        Self {
            abstention_score: old.abstention_score,
            ..old.first.into()
        }
    }
}
