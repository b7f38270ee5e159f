//! do-memory 0.1.8 to 0.1.13. An episode knows the patterns that were applied in it and what stood
//! out, a pattern its effect.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ending::{self, Closing, Ending};
use super::wire::Postcard;
use super::{Era, Layout};
use crate::cache::record::{PatternApplication, SalientFeatures};

pub(super) const ERA: Era = Era {
    layout: Layout::L3,
    reader: |_| None,
    ending: Some(ending::read::<Postcard, AppliedEnding>),
};

/// The end of an episode in L3, with which the later ones begin.
#[derive(Deserialize)]
pub(super) struct AppliedEnding {
    closing: Closing,
    applied_patterns: Vec<PatternApplication>,
    salient_features: Option<SalientFeatures>,
    metadata: BTreeMap<String, String>,
}

impl From<AppliedEnding> for Ending {
    fn from(old: AppliedEnding) -> Self {
        Self {
            closing: old.closing,
            applied_patterns: old.applied_patterns,
            salient_features: old.salient_features,
            metadata: old.metadata,
            tags: Vec::new(),
            checkpoints: Vec::new(),
        }
    }
}
