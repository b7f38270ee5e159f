//! `export`: the rows as JSON Lines.

mod own;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Instant;

use serde::Serialize;

use super::inspect::reading::{OLDEST_DECODABLE, Reader};
use super::inspect::{describe_via, table_info};
use super::{Context, Report};
use crate::cache::entry::{METADATA_PREFIX, TABLE_PREFIX};
use crate::cache::{Table, schema};
use crate::error::{ErrorKind, Result};
use crate::file::{self, ReadOptions, ReadVia, Snapshot, TableInfo, ValueKind, ValueRef};
use crate::ui::{Cell, Channel, Progress, Severity, View, json, text};

/// Rows between two questions whether to stop.
const STEP: u64 = 256;
/// Rows left out that are told one by one without `--verbose`.
const TOLD: u64 = 5;

/// Write the rows as JSON Lines to standard output
///
/// One line for each row, `{"table":"...","key":"...","value":...}`, with the value in the JSON that
/// do-memory gives it. A user's value is a string where it is UTF-8, else `{"base64":"..."}`.
/// Tables and keys come in order. Needs little memory, whatever the size of the cache. The summary
/// goes to stderr. Exits 3 if a row could not be decoded and was left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache export > cache.jsonl
  redb-cache export episodes patterns | jq -c .value
  redb-cache export metadata | wc -l")]
pub struct Args {
    /// The tables to write; without a name all of do-memory's and of users'
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,

    /// Also write what this program keeps for itself: statistics and what it knows about each row
    #[arg(long, conflicts_with = "tables")]
    pub all: bool,
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
    let options = ReadOptions {
        lock_timeout: context.lock_timeout,
        ..ReadOptions::default()
    };
    let mut report = file::stream(&context.cache, &options, |snapshot| {
        require_decodable(snapshot)?;
        let tables = tables(snapshot, args)?;
        let mut export = Export {
            snapshot,
            reader: Reader::of(snapshot)?,
            context,
            all: args.all,
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

/// Refuses a file whose rows are all of layouts before or after those that can be decoded.
fn require_decodable(snapshot: &Snapshot) -> Result<()> {
    let Some(txn) = snapshot.begin_read()? else {
        return snapshot.header().require_current();
    };
    match schema::check(&txn) {
        Err(error)
            if error.kind() == ErrorKind::OldFormat
                && schema::version(&txn)? == Some(OLDEST_DECODABLE) =>
        {
            Ok(())
        }
        checked => checked.map(drop),
    }
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
    /// Whether our own rows are wanted too.
    all: bool,
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
        if own && !self.all {
            return Ok(());
        }
        let value = self
            .reader
            .entry(table, key, stored)
            .map_err(|error| error.to_string())
            .and_then(|entry| self.reader.value(table, entry.as_ref(), stored));
        match value {
            Ok(value) => self.write(table, key, &value.shown),
            Err(why) => {
                self.skip(table, key, &why);
                Ok(())
            }
        }
    }

    fn write(&mut self, table: &str, key: &str, value: &impl Serialize) -> Result<()> {
        let line = json::line(&Line { table, key, value })?;
        self.context.ui.output().write(line.as_bytes())?;
        self.report.rows += 1;
        self.report.bytes = self.report.bytes.saturating_add(line.len() as u64);
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
        View::new()
            .pair("rows", Cell::count(self.rows))
            .pair("left out", Cell::count(self.skipped))
            .pair("tables", Cell::count(self.tables))
            .pair("written", Cell::bytes(self.bytes))
            .pair("in use", Cell::text(describe_via(self.snapshot)))
            .pair("took", Cell::elapsed(took))
            .when(self.skipped > told, |view| {
                let text = format!("{} rows were left out; --verbose names each", self.skipped);
                view.note(Severity::Warning, text)
            })
    }

    fn exit_code(&self) -> u8 {
        if self.skipped > 0 { 3 } else { 0 }
    }

    fn channel(&self) -> Channel {
        Channel::Stderr
    }
}
