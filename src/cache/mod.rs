//! The engine: how a cache behaves.

mod accept;
mod adopt;
mod bulk;
mod clock;
pub mod compression;
mod config;
pub mod contents;
mod counters;
mod engine;
pub mod entry;
pub mod facts;
mod gate;
mod hot;
pub mod ledger;
pub mod observe;
mod overlay;
pub mod record;
pub mod rewrite;
pub mod schema;
pub mod sessions;
mod stats;
mod storage;
pub mod sweep;
mod table;
mod training;
mod victims;
mod view;
mod writer;

pub use bulk::Loader;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{Concurrency, RedbConfig};
pub use entry::{Codec, Entry, Totals};
pub use stats::{CacheHealth, CacheStats, TableStats};
pub use storage::{Flushed, RedbStorage};
pub use table::Table;
pub use view::View;
