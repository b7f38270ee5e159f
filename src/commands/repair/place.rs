//! What redb can repair, in the place of the cache.

use std::fs::File;
use std::io;
use std::path::Path;

use super::super::{Context, access, staging};
use super::examine::{self, Findings, newest};
use super::report::{Outcome, RepairReport};
use super::{Args, quiet, text};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Backup, ReadOptions, Remains, Replacement};

/// Parts that the bar of the repair has.
const PARTS: f64 = 100.0;

/// Carries the command out.
///
/// # Errors
/// Those of [`run`](super::run).
pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<RepairReport> {
    let findings = Findings::of(quiet(context)?, context)?;
    if let Some(report) = settled(args, context, &findings)? {
        return Ok(report);
    }
    if args.no_backup {
        let question = format!("Repair {} without a backup?", context.cache.display());
        context.confirm(&question, args.yes)?;
    }
    let replacement = staging::begin(context)?;
    let backup = Backup::of(args.backup.as_deref(), args.no_backup);
    replacement.require_new_backup(&backup)?;
    // Another process may have changed or repaired it before the lock was ours.
    let findings = Findings::of(Remains::open(replacement.target())?, context)?;
    if let Some(report) = settled(args, context, &findings)? {
        return Ok(report);
    }
    replace(context, &findings, replacement, backup)
}

/// The report where there is nothing to repair, or nothing that redb can do, or a dry run.
fn settled(
    args: &Args,
    context: &Context<'_>,
    findings: &Findings,
) -> Result<Option<RepairReport>> {
    let mut report = begin(findings);
    if findings.rehearsal.is_err() || findings.remains.unreadable().is_some() {
        // What could be saved of it, from whichever commit.
        let (commit, account) = findings.remains.best(&mut || context.cancel.check())?;
        let saved = RepairReport::new(&findings.remains, &commit, &account);
        return Ok(Some(RepairReport {
            outcome: Outcome::BeyondRepair,
            damage: report.damage,
            closed_cleanly: report.closed_cleanly,
            ..saved
        }));
    }
    if findings.is_sound() {
        report.outcome = Outcome::NothingToDo;
    } else if !args.dry_run {
        return Ok(None);
    }
    Ok(Some(report))
}

fn begin(findings: &Findings) -> RepairReport {
    let mut report = RepairReport::new(&findings.remains, &findings.commit, &findings.account);
    report.damage = findings.damage();
    report.closed_cleanly = findings.closed;
    report.keep_all(&findings.account);
    if !findings.account.is_whole() {
        report.forget_lost();
    }
    report
}

fn replace(
    context: &Context<'_>,
    findings: &Findings,
    replacement: Replacement,
    backup: Backup,
) -> Result<RepairReport> {
    replacement.require_space(findings.remains.metadata().len())?;
    let stage = copy(&replacement)?;
    mend(context, findings, stage).map_err(|error| error.at(replacement.stage_path()))?;
    context.cancel.check()?;
    let repaired = verified(context, findings, replacement.stage_path())?;
    let mut report = begin(findings);
    report.keep_all(&repaired.1);
    if !findings.account.is_whole() {
        report.forget_lost();
    }
    report.bytes_after = Some(repaired.0);
    report.backup = replacement.finish(backup)?.map(|path| text(&path));
    report.outcome = Outcome::Repaired;
    Ok(report)
}

fn copy(replacement: &Replacement) -> Result<File> {
    let mut stage = replacement.create_stage()?;
    let (mut original, _) = file::open_regular(replacement.target(), false)?;
    io::copy(&mut original, &mut stage)
        .map_err(|error| Error::from(error).at(replacement.stage_path()))?;
    Ok(stage)
}

fn mend(context: &Context<'_>, findings: &Findings, stage: File) -> Result<()> {
    let format = findings.format.ok_or_else(differs)?;
    let bar = context.ui.progress("repairing");
    bar.set_total(PARTS as u64);
    let cancel = context.cancel.clone();
    let done = std::cell::Cell::new(0u64);
    let step = move |part: f64| {
        let now = (part * PARTS) as u64;
        bar.advance(now.saturating_sub(done.replace(now)));
        cancel.check().is_ok()
    };
    let mended = file::mend(stage, format, step);
    // What redb says of a repair that was interrupted is not the reason.
    context.cancel.check()?;
    mended
}

/// Reads all of the stage back: by redb, by us, and as a cache. Answers its length and what is in it.
fn verified(
    context: &Context<'_>,
    findings: &Findings,
    stage: &Path,
) -> Result<(u64, file::Account)> {
    let options = ReadOptions {
        verify: true,
        ..staging::quiet()
    };
    file::read(stage, &options, |snapshot| {
        if snapshot.was_clean() {
            access::require_known(snapshot)
        } else {
            Err(differs())
        }
    })?;
    let remains = Remains::open(stage)?;
    let (_, account, sums) = newest(&remains, context)?;
    let same = !findings.account.is_whole() || sums == findings.sums;
    if account.is_whole() && same {
        return Ok((remains.metadata().len(), account));
    }
    Err(examine::unequal(&remains, DIFFERS, SALVAGE))
}

const DIFFERS: &str = "the repaired copy does not hold what the cache holds";
const SALVAGE: &str = "the cache is unchanged; run: redb-cache repair --salvage OUT";

fn differs() -> Error {
    Error::new(ErrorKind::Failed, DIFFERS).help(SALVAGE)
}
