//! `repair`: what can be done for a damaged cache.

mod examine;
mod place;
mod quarantine;
mod report;
mod salvage;
mod sums;
mod view;
mod write;

use std::path::{Path, PathBuf};
use std::time::Instant;

pub use self::report::RepairReport;
use super::{Context, names};
use crate::error::{ErrorKind, Result};
use crate::file::Remains;

/// Repair a damaged cache, or save what is left of it
///
/// Reads every page. What redb can repair is repaired in a copy beside the cache, which is verified
/// and put in its place; the original is kept beside it as <name>.backup-<number>. If that is
/// interrupted at any point, the cache is as it was. A cache that is well is left alone.
///
/// What redb cannot repair (exit 13) --salvage copies into a new cache, row by row: all that lies in
/// pages that have their checksum and decodes. It keeps the layout of the rows, and `migrate` takes
/// it. Rows that are legible and cannot be trusted are kept as JSON Lines in
/// <OUT>.quarantine-<number>. The report counts what is lost; exit 3 if anything is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache repair --dry-run                   what is wrong, and what can be done
  redb-cache repair
  redb-cache repair --backup damaged.redb
  redb-cache repair --salvage saved.redb        leave the original alone
  redb-cache repair --salvage saved.redb --format json | jq .tables")]
pub struct Args {
    /// Copy what is left into a new cache here, and leave the original alone; the file must not
    /// exist yet
    #[arg(long, value_name = "OUT", conflicts_with_all = ["backup", "no_backup"])]
    pub salvage: Option<PathBuf>,

    /// Keep the original here instead of beside the cache; the file must not exist yet
    #[arg(long, value_name = "PATH")]
    pub backup: Option<PathBuf>,

    /// Do not keep the original
    #[arg(long, conflicts_with = "backup")]
    pub no_backup: bool,

    /// Show what would be done, and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
}

/// Carries the command out.
///
/// # Errors
/// When the cache is in use, is nothing of redb's or a newer one, cannot be replaced, holds nothing
/// that could be saved, the disk has no room, or it is not confirmed. The cache is then as it was.
pub fn run(args: &Args, context: &Context<'_>) -> Result<RepairReport> {
    let named = [("--salvage", &args.salvage), ("--backup", &args.backup)];
    names::require_usable(&context.cache, &named)?;
    let began = Instant::now();
    let mut report = match &args.salvage {
        Some(out) => salvage::run(args, context, out)?,
        None => place::run(args, context)?,
    };
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// The file, when nobody writes it.
fn quiet(context: &Context<'_>) -> Result<Remains> {
    context.wait_for(|timeout| {
        let remains = Remains::open(&context.cache)?;
        match remains.require_quiet() {
            Ok(()) => Ok(remains),
            Err(error) => {
                if error.kind() == ErrorKind::InUse {
                    context.cancel.sleep(timeout)?;
                }
                Err(error)
            }
        }
    })
}

/// A path in a report. What is no text of it is shown as such.
fn text(path: &Path) -> String {
    path.display().to_string()
}
