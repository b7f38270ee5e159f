//! `sweep`: removes what has expired and what is over the limits.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use redb::{Database, ReadableDatabase};
use serde::Serialize;

use super::access::{self, LimitsInForce, Space};
use super::{Context, Report, values};
use crate::cache::facts::{self, LAST_SWEEP_KEY, LastSweep};
use crate::cache::ledger::Ledger;
use crate::cache::sweep::{self, Bounds, Doomed, Reason, Removed, SweepPlan};
use crate::cache::{Table, View};
use crate::error::Result;
use crate::ui::{self, Cell, Column, Severity};

/// Rows that the table of a dry run shows; the JSON holds them all.
const SHOWN_ROWS: usize = 20;

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

/// A row that goes, or went.
#[derive(Debug, Serialize)]
struct Row {
    table: Table,
    key: String,
    reason: Reason,
    bytes: u64,
    written: Option<DateTime<Utc>>,
    accessed: Option<DateTime<Utc>>,
    expires: Option<DateTime<Utc>>,
}

/// What went for one reason from one table.
#[derive(Debug, Default, Serialize)]
struct Tally {
    rows: u64,
    bytes: u64,
}

/// What a sweep did, or would do.
#[derive(Debug, Serialize)]
pub struct SweepReport {
    dry_run: bool,
    limits: LimitsInForce,
    /// Rows that may expire, before.
    rows: u64,
    /// Their bytes.
    bytes: u64,
    /// What went, or would go, by reason and table.
    doomed: BTreeMap<Reason, BTreeMap<&'static str, Tally>>,
    /// Rows really removed; fewer than doomed where one was used meanwhile.
    removed_rows: u64,
    removed_bytes: u64,
    /// Rows of which nothing was known, and whose age counts from now on.
    recorded_rows: u64,
    /// The file afterwards.
    space: Space,
    /// Each row, in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_remove: Option<Vec<Row>>,
    elapsed_ms: u64,
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
    for batch in plan.doomed.chunks(args.batch.get()) {
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

impl Row {
    fn of(doomed: &Doomed) -> Self {
        let Doomed {
            table,
            key,
            reason,
            entry,
        } = doomed;
        Self {
            table: *table,
            key: key.clone(),
            reason: *reason,
            bytes: entry.stored_len,
            written: DateTime::from_timestamp_millis(entry.written_ms),
            accessed: entry.accessed_at(),
            expires: entry.expires_ms.and_then(DateTime::from_timestamp_millis),
        }
    }
}

impl SweepReport {
    fn of(limits: LimitsInForce, plan: &SweepPlan, space: Space) -> Self {
        let mut doomed: BTreeMap<Reason, BTreeMap<&'static str, Tally>> = BTreeMap::new();
        for row in &plan.doomed {
            let tally = doomed
                .entry(row.reason)
                .or_default()
                .entry(row.table.name())
                .or_default();
            tally.rows += 1;
            tally.bytes = tally.bytes.saturating_add(row.entry.stored_len);
        }
        Self {
            dry_run: false,
            limits,
            rows: plan.rows,
            bytes: plan.bytes,
            doomed,
            removed_rows: 0,
            removed_bytes: 0,
            recorded_rows: 0,
            space,
            would_remove: None,
            elapsed_ms: 0,
        }
    }

    fn tally_rows(&self) -> Vec<Vec<Cell>> {
        let mut rows = Vec::new();
        for (reason, tables) in &self.doomed {
            for (table, tally) in tables {
                rows.push(vec![
                    Cell::text(*table),
                    Cell::text(describe(*reason)),
                    Cell::count(tally.rows),
                    Cell::bytes(tally.bytes),
                ]);
            }
        }
        rows
    }
}

fn describe(reason: Reason) -> &'static str {
    match reason {
        Reason::Expired => "expired",
        Reason::OverEntries => "over the limit of episodes",
        Reason::OverSize => "over the limit of bytes",
        Reason::Dependent => "its episode goes",
    }
}

impl Report for SweepReport {
    fn schema(&self) -> &'static str {
        "sweep"
    }

    fn view(&self) -> ui::View {
        let limit = |limit: Option<access::Limit>| limit.map(|limit| limit.value);
        let view = ui::View::new()
            .pair("rows that may expire", Cell::count(self.rows))
            .pair("their size", Cell::bytes(self.bytes))
            .pair(
                "time to live",
                Cell::age(limit(self.limits.ttl_ms).map(Duration::from_millis)),
            )
            .pair(
                "limit of episodes",
                Cell::count(limit(self.limits.max_entries)),
            )
            .pair("limit of bytes", Cell::bytes(limit(self.limits.max_size)))
            .when(!self.dry_run, |view| {
                view.pair("removed", Cell::count(self.removed_rows))
                    .pair("removed bytes", Cell::bytes(self.removed_bytes))
                    .pair(
                        "took",
                        Cell::elapsed(Duration::from_millis(self.elapsed_ms)),
                    )
            })
            .pair(
                "compact would give back",
                Cell::bytes(self.space.reclaimable),
            );
        let tallies = self.tally_rows();
        if tallies.is_empty() {
            return view.note(
                Severity::Info,
                "nothing has expired and nothing is over a limit",
            );
        }
        let title = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        let columns = [
            Column::left("table"),
            Column::left("because"),
            Column::right("rows"),
            Column::right("size"),
        ];
        let view = view.heading(title).table(columns, tallies);
        let Some(rows) = &self.would_remove else {
            return view.when(
                self.space.reclaimable > Some(self.space.length / 4),
                |view| view.next("redb-cache compact"),
            );
        };
        let columns = [
            Column::left("table"),
            Column::left("key"),
            Column::left("because"),
            Column::left("last access"),
            Column::right("size"),
        ];
        let cells = rows.iter().take(SHOWN_ROWS).map(|row| {
            vec![
                Cell::text(row.table.name()),
                Cell::key(&row.key),
                Cell::text(describe(row.reason)),
                Cell::time(row.accessed),
                Cell::bytes(row.bytes),
            ]
        });
        let more = rows.len().saturating_sub(SHOWN_ROWS);
        view.heading("least recently used first")
            .table(columns, cells)
            .when(more > 0, |view| {
                view.note(
                    Severity::Info,
                    format!("{more} more; --format json lists them all"),
                )
            })
            .next("redb-cache sweep")
    }
}
