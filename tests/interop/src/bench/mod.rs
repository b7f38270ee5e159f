//! The same work done by do-memory-storage-redb and by redb-cache, measured in one run.
//!
//! `upstream.rs` and `ours.rs` have the same shape: one function `measure` that fills [`Figures`]. What is measured
//! is said once, by [`Case`]; what is worked on once, by [`Workload`].

mod case;
mod figures;
pub mod ours;
pub mod rebuild;
mod table;
pub mod upstream;
mod workload;

pub use case::Case;
pub use figures::{Figure, Figures, Stopwatch};
pub use table::Comparison;
pub use workload::{Plan, Workload};
