#![doc = include_str!("../README.md")]

pub mod cache;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod commands;
pub mod error;
pub mod file;
pub mod layout;
mod sabotage;
#[cfg(feature = "cli")]
pub mod source;
#[cfg(feature = "cli")]
pub mod ui;

pub use cache::{Concurrency, RedbConfig, RedbStorage};
pub use error::{Error, ErrorKind, Result};
