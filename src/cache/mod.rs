//! The engine: how a cache behaves.

pub mod entry;
pub mod record;
mod table;

pub use entry::{Codec, Entry, Totals};
pub use table::Table;
