//! Values that a codec wrote without their types: the parameters of a step before do-memory 0.1.32.
//!
//! A [`Chart`] finds every plausible way to read the value that begins at a byte, and where each
//! ends. Who knows what must follow picks the end; [`Siblings`] settle what the same bytes stand
//! for (`0`, `""`, `[]`, `{}` and `false` may be one and the same byte) by what stands in the same
//! place of other rows.

mod chart;
mod cost;
mod json;
mod kinds;
mod known;
mod names;
mod reading;
mod resolve;
mod scalar;
mod sequence;
mod siblings;

pub(super) use chart::{Chart, Effort, Value, Work};
pub(super) use cost::{CERTAIN, UNREADABLE, UNREADABLE_BYTE, bits, count, oddity};
pub(super) use resolve::Lesson;
pub(super) use siblings::Siblings;
