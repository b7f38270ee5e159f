//! What the cache itself says: its layout, its space, its backlog.

use chrono::DateTime;

use super::super::Context;
use super::super::access::{self, Space};
use super::report::{Check, HealthReport};
use super::subject::Subject;
use super::{Args, deep};
use crate::cache::facts::{LAST_SWEEP_KEY, LIMITS_KEY, LastSweep, Limits};
use crate::cache::schema::{self, SCHEMA_VERSION, Standing};
use crate::cache::{Table, View};
use crate::error::{ErrorKind, Result};
use crate::file::{FileFormat, Snapshot};
use crate::ui::size;

/// Less than this is not worth a compaction, whatever its share: redb makes no smaller files.
const WORTH_COMPACTING: u64 = 1 << 20;

/// Makes the checks that need redb.
pub(super) fn check(args: &Args, context: &Context<'_>, report: &mut HealthReport) -> Result<()> {
    if args.deep {
        report.set(Subject::Pages, deep::pages(context)?);
    } else {
        for subject in [Subject::Pages, Subject::Rows, Subject::Records] {
            report.set(subject, Check::unknown("--deep checks them"));
        }
    }
    // What was found before the snapshot failed stays: one bad page does not hide the rest.
    let read = access::snapshot(context, |snapshot| inside(args, context, snapshot, report));
    match read {
        Err(error) if error.kind().is_interruption() => Err(error),
        Err(error) => {
            let subject = match error.kind() {
                ErrorKind::InUse => Subject::Lock,
                ErrorKind::OldFormat | ErrorKind::UnknownLayout => Subject::Layout,
                _ => Subject::Pages,
            };
            report.set(subject, Check::error(&error));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn inside(
    args: &Args,
    context: &Context<'_>,
    snapshot: &Snapshot,
    report: &mut HealthReport,
) -> Result<()> {
    let known = match access::require_known(snapshot) {
        // redb says of a second one no more than that there was a first.
        Err(error) if error.is_of_system() => return Err(error),
        known => known,
    };
    if known.is_err() && snapshot.format() == FileFormat::V2 {
        // No cache of do-memory: migrate is nothing for it.
        report.set(Subject::FileFormat, Check::ok("v2"));
    }
    let view = snapshot.transaction().cloned().map(View::new);
    let standing = view.as_ref().map(|view| schema::check(view.transaction()));
    report.set(
        Subject::Layout,
        match (&standing, &known) {
            (Some(Ok(standing)), _) => Check::ok(match standing {
                Standing::Empty => "empty: no table yet".to_owned(),
                Standing::Current => format!("schema version {SCHEMA_VERSION}"),
            }),
            (Some(Err(error)), _) | (None, Err(error)) => Check::error(error),
            (None, Ok(())) => Check::unknown("no schema version; inspect tells it row by row"),
        },
    );
    let current = view.as_ref().filter(|_| matches!(standing, Some(Ok(_))));
    if current.is_none() {
        report.set(
            Subject::Records,
            Check::unknown("checked once it is migrated"),
        );
    }
    if let Some(view) = current {
        report.set(Subject::Expired, expired(args, context, view)?);
        report.set(Subject::LastSweep, last_sweep(args, context, view)?);
    }
    // Rows of a layout that this release does not know are not judged by those that it knows.
    if args.deep && known.is_ok() {
        deep::inside(context, snapshot, current, report)?;
    }
    let old = current.is_none();
    report.set(Subject::Reclaimable, reclaimable(args, snapshot, old)?);
    Ok(())
}

/// An old cache is not compacted: migrate writes it anew, and compact.
fn reclaimable(args: &Args, snapshot: &Snapshot, old: bool) -> Result<Check> {
    let space = Space::measured(snapshot)?;
    let bytes = space.reclaimable.unwrap_or(0);
    let found = format!("{} of {}", size(bytes), size(space.length));
    let limit = args.max_reclaimable.0 * space.length as f64;
    if old || bytes < WORTH_COMPACTING || bytes as f64 <= limit {
        return Ok(Check::ok(found));
    }
    let found = format!("{found}, more than {}", args.max_reclaimable);
    Ok(Check::attention(found).next("redb-cache compact"))
}

/// Counts by the index of expiry; it knows nothing of rows that another program wrote.
fn expired(args: &Args, context: &Context<'_>, view: &View) -> Result<Check> {
    let (mut rows, mut recorded) = (0u64, 0u64);
    for table in Table::ALL.into_iter().filter(|table| table.expires()) {
        rows = rows.saturating_add(view.len(table)?);
        recorded = recorded.saturating_add(view.totals(table)?.rows);
    }
    if rows > 0 && recorded == 0 {
        return Ok(Check::unknown(
            "the cache does not record how old its rows are",
        ));
    }
    let expired = view.count_expired(context.now.timestamp_millis())?;
    let limits: Option<Limits> = view.fact(LIMITS_KEY)?;
    let never = limits.is_some_and(|limits| limits.ttl_seconds.is_none());
    if expired == 0 && never {
        return Ok(Check::ok("none: no time to live is set"));
    }
    let found = format!("{expired} of {rows}");
    if expired <= args.max_expired.of(rows) {
        return Ok(Check::ok(found));
    }
    Ok(Check::attention(format!("{found}, and nobody cleans them")).next("redb-cache sweep"))
}

fn last_sweep(args: &Args, context: &Context<'_>, view: &View) -> Result<Check> {
    let sweep: Option<LastSweep> = view.fact(LAST_SWEEP_KEY)?;
    let Some(at) = sweep.and_then(|sweep| DateTime::from_timestamp_millis(sweep.at_ms)) else {
        return Ok(Check::unknown("none is recorded"));
    };
    // A clock that went back makes no sweep overdue.
    let age = (context.now - at).to_std().unwrap_or_default();
    let whole = std::time::Duration::from_secs(age.as_secs());
    let found = format!("{} ago", humantime::format_duration(whole));
    if age <= args.max_sweep_age {
        return Ok(Check::ok(found));
    }
    let limit = humantime::format_duration(args.max_sweep_age);
    Ok(Check::attention(format!("{found}, more than {limit}")).next("redb-cache sweep"))
}
