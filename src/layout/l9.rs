//! do-memory 0.1.35 to 0.1.47: what the types of [`record`](crate::cache::record) derive.

use super::{Era, Layout};
use crate::cache::record::Record;

pub(super) const ERA: Era = Era {
    layout: Layout::L9,
    reader: Record::reader,
    ending: None,
};
