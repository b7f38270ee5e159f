//! The engine: how a cache behaves.

pub mod entry;
mod table;

pub use entry::{Codec, Entry, Totals};
pub use table::Table;
