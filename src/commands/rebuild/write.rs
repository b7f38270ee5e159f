//! Building the new cache, verifying it, and putting it where it goes.

use std::fs::{self, File};

use redb::Database;

use super::super::access::PAGE_CACHE;
use super::super::steps::Parts;
use super::super::{Context, staging};
use super::Args;
use super::carry;
use super::fill::Filler;
use super::lost::{self, OnlyInOld};
use super::plan::Plan;
use super::report::{Outcome, RebuildReport};
use super::resume::{PROGRESS_KEY, Progress};
use super::site::{Site, Stage};
use crate::cache::Table;
use crate::cache::contents::Contents;
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
    let mut parts = Parts::begin(context);
    let begun = begin(args, context, store, &mut plan, stage);
    let built = begun.and_then(|begun| build(context, store, &plan, &site, begun));
    match built {
        Ok(Built::Whole(expected, progress)) => {
            parts.done("written");
            finish(context, store, &plan, site, expected, *progress, &mut parts)
        }
        Ok(Built::Part(error)) => {
            site.keep()?;
            context.ui.note(
                Severity::Advice,
                "what was read is kept: repeat the command with --resume to go on from there",
            );
            Err(error)
        }
        // What an earlier run has kept is not lost because this one cannot go on with it.
        Err(error) if args.resume && !error.kind().is_interruption() && holds_progress(&site) => {
            site.keep()?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Whether a later run can go on with the stage.
fn holds_progress(site: &Site) -> bool {
    let found = file::read(site.stage(), &staging::quiet(), |snapshot| {
        snapshot.get(Table::Metadata.name(), PROGRESS_KEY)
    });
    matches!(found, Ok(Some(_)))
}

/// A stage that is open, and how far an earlier run had come with it.
struct Begun {
    db: Database,
    file: File,
    /// `None` where this run is the first.
    earlier: Option<Progress>,
}

/// Opens the stage. What an earlier run has left counts only with its progress in it.
fn begin(
    args: &Args,
    context: &Context<'_>,
    store: &Store<'_>,
    plan: &mut Plan,
    stage: Stage,
) -> Result<Begun> {
    if stage.is_begun
        && let Ok(db) = file::open_stage(stage.file.try_clone()?, PAGE_CACHE)
        && let Some(earlier) = Progress::find(&db, plan, store)?
    {
        return Ok(Begun {
            db,
            file: stage.file,
            earlier: Some(earlier),
        });
    }
    if args.resume {
        context.ui.note(
            Severity::Info,
            "there is nothing to go on with: beginning anew",
        );
    }
    stage.file.set_len(0)?;
    Ok(Begun {
        db: file::open_stage(stage.file.try_clone()?, PAGE_CACHE)?,
        file: stage.file,
        earlier: None,
    })
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
    plan: &Plan,
    site: &Site,
    begun: Begun,
) -> Result<Built> {
    site.require_space(plan.survey.bytes.unwrap_or(0).saturating_add(1 << 20))?;
    let Begun { db, file, earlier } = begun;
    let mut expected = Contents::new();
    if let (true, Some(old)) = (plan.carries, site.old()) {
        expected = match &earlier {
            None => carry::over(context, plan, old, &db)?,
            Some(progress) => carry::unchanged(context, old, &progress.carried)?,
        };
    }
    let mut progress = earlier.unwrap_or_else(|| Progress::begin(plan, store));
    progress.carried = expected.clone();
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
    db.close()?;
    if matches!(built, Built::Whole(..)) {
        staging::squeeze_if_loose(context, &file)?;
    }
    Ok(built)
}

/// Whether a later run may read on where this one stopped.
fn may_go_on(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unreachable | ErrorKind::Unauthorized
    )
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
        report.only_in_old = if old.is_legible {
            known(lost::count(context, &plan.tables, path, site.stage()))?
        } else {
            None
        };
        parts.done("compared with the old cache");
        if report.only_in_old.is_none() {
            let text = "the old cache cannot be read, so nobody knows what only it had";
            context.ui.note(Severity::Warning, text);
        }
    }
    report.bytes = Some(fs::metadata(site.stage())?.len());
    context.cancel.check()?;
    report.backup = site.finish()?.map(|path| path.display().to_string());
    report.outcome = Outcome::Rebuilt;
    Ok(report)
}

/// What a damaged cache had cannot be known, and is no reason to keep it.
fn known(counted: Result<OnlyInOld>) -> Result<Option<OnlyInOld>> {
    match counted {
        Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::UnknownLayout) => {
            Ok(None)
        }
        counted => counted.map(Some),
    }
}
