//! `compact`: gives unused space back to the file system.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::access::{self, PAGE_CACHE, Space};
use super::values::{Limit, Recompress};
use super::{Context, Report, staging};
use crate::cache::contents::{self, Contents};
use crate::cache::rewrite;
use crate::cache::{View, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Backup, Replacement};
use crate::sabotage::Bug;
use crate::ui::{self, Cell, Progress, Severity};

/// Give unused space back to the file system
///
/// Writes a compact copy beside the cache, verifies it, and puts it in the cache's place. If that
/// is interrupted at any point, the cache is as it was. Needs room for the copy.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache compact --dry-run
  redb-cache compact --min-reclaim 20%             from cron: only if it pays
  redb-cache compact --recompress 6
  redb-cache compact --backup before.redb")]
pub struct Args {
    /// Do nothing unless this much is given back
    #[arg(long, value_name = "PERCENT|SIZE", value_parser = Limit::size)]
    pub min_reclaim: Option<Limit>,

    /// Also compress every row at this level (0-9), or store it plainly with `off`
    ///
    /// A compressed cache is read by this program and its library, not by do-memory itself.
    #[arg(long, value_name = "LEVEL|off", value_parser = Recompress::read)]
    pub recompress: Option<Recompress>,

    /// Keep the original here; the file must not exist yet
    #[arg(long, value_name = "PATH")]
    pub backup: Option<PathBuf>,

    /// Show what would be given back, and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// What became of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The compact copy is in place.
    Compacted,
    /// A dry run.
    Forecast,
    /// Less would be given back than `--min-reclaim`.
    NotWorthIt,
    /// The compact copy was no smaller.
    NoGain,
}

/// What a compaction did, or would do.
#[derive(Debug, Serialize)]
pub struct CompactReport {
    outcome: Outcome,
    before: Space,
    /// `None` when nothing was written.
    after: Option<Space>,
    /// Bytes that the file became shorter.
    given_back: Option<u64>,
    rows: u64,
    backup: Option<String>,
    elapsed_ms: u64,
}

/// Carries the command out.
///
/// # Errors
/// When the cache is in use, cannot be read or replaced, is of another layout, or the disk has no
/// room for the copy. The cache is then as it was.
pub fn run(args: &Args, context: &Context<'_>) -> Result<CompactReport> {
    let began = Instant::now();
    let mut report = access::view(context, |snapshot, _| {
        let rows = snapshot.tables()?.iter().map(|table| table.rows).sum();
        Ok(CompactReport {
            outcome: Outcome::Forecast,
            before: Space::measured(snapshot)?,
            after: None,
            given_back: None,
            rows,
            backup: None,
            elapsed_ms: 0,
        })
    })?;
    let reclaimable = report.before.reclaimable.unwrap_or(0);
    let enough = args
        .min_reclaim
        .is_none_or(|limit| reclaimable >= limit.of(report.before.length));
    if !enough {
        report.outcome = Outcome::NotWorthIt;
    } else if !args.dry_run {
        replace(args, context, &mut report)?;
    }
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

fn replace(args: &Args, context: &Context<'_>, report: &mut CompactReport) -> Result<()> {
    let replacement = staging::begin(context)?;
    // The copy is at most as large as what is used, give or take the pages of the trees.
    let used = report.before.used.unwrap_or(report.before.length);
    replacement.require_space(used.saturating_add(used / 8).saturating_add(1 << 20))?;
    let backup = args.backup.clone().map_or(Backup::None, Backup::At);
    replacement.require_backup(&backup)?;
    let bar = context.ui.progress("compacting");
    bar.set_total(report.rows);
    let stage = build(args, context, &replacement, &bar)?;
    context.cancel.check()?;
    if !Bug::RenamedBeforeVerified.is_planted() {
        verify(replacement.stage_path(), &stage)?;
    }
    bar.finish();
    let after = file::read(replacement.stage_path(), &staging::quiet(), Space::measured)?;
    report.after = Some(after);
    report.given_back = Some(report.before.length.saturating_sub(after.length));
    if after.length >= report.before.length && args.recompress.is_none() {
        replacement.abandon();
        report.outcome = Outcome::NoGain;
        report.after = None;
        return Ok(());
    }
    let backup = replacement.finish(backup)?;
    if Bug::RenamedBeforeVerified.is_planted() {
        verify(&context.cache, &stage)?;
    }
    report.backup = backup.map(|path| path.display().to_string());
    report.outcome = Outcome::Compacted;
    Ok(())
}

/// The copy must hold what was written to it.
fn verify(copy: &Path, written: &Contents) -> Result<()> {
    let found = staging::contents(copy)?;
    if found == *written || Bug::DigestNotCompared.is_planted() {
        return Ok(());
    }
    Err(differs())
}

/// Writes the compact copy beside the cache, and returns what it must hold.
fn build(
    args: &Args,
    context: &Context<'_>,
    replacement: &Replacement,
    bar: &Progress,
) -> Result<Contents> {
    let stage = replacement.create_stage()?;
    let how = match args.recompress {
        None => rewrite::Recompress::Keep,
        Some(Recompress::Off) => rewrite::Recompress::Off,
        Some(Recompress::Level(level)) => rewrite::Recompress::Level(level),
    };
    let step = |rows: u64| {
        bar.advance(rows);
        context.cancel.check()
    };
    file::read(replacement.target(), &staging::quiet(), |snapshot| {
        let txn = snapshot.transaction().cloned().ok_or_else(|| {
            Error::new(ErrorKind::OldFormat, "the cache has file format v2")
                .help("run: redb-cache migrate")
        })?;
        schema::check(&txn)?;
        let view = View::new(txn);
        if rewrite::can_rewrite(&snapshot.tables()?) {
            let mut db = file::open_stage(stage.try_clone()?, PAGE_CACHE)?;
            let now_ms = context.now.timestamp_millis();
            rewrite::rewrite(snapshot, &view, &db, how, now_ms, &mut |rows| step(rows))?;
            staging::squeeze(context, &mut db)?;
            db.close()?;
        } else {
            copy_and_squeeze(args, context, replacement, stage.try_clone()?)?;
        }
        contents::of(snapshot, &view)
    })
}

/// For a cache with tables whose rows only their owner can read: redb itself moves their pages.
fn copy_and_squeeze(
    args: &Args,
    context: &Context<'_>,
    replacement: &Replacement,
    mut stage: File,
) -> Result<()> {
    if args.recompress.is_some() {
        return Err(Error::new(
            ErrorKind::Failed,
            "the cache has tables of types that cannot be written anew, so it cannot be recompressed",
        )
        .help("compact without --recompress"));
    }
    let (mut original, _) = file::open_regular(replacement.target(), false)?;
    std::io::copy(&mut original, &mut stage)?;
    let mut db = file::open_stage(stage, PAGE_CACHE)?;
    staging::squeeze(context, &mut db)?;
    db.close()?;
    Ok(())
}

fn differs() -> Error {
    Error::new(
        ErrorKind::Failed,
        "the compact copy does not hold what the cache holds",
    )
    .help("the cache is unchanged; run: redb-cache health --deep")
}

impl Report for CompactReport {
    fn schema(&self) -> &'static str {
        "compact"
    }

    fn view(&self) -> ui::View {
        let view = ui::View::new()
            .pair("length", Cell::bytes(self.before.length))
            .pair("used", Cell::bytes(self.before.used))
            .pair("rows", Cell::count(self.rows));
        match (self.outcome, self.after) {
            (Outcome::Compacted, Some(after)) => {
                let backup = self.backup.as_ref();
                view.pair("length now", Cell::bytes(after.length))
                    .pair("given back", Cell::bytes(self.given_back))
                    .pair("took", Cell::elapsed(Duration::from_millis(self.elapsed_ms)))
                    .when(backup.is_some(), |view| {
                        view.pair("backup", Cell::key(backup.map_or("", String::as_str)))
                    })
            }
            (Outcome::NotWorthIt, _) => view
                .pair("unused pages", Cell::bytes(self.before.reclaimable))
                .note(Severity::Info, "less than --min-reclaim: nothing was done"),
            (Outcome::NoGain, _) => {
                view.note(Severity::Info, "the cache is as compact as it gets: nothing was changed")
            }
            _ => view
                .pair("unused pages", Cell::bytes(self.before.reclaimable))
                .note(
                    Severity::Info,
                    "unused pages are given back; how much denser the rest becomes is known afterwards",
                )
                .next("redb-cache compact"),
        }
    }
}
