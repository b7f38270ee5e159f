//! `export`: the rows as JSON Lines.

mod own;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Instant;

use serde::Serialize;

use super::doubts::{self, Parameters};
use super::inspect::portion::Portion;
use super::inspect::reading::{Reader, Shown, Value};
use super::inspect::{describe_via, table_info};
use super::{Context, Report, access};
use crate::cache::Table;
use crate::cache::entry::{METADATA_PREFIX, TABLE_PREFIX};
use crate::error::Result;
use crate::file::{ReadVia, Snapshot, TableInfo, ValueKind, ValueRef};
use crate::layout::Certainty;
use crate::sabotage::Bug;
use crate::ui::{Cell, Channel, Progress, Severity, View, text};

/// Rows between two questions whether to stop.
const STEP: u64 = 256;
/// Rows left out that are told one by one without `--verbose`.
const TOLD: u64 = 5;

/// Write the rows as JSON Lines to standard output
///
/// One line for each row, `{"table":"...","key":"...","value":...}`, with the value in the JSON that
/// do-memory gives it. A user's value is a string where it is UTF-8, else `{"base64":"..."}`.
/// Tables and keys come in order. Needs little memory, whatever the size of the cache. The summary
/// goes to stderr.
///
/// Caches of every do-memory release are exported, and rows of an older one come as migrate would
/// write them. Exits 3 if a row could not be decoded and was left out, or if parameters of a step
/// could not be read.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache export > cache.jsonl
  redb-cache export episodes patterns | jq -c .value
  redb-cache export metadata | wc -l
  redb-cache export --undecodable base64 --cache cache.redb.quarantine-1")]
pub struct Args {
    /// The tables to write; without a name all of do-memory's and of users'
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,

    /// Also write what this program keeps for itself: statistics and what it knows about each row
    #[arg(long, conflicts_with = "tables")]
    pub all: bool,

    /// What becomes of a row that does not decode
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Undecodable::Skip)]
    pub undecodable: Undecodable,
}

/// What becomes of a row that does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Undecodable {
    /// It is named on stderr and left out
    Skip,
    /// Its value is written as {"base64":"..."}, inflated if it is compressed
    Base64,
}

/// What was written.
#[derive(Debug, Serialize)]
pub struct ExportReport {
    snapshot: ReadVia,
    tables: u64,
    rows: u64,
    bytes: u64,
    /// Rows left out because they do not decode or cannot be read.
    skipped: u64,
    /// Rows that do not decode, written as their bytes.
    undecoded: u64,
    /// Rows that several layouts read, each differently.
    doubtful: u64,
    /// Parameters of steps of L1 to L5.
    parameters: Parameters,
    elapsed_ms: u64,
}

/// A line of the export.
#[derive(Serialize)]
struct Line<'a, T> {
    table: &'a str,
    key: &'a str,
    value: T,
}

/// Carries the command out.
///
/// # Errors
/// When the cache cannot be read, is of another layout, or stdout cannot be written.
pub fn run(args: &Args, context: &Context<'_>) -> Result<ExportReport> {
    let began = Instant::now();
    let mut report = access::stream(context, |snapshot| {
        access::require_known(snapshot)?;
        let tables = tables(snapshot, args)?;
        let mut export = Export {
            snapshot,
            reader: reader(snapshot, &tables, context)?,
            context,
            args,
            bar: context.ui.progress("exporting"),
            report: ExportReport::begin(snapshot),
            seen: 0,
        };
        export
            .bar
            .set_total(tables.iter().map(|table| table.rows).sum());
        for table in &tables {
            export.table(table)?;
        }
        export.bar.finish();
        Ok(export.report)
    })?;
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// Of an old cache one that has looked at all rows before any is written.
fn reader(snapshot: &Snapshot, tables: &[TableInfo], context: &Context<'_>) -> Result<Reader> {
    let mut reader = Reader::of(snapshot)?;
    if tables.iter().any(|table| reader.learns(&table.name)) {
        reader.learn(snapshot, Portion::ALL, context)?;
    }
    Ok(reader)
}

/// The tables that are wanted, in the order of their names.
fn tables(snapshot: &Snapshot, args: &Args) -> Result<Vec<TableInfo>> {
    if !args.tables.is_empty() {
        let names: BTreeSet<_> = args.tables.iter().collect();
        return names
            .into_iter()
            .map(|name| table_info(snapshot, name))
            .collect();
    }
    let mut tables = snapshot.tables()?;
    tables.retain(|table| args.all || !table.name.starts_with(TABLE_PREFIX));
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

struct Export<'a> {
    snapshot: &'a Snapshot,
    reader: Reader,
    context: &'a Context<'a>,
    args: &'a Args,
    bar: Progress,
    report: ExportReport,
    seen: u64,
}

impl Export<'_> {
    fn table(&mut self, info: &TableInfo) -> Result<()> {
        self.report.tables += 1;
        if info.name.starts_with(TABLE_PREFIX) {
            return self.own_table(info);
        }
        if matches!(info.kind, ValueKind::Multimap | ValueKind::Other) {
            self.count_only(info);
            return Ok(());
        }
        self.snapshot.scan(&info.name, None, &mut |key, stored| {
            self.step()?;
            self.row(&info.name, key, stored)?;
            Ok(ControlFlow::Continue(()))
        })
    }

    fn row(&mut self, table: &str, key: &str, stored: ValueRef<'_>) -> Result<()> {
        let own = table == Table::Metadata.name() && key.starts_with(METADATA_PREFIX);
        if own && !self.args.all {
            return Ok(());
        }
        let entry = self.reader.entry(table, key, stored);
        let value = match &entry {
            Ok(entry) => self.reader.value(table, entry.as_ref(), stored),
            Err(error) => Err(error.to_string()),
        };
        match value {
            Ok(value) => {
                self.doubt(table, key, &value);
                self.write(table, key, &value.shown)
            }
            Err(_) if self.args.undecodable == Undecodable::Base64 => {
                self.report.undecoded += 1;
                let entry = entry.ok().flatten();
                let bytes = match self.reader.bytes(entry.as_ref(), stored) {
                    Ok(bytes) => bytes,
                    // Neither do they inflate.
                    Err(_) => self.reader.bytes(None, stored)?,
                };
                self.write(table, key, &Shown::base64(&bytes))
            }
            Err(why) => {
                self.skip(table, key, &why);
                Ok(())
            }
        }
    }

    /// Keeps account of what is not certain, as `migrate` does.
    fn doubt(&mut self, table: &str, key: &str, value: &Value<'_>) {
        let place = || format!("{} {}", text::escape(table), text::escape(key));
        if let (Some(layout), [_, ..]) = (value.layout, value.also.as_slice()) {
            self.report.doubtful += 1;
            let also = &value.also;
            self.context.ui.detail(format!(
                "{}: read as {layout}, reads differently as {also:?}",
                place()
            ));
        }
        for (step, certainty) in (1..).zip(&value.parameters) {
            self.report.parameters.add(*certainty);
            if *certainty != Certainty::Exact {
                self.context.ui.detail(format!(
                    "{}, step {step}: parameters {}",
                    place(),
                    certainty.as_str()
                ));
            }
        }
    }

    fn write(&mut self, table: &str, key: &str, value: &impl Serialize) -> Result<()> {
        let output = self.context.ui.output();
        let written = output.line(&Line { table, key, value })?;
        self.report.rows += 1;
        self.report.bytes = self.report.bytes.saturating_add(written);
        Ok(())
    }

    fn step(&mut self) -> Result<()> {
        self.seen += 1;
        if self.seen.is_multiple_of(STEP) {
            self.context.cancel.check()?;
            self.bar.advance(STEP);
        }
        Ok(())
    }

    /// The first rows are told, the rest only to who wants it: thousands would hide each other.
    fn skip(&mut self, table: &str, key: &str, why: &str) {
        if Bug::SkipSwallowed.is_planted() {
            return;
        }
        self.report.skipped += 1;
        let key = if key.is_empty() { "\"\"" } else { key };
        let text = format!(
            "left out {} {}: {why}",
            text::escape(table),
            text::escape(key)
        );
        if self.report.skipped <= TOLD {
            self.context.ui.note(Severity::Warning, text);
        } else {
            self.context.ui.detail(text);
        }
    }

    fn count_only(&mut self, info: &TableInfo) {
        if info.rows == 0 {
            return;
        }
        self.report.skipped = self.report.skipped.saturating_add(info.rows);
        let text = format!(
            "left out {} rows of {}: they are of a type that can only be counted",
            info.rows,
            text::escape(&info.name)
        );
        self.context.ui.note(Severity::Warning, text);
    }
}

impl ExportReport {
    fn begin(snapshot: &Snapshot) -> Self {
        Self {
            snapshot: snapshot.via(),
            tables: 0,
            rows: 0,
            bytes: 0,
            skipped: 0,
            undecoded: 0,
            doubtful: 0,
            parameters: Parameters::default(),
            elapsed_ms: 0,
        }
    }
}

impl Report for ExportReport {
    fn schema(&self) -> &'static str {
        "export"
    }

    fn view(&self) -> View {
        let took = std::time::Duration::from_millis(self.elapsed_ms);
        let told = self.skipped.min(TOLD);
        let view = View::new()
            .pair("rows", Cell::count(self.rows))
            .pair("left out", Cell::count(self.skipped))
            .when(self.undecoded > 0, |view| {
                view.pair("undecoded", Cell::count(self.undecoded))
            })
            .pair("tables", Cell::count(self.tables))
            .pair("written", Cell::bytes(self.bytes))
            .pair("in use", Cell::text(describe_via(self.snapshot)))
            .pair("took", Cell::elapsed(took));
        let doubts = self.doubtful + self.parameters.uncertain();
        let view = self.parameters.told(doubts::told_of_rows(
            self.doubtful,
            self.parameters.shown(view),
        ));
        view.when(self.undecoded > 0, |view| {
            let text = format!(
                "{} rows do not decode and were written as base64",
                self.undecoded
            );
            view.note(Severity::Warning, text)
        })
        .when(self.skipped > told, |view| {
            let text = format!("{} rows were left out; --verbose names each", self.skipped);
            view.note(Severity::Warning, text)
        })
        .when(doubts > 0, |view| {
            view.note(
                Severity::Info,
                "--verbose names each value that is not certain",
            )
        })
    }

    fn exit_code(&self) -> u8 {
        if self.skipped > 0 || self.parameters.unreadable > 0 {
            3
        } else {
            0
        }
    }

    fn channel(&self) -> Channel {
        Channel::Stderr
    }
}
