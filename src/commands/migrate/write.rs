//! Building the migrated cache, verifying it, and putting it where it belongs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::super::records::Source;
use super::super::steps::Parts;
use super::super::{Context, access, staging};
use super::build::{Built, Site};
use super::consult::Advice;
use super::quarantine::Quarantine;
use super::report::{MigrateReport, Outcome};
use super::{Args, text};
use crate::cache::Table;
use crate::cache::contents::Contents;
use crate::cache::schema::{self, Standing};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Backup, NewFile};

/// Puts the migrated cache in the place of the original. `None` is a cache that looked old and has
/// become current since: its backup is the other run's, and must stay the newest.
///
/// # Errors
/// Those of [`run`](super::run).
pub(super) fn in_place(
    args: &Args,
    context: &Context<'_>,
    advice: Option<&Advice<'_>>,
    looked_current: bool,
) -> Result<Option<MigrateReport>> {
    if args.no_backup {
        let question = format!("Migrate {} without a backup?", context.cache.display());
        context.confirm(&question, args.yes)?;
    }
    let replacement = staging::begin(context)?;
    let backup = Backup::of(args.backup.as_deref(), args.no_backup);
    replacement.require_new_backup(&backup)?;
    let mut quarantine = quarantine(args, context, replacement.target())?;
    let stage = replacement.create_stage()?;
    let mut site = Site {
        context,
        stage: &stage,
        require_space: &|bytes| replacement.require_space(bytes),
        locked: Some(replacement.target()),
        quarantine: quarantine.as_mut(),
        advice,
    };
    let options = access::thorough(context)?;
    let built = file::read(replacement.target(), &options, |snapshot| {
        let overtaken = !looked_current && Source::of(snapshot)?.claims_to_be_current();
        (!overtaken).then(|| site.build(snapshot)).transpose()
    })?;
    let Some(built) = built else {
        return Ok(None);
    };
    let mut report = verified(context, built, replacement.stage_path())?;
    if report.outcome == Outcome::Migrated {
        context.cancel.check()?;
        report.quarantine = set_aside(quarantine, &report)?;
        report.backup = replacement.finish(backup)?.map(|path| text(&path));
    }
    Ok(Some(report))
}

/// Writes the migrated cache to a path of its own.
///
/// # Errors
/// Those of [`run`](super::run).
pub(super) fn to_output(
    args: &Args,
    context: &Context<'_>,
    advice: Option<&Advice<'_>>,
    output: &Path,
) -> Result<MigrateReport> {
    let mode = fs::metadata(&context.cache)?.mode();
    let (new, stage) = NewFile::create(output, "output", mode)?;
    let mut quarantine = quarantine(args, context, output)?;
    let mut site = Site {
        context,
        stage: &stage,
        require_space: &|bytes| new.require_space(bytes),
        locked: None,
        quarantine: quarantine.as_mut(),
        advice,
    };
    // The room that is missing is where the output is, not where the cache is.
    let full = |error: Error| match error.kind() {
        ErrorKind::NoSpace => error.at(output),
        _ => error,
    };
    let built = access::stream(context, |snapshot| site.build(snapshot).map_err(full))?;
    let mut report = verified(context, built, new.path())?;
    if report.outcome == Outcome::Migrated {
        context.cancel.check()?;
        report.quarantine = set_aside(quarantine, &report)?;
        new.finish()?;
        report.output = Some(text(output));
    }
    Ok(report)
}

fn quarantine(args: &Args, context: &Context<'_>, result: &Path) -> Result<Option<Quarantine>> {
    if !args.skip_bad {
        return Ok(None);
    }
    let path = args.quarantine.as_deref();
    Quarantine::new(path, result, &context.cache).map(Some)
}

fn set_aside(quarantine: Option<Quarantine>, report: &MigrateReport) -> Result<Option<String>> {
    let Some(quarantine) = quarantine else {
        return Ok(None);
    };
    let path = quarantine.finish(report.bad_rows.len())?;
    Ok(path.map(|path| text(&path)))
}

/// What is told of the work, once all of the stage has been read back. The report of a stage that
/// could not be written is a refusal.
fn verified(context: &Context<'_>, built: Built, stage: &Path) -> Result<MigrateReport> {
    let mut report = built.report;
    match built.contents {
        Some(contents) => {
            let mut parts = Parts::begin(context);
            verify(stage, contents)?;
            parts.done("verified");
            report.to.bytes = Some(fs::metadata(stage)?.len());
            report.outcome = Outcome::Migrated;
        }
        None => report.outcome = Outcome::Refused,
    }
    Ok(report)
}

/// Compares the stage with what was read and written. Its version is told by the schema.
fn verify(stage: &Path, mut expected: Contents) -> Result<()> {
    let mut found = staging::contents(stage)?;
    for contents in [&mut found, &mut expected] {
        contents.remove(Table::SchemaVersion.name());
    }
    let current = file::read(stage, &staging::quiet(), |snapshot| {
        let txn = snapshot.transaction().cloned();
        let standing = txn.map(|txn| schema::check(&txn)).transpose()?;
        Ok(standing == Some(Standing::Current))
    })?;
    if current && found == expected {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Failed,
        "the migrated copy does not hold what was read from the cache",
    )
    .help("the cache is unchanged; run: redb-cache health --deep"))
}
