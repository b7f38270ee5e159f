//! do-memory 0.1.14 to 0.1.21. An episode has tags.

use serde::Deserialize;

use super::ending::{self, Ending};
use super::l3::AppliedEnding;
use super::wire::Postcard;
use super::{Era, Layout};

pub(super) const ERA: Era = Era {
    layout: Layout::L4,
    reader: |_| None,
    ending: Some(ending::read::<Postcard, TaggedEnding>),
};

/// The end of an episode in L4, with which that of L5 begins.
#[derive(Deserialize)]
pub(super) struct TaggedEnding {
    first: AppliedEnding,
    tags: Vec<String>,
}

impl From<TaggedEnding> for Ending {
    fn from(old: TaggedEnding) -> Self {
        Self {
            tags: old.tags,
            ..old.first.into()
        }
    }
}
