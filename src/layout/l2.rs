//! do-memory 0.1.7: the first rows in postcard.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ending::{self, Closing, Ending};
use super::wire::Postcard;
use super::{Era, Layout, patterns};
use crate::cache::Table;
use crate::cache::record::{Record, RowReader};

pub(super) const ERA: Era = Era {
    layout: Layout::L2,
    reader,
    ending: Some(ending::read::<Postcard, FirstEnding>),
};

fn reader(table: Table) -> Option<RowReader> {
    (table == Table::Patterns)
        .then_some(|bytes| patterns::without_effectiveness::<Postcard>(bytes).map(Record::from))
}

/// The end of an episode in L1 and L2.
#[derive(Deserialize)]
pub(super) struct FirstEnding {
    closing: Closing,
    metadata: BTreeMap<String, String>,
}

impl From<FirstEnding> for Ending {
    fn from(old: FirstEnding) -> Self {
        Self {
            closing: old.closing,
            applied_patterns: Vec::new(),
            salient_features: None,
            metadata: old.metadata,
            tags: Vec::new(),
            checkpoints: Vec::new(),
        }
    }
}
