//! `clear`: removes rows on request.

use std::path::PathBuf;

use super::{Context, NotBuilt};
use crate::error::Result;

/// Remove rows: of all tables that a rebuild brings back, or of those named
///
/// Shows what would go and asks; without a terminal it needs --yes. Recommendation sessions,
/// feedback and metadata exist nowhere else: they go only when their table is named.
#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("scope").required(true).args(["all", "table"])),
    after_help = "\
Examples:
  redb-cache clear --all --dry-run
  redb-cache clear --table episodes --expired
  redb-cache clear --table embeddings --prefix episode_ --yes
  redb-cache clear --all --backup before.redb --yes"
)]
pub struct Args {
    /// Every table that a rebuild brings back
    #[arg(long)]
    pub all: bool,

    /// These tables
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub table: Vec<String>,

    /// Only rows that have expired
    #[arg(long)]
    pub expired: bool,

    /// Only rows whose key begins with this
    #[arg(long)]
    pub prefix: Option<String>,

    /// Keep a copy of the cache here; the file must not exist yet
    #[arg(long, value_name = "PATH")]
    pub backup: Option<PathBuf>,

    /// Show what would go, and remove nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
}

/// Carries the command out.
///
/// # Errors
/// Always, until it is built.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<NotBuilt> {
    NotBuilt::yet()
}
