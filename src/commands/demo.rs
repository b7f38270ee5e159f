//! `demo`: the newcomer's first minute.

use std::path::PathBuf;

use super::{Context, NotBuilt};
use crate::error::Result;

/// Build a small cache in a folder and walk through the verbs on it
///
/// Shows each command and what it really prints. Without a folder the cache is built in a
/// temporary one and removed at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache demo
  redb-cache demo /tmp/demo && redb-cache --cache /tmp/demo/cache.redb inspect")]
pub struct Args {
    /// The folder to build it in and keep it
    pub dir: Option<PathBuf>,
}

/// Carries the command out.
///
/// # Errors
/// Always, until it is built.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<NotBuilt> {
    NotBuilt::yet()
}
