//! The cache engine of `redb-cache`, and everything its command line program is made of.

pub mod cache;
pub mod error;

pub use error::{Error, ErrorKind, Result};
