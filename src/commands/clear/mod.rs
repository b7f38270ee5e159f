//! `clear`: removes rows on request.

mod filter;
mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use redb::Database;

use self::filter::Filter;
use self::report::{ClearReport, Share};
use super::{Context, access};
use crate::cache::ledger::Ledger;
use crate::cache::{Table, View};
use crate::error::{Error, ErrorKind, Result};
use crate::file;

/// Rows that go in one transaction, where not a whole table goes.
const BATCH: usize = 1_000;

/// Remove rows: of all tables that a rebuild brings back, or of those named
///
/// Shows what would go and asks; without a terminal it needs --yes. Recommendation sessions,
/// feedback and metadata exist nowhere else: they go only when their table is named.
#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("scope").required(true).args(["all", "table"])),
    after_help = "\
Examples:
  redb-cache clear --all --dry-run
  redb-cache clear --table episodes --expired
  redb-cache clear --table embeddings --prefix episode_ --yes
  redb-cache clear --all --backup before.redb --yes"
)]
pub struct Args {
    /// Every table that a rebuild brings back
    #[arg(long)]
    pub all: bool,

    /// These tables
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub table: Vec<String>,

    /// Only rows that have expired
    #[arg(long)]
    pub expired: bool,

    /// Only rows whose key begins with this
    #[arg(long)]
    pub prefix: Option<String>,

    /// Keep a copy of the cache here; the file must not exist yet
    #[arg(long, value_name = "PATH")]
    pub backup: Option<PathBuf>,

    /// Show what would go, and remove nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
}

/// Carries the command out.
///
/// # Errors
/// When it is not confirmed, the cache is in use or cannot be written, or is of another layout.
pub fn run(args: &Args, context: &Context<'_>) -> Result<ClearReport> {
    let began = Instant::now();
    let filter = Filter {
        prefix: args.prefix.as_deref(),
        expired_at_ms: args.expired.then(|| context.now.timestamp_millis()),
    };
    let tables = tables(args)?;
    let planned = access::view(context, |_, view| plan(view, &tables, &filter))?;
    let mut report = ClearReport {
        dry_run: args.dry_run,
        tables: planned,
        backup: None,
        elapsed_ms: 0,
    };
    if !args.dry_run && report.rows() > 0 {
        context.ui.aside(&report.plan_view());
        context.confirm(&format!("Remove {} rows?", report.rows()), args.yes)?;
        if let Some(backup) = &args.backup {
            back_up(context, backup)?;
            report.backup = Some(backup.display().to_string());
        }
        let db = access::open_for_writing(context)?;
        report.tables = execute(context, &db, &tables, &filter)?;
        db.close()?;
    }
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// The tables meant: those named, or all that a rebuild brings back.
fn tables(args: &Args) -> Result<Vec<Table>> {
    if args.all {
        let rebuilt = |table: &Table| table.expires() || *table == Table::Procedural;
        return Ok(Table::ALL.into_iter().filter(rebuilt).collect());
    }
    let mut tables = Vec::new();
    for name in &args.table {
        let table = access::table_named(name)?;
        if !table.holds_records() && table != Table::Metadata {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{table} follows other tables and is not cleared by itself"),
            ));
        }
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    Ok(tables)
}

fn plan(view: &View, tables: &[Table], filter: &Filter<'_>) -> Result<Vec<Share>> {
    let share = |table: &Table| {
        let all = view.len(*table)?;
        if filter.is_none() && *table != Table::Metadata {
            return Ok(Share {
                table: *table,
                rows: all,
                bytes: None,
                stay: 0,
            });
        }
        let mut share = Share {
            table: *table,
            rows: 0,
            bytes: Some(0),
            stay: all,
        };
        let Some(rows) = view.rows(*table)? else {
            return Ok(share);
        };
        for row in rows.range(filter.start()..)? {
            let (key, stored) = row?;
            if filter.is_past(key.value()) {
                break;
            }
            if filter.takes(view, *table, key.value(), stored.value())? {
                share.rows += 1;
                share.bytes = share.bytes.map(|bytes| bytes + stored.value().len() as u64);
            }
        }
        share.stay = all.saturating_sub(share.rows);
        Ok(share)
    };
    tables.iter().map(share).collect()
}

fn execute(
    context: &Context<'_>,
    db: &Database,
    tables: &[Table],
    filter: &Filter<'_>,
) -> Result<Vec<Share>> {
    let bar = context.ui.progress("clearing");
    let mut shares = Vec::new();
    for table in tables {
        context.cancel.check()?;
        let share = if filter.is_none() && *table != Table::Metadata {
            clear_whole(db, *table)?
        } else {
            clear_some(context, db, *table, filter)?
        };
        bar.advance(share.rows);
        shares.push(share);
    }
    bar.finish();
    Ok(shares)
}

fn clear_whole(db: &Database, table: Table) -> Result<Share> {
    let txn = db.begin_write()?;
    let mut ledger = Ledger::open(&txn)?;
    let rows = ledger.clear(table)?;
    ledger.finish()?;
    txn.commit()?;
    Ok(Share {
        table,
        rows,
        bytes: None,
        stay: 0,
    })
}

/// Removes the matching rows in short transactions, each of which decides anew what matches.
fn clear_some(
    context: &Context<'_>,
    db: &Database,
    table: Table,
    filter: &Filter<'_>,
) -> Result<Share> {
    let mut share = Share {
        table,
        rows: 0,
        bytes: Some(0),
        stay: 0,
    };
    loop {
        context.cancel.check()?;
        let view = View::new(redb::ReadableDatabase::begin_read(db)?);
        let keys = matching(&view, table, filter)?;
        if keys.is_empty() {
            share.stay = view.len(table)?;
            return Ok(share);
        }
        drop(view);
        let txn = db.begin_write()?;
        let mut ledger = Ledger::open(&txn)?;
        for key in keys {
            let freed = ledger.remove(table, &key)?;
            share.rows += u64::from(freed.is_some());
            share.bytes = share.bytes.map(|bytes| bytes + freed.unwrap_or(0));
        }
        ledger.finish()?;
        txn.commit()?;
    }
}

fn matching(view: &View, table: Table, filter: &Filter<'_>) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    let Some(rows) = view.rows(table)? else {
        return Ok(keys);
    };
    for row in rows.range(filter.start()..)? {
        let (key, stored) = row?;
        if keys.len() == BATCH || filter.is_past(key.value()) {
            break;
        }
        if filter.takes(view, table, key.value(), stored.value())? {
            keys.push(key.value().to_owned());
        }
    }
    Ok(keys)
}

/// A copy of the whole file, taken while nobody writes.
fn back_up(context: &Context<'_>, to: &Path) -> Result<()> {
    let lock = context.wait_for(|timeout| file::ExclusiveLock::acquire(&context.cache, timeout))?;
    let copied = file::copy_new(&context.cache, to);
    drop(lock);
    copied
}
