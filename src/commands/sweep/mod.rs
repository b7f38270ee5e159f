//! `sweep`: removes what has expired and what is over the limits.

mod report;

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use redb::{Database, ReadableDatabase};

use self::report::{Row, SweepReport};
use super::access::{self, LimitsInForce, Space};
use super::{Context, values};
use crate::cache::facts::{self, LAST_SWEEP_KEY, LastSweep};
use crate::cache::ledger::Ledger;
use crate::cache::sweep::{self, Bounds, Removed, SweepPlan};
use crate::cache::{Table, View};
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
/// When the cache cannot be read or written, is in use, or is of another layout.
pub fn run(args: &Args, context: &Context<'_>) -> Result<SweepReport> {
    let began = Instant::now();
    if args.dry_run {
        let mut report = access::view(context, |snapshot, view| {
            let (limits, plan) = plan(args, context, view)?;
            let mut report = SweepReport::of(limits, &plan, Space::measured(snapshot)?);
            report.would_remove = Some(plan.doomed.iter().map(Row::of).collect());
            Ok(report)
        })?;
        report.dry_run = true;
        report.elapsed_ms = elapsed_ms(began);
        return Ok(report);
    }
    let db = access::open_for_writing(context)?;
    let (limits, plan) = plan(args, context, &View::new(db.begin_read()?))?;
    let removed = execute(args, context, &db, &plan)?;
    note_sweep(&db, context.now, removed.rows)?;
    db.close()?;
    let space = access::snapshot(context, Space::measured)?;
    let mut report = SweepReport::of(limits, &plan, space);
    report.removed_rows = removed.rows;
    report.removed_bytes = removed.bytes;
    report.recorded_rows = plan.unrecorded.len() as u64;
    report.elapsed_ms = elapsed_ms(began);
    Ok(report)
}

fn plan(args: &Args, context: &Context<'_>, view: &View) -> Result<(LimitsInForce, SweepPlan)> {
    let limits = access::limits_in_force(view, args.ttl, args.max_entries, args.max_size)?;
    let bounds = Bounds {
        ttl_ms: limits
            .ttl_ms
            .map(|ttl| i64::try_from(ttl.value).unwrap_or(i64::MAX)),
        max_episodes: limits.max_entries.map(|limit| limit.value),
        max_bytes: limits.max_size.map(|limit| limit.value),
    };
    Ok((
        limits,
        sweep::plan(view, &bounds, context.now.timestamp_millis())?,
    ))
}

/// Removes in short transactions; between two of them it can be interrupted.
fn execute(args: &Args, context: &Context<'_>, db: &Database, plan: &SweepPlan) -> Result<Removed> {
    let bar = context.ui.progress("sweeping");
    bar.set_total((plan.doomed.len() + plan.unrecorded.len()) as u64);
    let mut removed = Removed::default();
    for batch in plan.batches(args.batch) {
        context.cancel.check()?;
        let done = sweep::remove(db, batch)?;
        removed.rows += done.rows;
        removed.bytes += done.bytes;
        bar.advance(batch.len() as u64);
    }
    for batch in plan.unrecorded.chunks(args.batch.get()) {
        context.cancel.check()?;
        sweep::record(db, batch)?;
        bar.advance(batch.len() as u64);
    }
    bar.finish();
    Ok(removed)
}

fn note_sweep(db: &Database, now: DateTime<Utc>, removed: u64) -> Result<()> {
    let note = LastSweep {
        at_ms: now.timestamp_millis(),
        removed,
    };
    let txn = db.begin_write()?;
    let mut ledger = Ledger::open(&txn)?;
    ledger.put_plain(Table::Metadata, LAST_SWEEP_KEY, &facts::encode(&note)?)?;
    ledger.finish()?;
    txn.commit()?;
    Ok(())
}

fn elapsed_ms(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
