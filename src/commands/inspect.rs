//! `inspect`: what is in a cache.

use super::{Context, NotBuilt};
use crate::error::Result;

/// Show what is in a cache: the file, a table, or a row
///
/// Without arguments the file and its tables; with a table its keys; with a key the decoded value
/// as JSON. Nothing is written, not even to a cache that was not closed cleanly, and a cache that
/// another process holds is read as well. Caches of every do-memory release are read, as far as
/// that needs no decoding.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache inspect                                  the file and its tables
  redb-cache inspect episodes --largest 10            the ten largest episodes
  redb-cache inspect metadata --prefix user:          keys that begin with user:
  redb-cache inspect episodes ID                      one episode as JSON
  redb-cache inspect episodes ID --raw > value.bin    its stored bytes")]
pub struct Args {
    /// The table to look into
    pub table: Option<String>,

    /// The row to show
    pub key: Option<String>,

    /// Show this many keys at most; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "key")]
    pub limit: u64,

    /// Only keys that begin with this
    #[arg(long, requires = "table", conflicts_with = "key")]
    pub prefix: Option<String>,

    /// The N largest rows, the largest first
    #[arg(long, value_name = "N", requires = "table", conflicts_with_all = ["key", "limit"])]
    pub largest: Option<u64>,

    /// Only rows that have expired and are not cleaned yet
    #[arg(long, requires = "table", conflicts_with = "key")]
    pub expired: bool,

    /// The value's bytes instead of JSON, inflated if they are compressed
    #[arg(long, requires = "key", conflicts_with = "hex")]
    pub raw: bool,

    /// The value's bytes as a hexadecimal dump
    #[arg(long, requires = "key")]
    pub hex: bool,
}

/// Carries the command out.
///
/// # Errors
/// Always, until it is built.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<NotBuilt> {
    NotBuilt::yet()
}
