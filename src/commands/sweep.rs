//! `sweep`: removes what has expired and what is over the limits.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::{Context, NotBuilt, values};
use crate::error::Result;

/// Remove expired rows, and those over the limits, oldest access first
///
/// Works in short transactions so that nobody waits long. It may be interrupted and repeated at
/// any time. Only rows that the durable store can bring back are removed. Limits come from the
/// options, then from the environment, then from what the cache itself recorded.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache sweep --dry-run
  redb-cache sweep --ttl 7d --max-entries 10000
  redb-cache sweep --quiet --lock-timeout 1m       from cron, beside an agent")]
pub struct Args {
    /// Expire rows that were written longer ago than this; a bare number is seconds
    #[arg(
        long,
        value_name = "DURATION",
        env = "REDB_TTL_SECONDS",
        hide_env_values = true,
        value_parser = values::duration
    )]
    pub ttl: Option<Duration>,

    /// Keep this many episodes at most
    #[arg(
        long,
        value_name = "N",
        env = "REDB_MAX_CACHE_SIZE",
        hide_env_values = true
    )]
    pub max_entries: Option<u64>,

    /// Keep this many bytes of rows at most
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub max_size: Option<u64>,

    /// Remove this many rows in one transaction
    #[arg(long, value_name = "N", default_value = "500")]
    pub batch: NonZeroUsize,

    /// Show what would go and why, and remove nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// Carries the command out.
///
/// # Errors
/// Always, until it is built.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<NotBuilt> {
    NotBuilt::yet()
}
