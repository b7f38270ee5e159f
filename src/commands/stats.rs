//! `stats`: how large a cache is and how well it does.

use std::time::Duration;

use super::{Context, NotBuilt, values};
use crate::error::Result;

/// Show the size of a cache, its activity, its limits, and what would improve it
///
/// Costs the same for a cache of any size, unless --exact is given. What the file does not record
/// is shown as `-`, in JSON as null.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache stats
  redb-cache stats --watch 2
  redb-cache stats --format json | jq .activity.hit_rate")]
pub struct Args {
    /// Show them again after this time, until interrupted
    #[arg(long, value_name = "SECS", value_parser = values::watch)]
    pub watch: Option<Duration>,

    /// Count every row instead of trusting what the file records about itself
    #[arg(long)]
    pub exact: bool,
}

/// Carries the command out.
///
/// # Errors
/// Always, until it is built.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<NotBuilt> {
    NotBuilt::yet()
}
