//! Building the new cache, verifying it, and putting it where it goes.

use std::fs;

use redb::Database;

use super::super::access::{self, PAGE_CACHE};
use super::super::steps::Parts;
use super::super::{Context, staging};
use super::Args;
use super::fill::{Filler, is_bookkeeping};
use super::lost;
use super::plan::Plan;
use super::report::{Outcome, RebuildReport};
use super::resume::Progress;
use super::site::{Site, Stage};
use crate::cache::contents::{self, Contents};
use crate::cache::ledger::{Ledger, bytes_table};
use crate::cache::rewrite::{self, Recompress};
use crate::cache::{Table, View};
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use crate::source::Store;
use crate::ui::Severity;

/// Rebuilds the cache.
///
/// # Errors
/// Those of [`run`](super::run).
pub(super) fn run(
    args: &Args,
    context: &Context<'_>,
    store: &Store<'_>,
    mut plan: Plan,
) -> Result<RebuildReport> {
    if plan.old.is_some() {
        context.confirm(&super::question(context), args.yes)?;
    }
    let (site, stage) = Site::open(args, context, plan.old.is_some())?;
    if args.resume && !stage.is_begun {
        context.ui.note(
            Severity::Info,
            "there is nothing to go on with: beginning anew",
        );
    }
    let mut parts = Parts::begin(context);
    match build(context, store, &mut plan, &site, stage)? {
        Built::Whole(expected, progress) => {
            parts.done("written");
            finish(context, store, &plan, site, expected, *progress, &mut parts)
        }
        Built::Part(error) => {
            site.keep()?;
            context.ui.note(
                Severity::Advice,
                "what was read is kept: repeat the command with --resume to go on from there",
            );
            Err(error)
        }
    }
}

enum Built {
    /// Everything is written; this is what it must hold.
    Whole(Contents, Box<Progress>),
    /// The store could not be read any more.
    Part(Error),
}

fn build(
    context: &Context<'_>,
    store: &Store<'_>,
    plan: &mut Plan,
    site: &Site,
    stage: Stage,
) -> Result<Built> {
    site.require_space(plan.survey.bytes.unwrap_or(0).saturating_add(1 << 20))?;
    let mut db = file::open_stage(stage.file, PAGE_CACHE)?;
    let progress = if stage.is_begun {
        Progress::find(&db, plan, store)?
    } else {
        Progress::begin(plan, store)
    };
    let mut expected = Contents::new();
    if plan.carries {
        expected = carry_over(context, plan, site, &db, stage.is_begun)?;
    }
    let txn = db.begin_write()?;
    let mut filler = Filler::begin(context, plan, store, &txn, progress)?;
    let built = match filler.fill() {
        Ok(()) => {
            let (filled, progress) = filler.finish()?;
            expected.extend(filled);
            Built::Whole(expected, Box::new(progress))
        }
        Err(error) if may_go_on(&error) => {
            filler.keep()?;
            Built::Part(error)
        }
        Err(error) => return Err(error),
    };
    txn.commit()?;
    if matches!(built, Built::Whole(..)) {
        db.compact()?;
    }
    db.close()?;
    Ok(built)
}

/// Whether a later run may read on where this one stopped.
fn may_go_on(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unreachable | ErrorKind::Unauthorized
    )
}

/// Copies the old cache without the rows of the tables that are filled anew. Answers what the
/// others must hold.
fn carry_over(
    context: &Context<'_>,
    plan: &Plan,
    site: &Site,
    to: &Database,
    is_begun: bool,
) -> Result<Contents> {
    let Some(old) = site.old() else {
        return Ok(Contents::new());
    };
    let bar = context.ui.progress("copying the other tables");
    let mut expected = file::read(old, &access::thorough(context)?, |snapshot| {
        if !rewrite::can_rewrite(&snapshot.tables()?) {
            return Err(Error::new(
                ErrorKind::Failed,
                "the cache has tables whose rows only their owner can read, which --table cannot carry",
            )
            .help("rebuild all tables: the old cache is kept as a backup"));
        }
        let txn = snapshot.begin_read()?;
        let view =
            View::new(txn.ok_or_else(|| Error::new(ErrorKind::OldFormat, "the cache is old"))?);
        if !is_begun {
            let now_ms = context.now.timestamp_millis();
            rewrite::rewrite(snapshot, &view, to, Recompress::Keep, now_ms, &mut |rows| {
                bar.advance(rows);
                context.cancel.check()
            })?;
        }
        contents::of(snapshot, &view)
    })?;
    if !is_begun {
        empty(plan, to)?;
    }
    bar.finish();
    expected.remove(Table::SchemaVersion.name());
    Ok(expected)
}

/// Removes the rows of the tables that are to be filled.
fn empty(plan: &Plan, db: &Database) -> Result<()> {
    let txn = db.begin_write()?;
    let mut ledger = Ledger::open(&txn)?;
    for table in plan.tables.iter().filter(|table| table.holds_records()) {
        ledger.clear(*table)?;
    }
    ledger.finish()?;
    if plan.tables.contains(&Table::Metadata) {
        let mut rows = txn.open_table(bytes_table(Table::Metadata.name()))?;
        rows.retain(|key, _| is_bookkeeping(key))?;
    }
    txn.commit()?;
    Ok(())
}

fn finish(
    context: &Context<'_>,
    store: &Store<'_>,
    plan: &Plan,
    site: Site,
    expected: Contents,
    progress: Progress,
    parts: &mut Parts<'_>,
) -> Result<RebuildReport> {
    let found = staging::contents(site.stage())?;
    if expected
        .iter()
        .any(|(table, content)| found.get(table) != Some(content))
    {
        return Err(Error::new(
            ErrorKind::Failed,
            "the new cache does not hold what was read from the durable store",
        )
        .help("the old cache is unchanged; run the same command again"));
    }
    parts.done("verified");
    store.confirm()?;
    let mut report = RebuildReport::new(store, plan);
    report.rebuilt(plan, progress);
    if let (Some(old), Some(path)) = (&plan.old, site.old()) {
        report.only_in_old = old
            .is_legible
            .then(|| lost::count(context, path, site.stage()))
            .transpose()?;
        parts.done("compared with the old cache");
    }
    report.bytes = Some(fs::metadata(site.stage())?.len());
    context.cancel.check()?;
    report.backup = site.finish()?.map(|path| path.display().to_string());
    report.outcome = Outcome::Rebuilt;
    Ok(report)
}
