//! `export`: the rows as JSON Lines.

use super::{Context, NotBuilt};
use crate::error::Result;

/// Write the rows as JSON Lines to standard output
///
/// One line for each row, `{"table":"...","key":"...","value":...}`, with the value in the JSON that
/// do-memory gives it. Needs little memory, whatever the size of the cache. The summary goes to
/// stderr. Exits 3 if a row could not be decoded and was left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache export > cache.jsonl
  redb-cache export episodes patterns | jq -c .value
  redb-cache export metadata | wc -l")]
pub struct Args {
    /// The tables to write; without a name all of do-memory's and of users'
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,

    /// Also write what this program keeps for itself: statistics and what it knows about each row
    #[arg(long, conflicts_with = "tables")]
    pub all: bool,
}

/// Carries the command out.
///
/// # Errors
/// Always, until it is built.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<NotBuilt> {
    NotBuilt::yet()
}
