//! `--rollback`: the backup that a migration kept takes the place of the cache again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::records::Source;
use super::super::{Context, Report, staging};
use super::report::{From, Outcome};
use super::{Args, text};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Backup, ReadOptions};
use crate::ui::{self, Cell, Severity};

/// The word in the name under which the migrated cache is kept.
const KEPT: &str = "migrated";

/// What a rollback did, or would do.
#[derive(Debug, Serialize)]
pub struct RollbackReport {
    outcome: Outcome,
    /// The cache that was put back.
    backup: String,
    /// Where the migrated cache is now.
    kept: Option<String>,
    bytes_before: u64,
    bytes_after: u64,
    elapsed_ms: u64,
}

/// Carries `--rollback` out.
///
/// # Errors
/// When there is no backup, or it is no cache; when it is not confirmed; those of replacing a file.
pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<RollbackReport> {
    let began = Instant::now();
    let cache = fs::canonicalize(&context.cache).map_err(|_| no_such_cache().at(&context.cache))?;
    let backup = match &args.backup {
        Some(path) => path.clone(),
        None => newest_backup(&cache)?,
    };
    let bytes_after = require_cache(context, &backup)?.bytes;
    let mut report = RollbackReport {
        outcome: Outcome::Forecast,
        backup: text(&backup),
        kept: None,
        bytes_before: fs::metadata(&cache)?.len(),
        bytes_after,
        elapsed_ms: 0,
    };
    if file::same_bytes(&backup, &cache)? {
        report.outcome = Outcome::NothingToDo;
    } else if !args.dry_run {
        context.confirm(
            &format!(
                "Put {} back? What was written since the migration goes out of sight.",
                backup.display()
            ),
            args.yes,
        )?;
        report.kept = put_back(context, &cache, &backup)?.map(|path| text(&path));
        report.outcome = Outcome::RolledBack;
    }
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

fn no_such_cache() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such cache")
        .help("name it with --cache PATH or REDB_CACHE_PATH")
}

fn newest_backup(cache: &Path) -> Result<PathBuf> {
    let newest = file::numbered(cache, "backup")?.pop();
    newest.map(|(_, path)| path).ok_or_else(|| {
        Error::new(
            ErrorKind::Failed,
            "there is no backup of a migration beside the cache",
        )
        .at(cache)
        .help("name one with --backup PATH")
    })
}

/// Reads every page of the backup, and demands that it is a cache.
fn require_cache(context: &Context<'_>, backup: &Path) -> Result<From> {
    fs::symlink_metadata(backup).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::Failed, "there is no such backup")
            .at(backup)
            .help("name one with --backup PATH"),
        _ => Error::from(error).at(backup),
    })?;
    let options = ReadOptions {
        lock_timeout: context.lock_timeout,
        verify: true,
    };
    file::read(backup, &options, |snapshot| {
        context.cancel.check()?;
        Ok(From::of(&Source::of(snapshot)?))
    })
    .map_err(|error| error.at(backup))
}

/// The backup stays: what takes the place of the cache is a copy of it.
fn put_back(context: &Context<'_>, cache: &Path, backup: &Path) -> Result<Option<PathBuf>> {
    let replacement = staging::begin_at(context, cache)?;
    let (mut original, metadata) = file::open_regular(backup, false)?;
    replacement.require_space(metadata.len())?;
    let mut stage = replacement.create_stage()?;
    io::copy(&mut original, &mut stage)?;
    drop(stage);
    context.cancel.check()?;
    require_cache(context, replacement.stage_path())?;
    if !file::same_bytes(backup, replacement.stage_path())? {
        return Err(
            Error::new(ErrorKind::InUse, "the backup changed while it was copied")
                .at(backup)
                .help("run the same command again when nobody uses it"),
        );
    }
    replacement.finish(Backup::BesideAs(KEPT))
}

impl Report for RollbackReport {
    fn schema(&self) -> &'static str {
        "migrate"
    }

    fn view(&self) -> ui::View {
        let took = Duration::from_millis(self.elapsed_ms);
        let view = ui::View::new()
            .pair("backup", Cell::key(&self.backup))
            .pair("size", Cell::bytes(self.bytes_before));
        match (self.outcome, &self.kept) {
            (Outcome::NothingToDo, _) => view.note(
                Severity::Info,
                "the cache is what the backup holds: nothing was changed",
            ),
            (Outcome::RolledBack, kept) => {
                let kept = kept.as_deref().unwrap_or_default();
                view.pair("size now", Cell::bytes(self.bytes_after))
                    .pair("migrated cache", Cell::key(kept))
                    .pair("took", Cell::elapsed(took))
                    .note(Severity::Info, "the backup is back in place")
                    .next("redb-cache inspect")
            }
            _ => view
                .pair("size of the backup", Cell::bytes(self.bytes_after))
                .note(
                    Severity::Info,
                    "the backup would take the place of the cache, which would be kept beside it",
                )
                .next("redb-cache migrate --rollback"),
        }
    }
}
