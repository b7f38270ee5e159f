//! What follows the steps in an episode of do-memory 0.1.31 and before.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::episode::{FirstReward, OldCheckpoint, refuse_abstained};
use super::wire::{Wire, whole};
use crate::cache::record::{Misfit, PatternApplication, Reflection, SalientFeatures, TaskOutcome};

/// The end of an episode, whatever its layout.
pub(super) struct Ending {
    pub closing: Closing,
    pub applied_patterns: Vec<PatternApplication>,
    pub salient_features: Option<SalientFeatures>,
    pub metadata: BTreeMap<String, String>,
    pub tags: Vec<String>,
    pub checkpoints: Vec<OldCheckpoint>,
}

/// Reads the bytes that follow the last step, all of them.
pub(super) type ReadEnding = fn(&[u8]) -> Result<Ending, Misfit>;

/// [`ReadEnding`] of the layout whose end is `T`.
pub(super) fn read<W: Wire, T: DeserializeOwned + Into<Ending>>(
    bytes: &[u8],
) -> Result<Ending, Misfit> {
    let ending: Ending = whole::<W, T>(bytes)?.into();
    refuse_abstained(ending.closing.outcome.as_ref(), bytes)?;
    Ok(ending)
}

/// What every layout has.
#[derive(Deserialize)]
pub(super) struct Closing {
    pub outcome: Option<TaskOutcome>,
    pub reward: Option<FirstReward>,
    pub reflection: Option<Reflection>,
    pub patterns: Vec<Uuid>,
    pub heuristics: Vec<Uuid>,
}
