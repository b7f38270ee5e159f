//! `migrate`: brings a cache of any release of do-memory to the current layout.

mod build;
mod consult;
mod found;
mod judge;
mod quarantine;
mod report;
mod rollback;
mod view;
mod write;

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use self::consult::Advice;
pub use self::consult::settle;
use self::found::Doubt;
use self::judge::Judge;
use self::report::{MigrateReport, Outcome};
use self::rollback::RollbackReport;
use super::records::Source;

use super::steps::Steps;
use super::store::StoreArgs;
use super::{Context, Report, access, names};
use crate::error::Result;
use crate::layout::Codec;
use crate::ui;

/// Bring a cache of any release of do-memory to the current layout
///
/// Reads every row in whichever of do-memory's layouts it is, writes it in the current one into a
/// new file beside the cache, verifies that, and puts it in the cache's place. The original is kept
/// beside it as <name>.backup-<number>. If that is interrupted at any point, the cache is as it was
/// or migrated, and the same command again finishes the work. A cache that is current already is
/// left alone.
///
/// A row that cannot be read in any layout is refused (exit 13), or with --skip-bad set aside
/// (exit 3).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache migrate --dry-run                    what is in it, and what would become of it
  redb-cache migrate
  redb-cache migrate --from-bincode               a cache of do-memory 0.1.0 to 0.1.6
  redb-cache migrate --output new.redb            leave the original alone
  redb-cache migrate --skip-bad --quarantine bad.redb
  redb-cache migrate --consult --from turso.db    ask the durable store about doubtful values
  redb-cache migrate --rollback --yes             put the backup back")]
pub struct Args {
    /// Expect rows of do-memory 0.1.6 or earlier, and warn if there are none
    ///
    /// Without it they are recognised as well: each row is read in the layout that fits it.
    #[arg(long)]
    pub from_bincode: bool,

    /// Write the migrated cache here and leave the original alone; the file must not exist yet
    #[arg(long, value_name = "PATH", conflicts_with_all = ["backup", "no_backup"])]
    pub output: Option<PathBuf>,

    /// Keep the original here instead of beside the cache; with --rollback, put this one back
    #[arg(long, value_name = "PATH")]
    pub backup: Option<PathBuf>,

    /// Do not keep the original
    #[arg(long, conflicts_with = "backup")]
    pub no_backup: bool,

    /// Set rows aside that cannot be read in any layout, instead of refusing
    #[arg(long)]
    pub skip_bad: bool,

    /// Where rows are set aside, as a cache of their own; <name>.quarantine-<number> beside the
    /// cache unless given
    #[arg(long, value_name = "PATH", requires = "skip_bad")]
    pub quarantine: Option<PathBuf>,

    /// Let the durable store settle parameters of steps that the cache's bytes leave open
    #[arg(long)]
    pub consult: bool,

    /// The store.
    #[command(flatten)]
    pub store: StoreArgs,

    /// Put the backup of the last migration back; the migrated cache is kept beside it as
    /// <name>.migrated-<number>
    #[arg(
        long,
        conflicts_with_all = ["from_bincode", "output", "no_backup", "skip_bad", "quarantine", "consult"]
    )]
    pub rollback: bool,

    /// Show what would be done, and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
}

/// Either of the two directions.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Done {
    /// To the current layout.
    Migrated(Box<MigrateReport>),
    /// And back.
    RolledBack(RollbackReport),
}

/// Carries the command out.
///
/// # Errors
/// When the cache is in use, cannot be read or replaced, is none of do-memory's or a newer one,
/// the disk has no room, or it is not confirmed. The cache is then as it was.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Done> {
    if args.rollback {
        return rollback::run(args, context).map(Done::RolledBack);
    }
    let named = [
        ("--output", &args.output),
        ("--backup", &args.backup),
        ("--quarantine", &args.quarantine),
    ];
    names::require_usable(&context.cache, &named)?;
    let began = Instant::now();
    let check = || context.cancel.check();
    let store = args.consult.then(|| args.store.open(&check)).transpose()?;
    let advice = store.as_ref().map(Advice::of).transpose()?;
    let mut report = migrate(args, context, advice.as_ref())?;
    report.bincode_missing = args.from_bincode && !report.from.codecs.contains_key(&Codec::Bincode);
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tell_each(context, &report);
    Ok(Done::Migrated(Box::new(report)))
}

fn migrate(
    args: &Args,
    context: &Context<'_>,
    advice: Option<&Advice<'_>>,
) -> Result<MigrateReport> {
    loop {
        // Another run may migrate the cache while this one waits for the lock.
        if let Some(report) = attempt(args, context, advice)? {
            return Ok(report);
        }
    }
}

fn attempt(
    args: &Args,
    context: &Context<'_>,
    advice: Option<&Advice<'_>>,
) -> Result<Option<MigrateReport>> {
    let looks_current = access::snapshot(context, |snapshot| {
        Ok(Source::of(snapshot)?.claims_to_be_current())
    })?;
    if args.dry_run || (looks_current && args.output.is_none()) {
        let mut report = forecast(context, advice)?;
        let older = report.total.migrated > 0 || !report.bad_rows.is_empty();
        if looks_current && !older {
            report.outcome = Outcome::NothingToDo;
        } else if !report.bad_rows.is_empty() && !args.skip_bad {
            report.outcome = Outcome::Refused;
        }
        if args.dry_run || report.outcome != Outcome::Forecast {
            return Ok(Some(report));
        }
    }
    match &args.output {
        Some(output) => write::to_output(args, context, advice, output).map(Some),
        None => write::in_place(args, context, advice, looks_current),
    }
}

/// Reads everything and writes nothing.
fn forecast(context: &Context<'_>, advice: Option<&Advice<'_>>) -> Result<MigrateReport> {
    access::stream(context, |snapshot| {
        let source = Source::of(snapshot)?;
        let mut judge = Judge::learn(&source, advice, Steps::new(context, "surveying"))?;
        let mut steps = Steps::new(context, "reading");
        steps.set_total(source.records());
        for table in source.record_tables() {
            source.rows(table, &mut |key, row| {
                judge.row(table, key, &row)?;
                steps.tick()
            })?;
        }
        Ok(MigrateReport::new(&source, judge.found))
    })
}

/// Names, for `--verbose`, each value that is not certain and each row that cannot be migrated.
fn tell_each(context: &Context<'_>, report: &MigrateReport) {
    for doubt in &report.doubts.listed {
        context.ui.detail(match doubt {
            Doubt::Parameters {
                table,
                key,
                step,
                certainty,
                value,
            } => format!(
                "{table} {key}, step {step}: parameters {}: {value}",
                certainty.as_str()
            ),
            Doubt::Layout {
                table,
                key,
                taken,
                also,
            } => format!("{table} {key}: read as {taken}, reads differently as {also:?}"),
        });
    }
    for row in &report.bad_rows.listed {
        let (table, key, why) = (row.table, &row.key, &row.why);
        context
            .ui
            .detail(format!("{table} {key} cannot be migrated: {why}"));
    }
}

/// A path in a report. What is no text of it is shown as such.
fn text(path: &Path) -> String {
    path.display().to_string()
}

impl Report for Done {
    fn schema(&self) -> &'static str {
        "migrate"
    }

    fn view(&self) -> ui::View {
        match self {
            Self::Migrated(report) => report.view(),
            Self::RolledBack(report) => report.view(),
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Migrated(report) => report.exit_code(),
            Self::RolledBack(_) => 0,
        }
    }
}
