//! `compact`: gives unused space back to the file system.

use std::path::PathBuf;

use super::values::{Limit, Recompress};
use super::{Context, NotBuilt};
use crate::error::Result;

/// Give unused space back to the file system
///
/// Writes a compact copy beside the cache, verifies it, and puts it in the cache's place. If that
/// is interrupted at any point, the cache is as it was. Needs room for the copy.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache compact --dry-run
  redb-cache compact --min-reclaim 20%             from cron: only if it pays
  redb-cache compact --recompress 6
  redb-cache compact --backup before.redb")]
pub struct Args {
    /// Do nothing unless this much is given back
    #[arg(long, value_name = "PERCENT|SIZE", value_parser = Limit::size)]
    pub min_reclaim: Option<Limit>,

    /// Also compress every row at this level (0-9), or store it plainly with `off`
    ///
    /// A compressed cache is read by this program and its library, not by do-memory itself.
    #[arg(long, value_name = "LEVEL|off", value_parser = Recompress::read)]
    pub recompress: Option<Recompress>,

    /// Keep the original here; the file must not exist yet
    #[arg(long, value_name = "PATH")]
    pub backup: Option<PathBuf>,

    /// Show what would be given back, and change nothing
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
