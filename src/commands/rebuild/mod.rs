//! `rebuild`: makes the cache anew from the durable store.

mod batch;
mod carry;
mod fill;
mod lost;
mod old;
mod plan;
mod repair;
mod report;
mod resume;
mod site;
mod view;
mod write;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use self::fill::is_bookkeeping;
pub use self::old::Old;
use self::plan::Plan;
use self::report::RebuildReport;
use super::store::StoreArgs;
use super::{Context, names, values};
use crate::error::Result;

/// Make the cache anew from the durable store
///
/// Reads the libSQL/Turso database of any release of do-memory, builds a new cache beside the old
/// one, verifies it, and puts it in the old one's place, which is kept beside it as
/// <name>.backup-<number>. Until then the old cache stays as it is, whatever happens to the store or
/// the network. Where there is no cache yet, one is made.
///
/// A row of the store that cannot be read is listed, and the rest goes on (exit 3). The store never
/// held fractions of seconds of episodes, the patterns applied in them, nor what stood out: where
/// the old cache can be read, migrate keeps them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache rebuild --from turso.db --dry-run
  redb-cache rebuild --from libsql://name.turso.io --yes       with TURSO_AUTH_TOKEN set
  redb-cache rebuild --from turso.db --max-entries 10000 --since 90d
  redb-cache rebuild --from turso.db --table patterns heuristics
  redb-cache rebuild --from turso.db --only-missing --only-stale
  redb-cache rebuild --resume                                  after the network failed")]
pub struct Args {
    /// The store.
    #[command(flatten)]
    pub store: StoreArgs,

    /// Keep this many episodes, the newest; what the cache recorded unless given
    #[arg(
        long,
        value_name = "N",
        env = "REDB_MAX_CACHE_SIZE",
        hide_env_values = true
    )]
    pub max_entries: Option<u64>,

    /// Keep all episodes, whatever limit is set
    #[arg(long)]
    pub all: bool,

    /// Let rows expire so long after now; what the cache recorded unless given
    #[arg(
        long,
        value_name = "DURATION",
        env = "REDB_TTL_SECONDS",
        hide_env_values = true,
        value_parser = values::duration
    )]
    pub ttl: Option<Duration>,

    /// Only episodes that changed since then, and what hangs on them: 2026-01-31, or 30d ago
    #[arg(long, value_name = "TIME", value_parser = values::Since::read)]
    pub since: Option<values::Since>,

    /// Only these tables; the others stay as they are in the cache
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub table: Vec<String>,

    /// Leave the cache in place and add what it misses
    #[arg(long, conflicts_with_all = ["resume", "backup", "no_backup"])]
    pub only_missing: bool,

    /// Leave the cache in place and renew what changed in the store since
    #[arg(long, conflicts_with_all = ["resume", "backup", "no_backup"])]
    pub only_stale: bool,

    /// Go on where a rebuild stopped when the store could not be read any more
    #[arg(long)]
    pub resume: bool,

    /// Keep the old cache here instead of beside
    #[arg(long, value_name = "PATH")]
    pub backup: Option<PathBuf>,

    /// Do not keep the old cache
    #[arg(long, conflicts_with = "backup")]
    pub no_backup: bool,

    /// Show what is there and how long it would take, and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
}

/// Carries the command out.
///
/// # Errors
/// When the store or the old cache cannot be read, it is not confirmed, the cache is in use, the
/// disk has no room, or it is interrupted. The old cache is then as it was.
pub fn run(args: &Args, context: &Context<'_>) -> Result<RebuildReport> {
    let began = Instant::now();
    names::require_usable(&context.cache, &[("--backup", &args.backup)])?;
    let old = Old::look(context)?;
    let in_place = args.only_missing || args.only_stale;
    if old.is_some() && !in_place && !args.dry_run && !context.ui.can_ask() {
        // Nobody will be there to be asked once the store has answered.
        context.confirm(&question(context), args.yes)?;
    }
    let check = || context.cancel.check();
    let store = args.store.open(&check)?;
    let plan = Plan::make(args, context, old, &store)?;
    let mut report = if in_place {
        repair::run(args, context, &store, &plan)?
    } else if args.dry_run {
        plan.forecast(&store)?
    } else {
        write::run(args, context, &store, plan)?
    };
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    for row in &report.unreadable.listed {
        let (table, id, why) = (&row.table, &row.id, &row.why);
        context
            .ui
            .detail(format!("{table} {id} cannot be read: {why}"));
    }
    Ok(report)
}

fn question(context: &Context<'_>) -> String {
    format!(
        "Replace {} by what the durable store has?",
        context.cache.display()
    )
}
