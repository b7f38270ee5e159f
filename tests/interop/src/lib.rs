//! Proves that redb-cache and the published do-memory storage library understand each other's caches.
//!
//! Two programs are built on this library: `interop`, which lets do-memory-storage-redb write, check and hold a
//! cache, and `bench`, which measures both engines in one run. The tests drive those and the `redb-cache` binary.

pub mod bench;
pub mod check;
pub mod durable;
pub mod engine;
pub mod generation;
pub mod hold;
pub mod json;
pub mod sandbox;
pub mod synthetic;
pub mod tool;
pub mod truth;
pub mod upstream;
