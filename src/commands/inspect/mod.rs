//! `inspect`: what is in a cache.

mod file;
mod listed;
pub(super) mod portion;
pub(super) mod reading;
mod row;
mod sample;
mod summary;
mod table;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Context, Report, access};
use crate::cache::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::file::{ReadVia, Snapshot, TableInfo, ValueKind};
use crate::ui::{Channel, View};

/// Show what is in a cache: the file, a table, or a row
///
/// Without arguments the file and its tables; with a table its keys; with a key the decoded value
/// as JSON. Nothing is written, not even to a cache that was not closed cleanly, and a cache that
/// another process holds is read as well. Caches of every do-memory release are read; a row of an
/// older one is shown as migrate would write it. A row that does not decode exits 3.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache inspect                                  the file and its tables
  redb-cache inspect episodes --largest 10            the ten largest episodes
  redb-cache inspect metadata --prefix user:          keys that begin with user:
  redb-cache inspect episodes ID                      one episode as JSON
  redb-cache inspect episodes ID --raw > value.bin    its stored bytes")]
pub struct Args {
    /// The table to look into
    pub table: Option<String>,

    /// The row to show
    pub key: Option<String>,

    /// Look at every row to tell layouts, oldest and newest, not at the first 1000 of each table
    #[arg(long, conflicts_with = "table")]
    pub exact: bool,

    /// Show this many keys at most; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "key")]
    pub limit: u64,

    /// Only keys that begin with this
    #[arg(long, requires = "table", conflicts_with = "key")]
    pub prefix: Option<String>,

    /// The N largest rows, the largest first
    #[arg(long, value_name = "N", requires = "table", conflicts_with_all = ["key", "limit"])]
    pub largest: Option<u64>,

    /// Only rows that have expired and are not cleaned yet
    #[arg(long, requires = "table", conflicts_with = "key")]
    pub expired: bool,

    /// The value's bytes instead of JSON, inflated if they are compressed
    #[arg(long, requires = "key", conflicts_with = "hex")]
    pub raw: bool,

    /// The value's bytes as a hexadecimal dump
    #[arg(long, requires = "key")]
    pub hex: bool,
}

/// What was looked at.
#[derive(Debug, Serialize)]
#[serde(tag = "view", rename_all = "lowercase")]
pub enum InspectReport {
    /// The file and its tables.
    File(file::FileReport),
    /// Keys of a table.
    Table(table::TableReport),
    /// One row.
    Row(Box<row::RowReport>),
    /// The bytes of a row, which are on stdout already.
    Bytes {},
}

/// Carries the command out.
///
/// # Errors
/// When the cache cannot be read, or has no such table or row.
pub fn run(args: &Args, context: &Context<'_>) -> Result<InspectReport> {
    match (&args.table, &args.key) {
        (Some(name), Some(key)) if args.raw || args.hex => {
            row::write_bytes(name, key, args.hex, context)?;
            Ok(InspectReport::Bytes {})
        }
        (Some(name), Some(key)) => {
            let report = row::look(name, key, context)?;
            Ok(InspectReport::Row(Box::new(report)))
        }
        (Some(name), None) => access::snapshot(context, |snapshot| {
            table::look(snapshot, name, args, context).map(InspectReport::Table)
        }),
        (None, _) => access::snapshot(context, |snapshot| {
            file::look(snapshot, args.exact, context).map(InspectReport::File)
        }),
    }
}

impl Report for InspectReport {
    fn schema(&self) -> &'static str {
        "inspect"
    }

    fn view(&self) -> View {
        match self {
            Self::File(report) => report.view(),
            Self::Table(report) => report.view(),
            Self::Row(report) => report.view(),
            Self::Bytes {} => View::new(),
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::File(report) => report.exit_code(),
            Self::Table(report) => report.exit_code(),
            Self::Row(report) => report.exit_code(),
            Self::Bytes {} => 0,
        }
    }

    fn channel(&self) -> Channel {
        match self {
            Self::Bytes {} => Channel::Nowhere,
            _ => Channel::Stdout,
        }
    }
}

/// Why the rows of the file may not be taken for what this release knows; `None` when they may.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn unknown_layout(snapshot: &Snapshot) -> Result<Option<Error>> {
    match access::require_known(snapshot) {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == ErrorKind::UnknownLayout => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// The table of that name. One of do-memory's that the file does not have is empty.
///
/// # Errors
/// [`ErrorKind::Usage`] with the names that there are.
pub(super) fn table_info(snapshot: &Snapshot, name: &str) -> Result<TableInfo> {
    if let Some(info) = snapshot.table(name)? {
        return Ok(info);
    }
    if Table::from_name(name).is_some() {
        return Ok(TableInfo {
            name: name.to_owned(),
            kind: ValueKind::Bytes,
            rows: 0,
        });
    }
    let tables = snapshot.tables()?;
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    let alike = names
        .iter()
        .filter(|known| !name.is_empty() && (known.starts_with(name) || name.starts_with(**known)))
        .min_by_key(|known| known.len().abs_diff(name.len()));
    let help = match alike {
        Some(alike) => format!("did you mean {alike}?"),
        None => format!("its tables are {}", names.join(", ")),
    };
    Err(Error::new(ErrorKind::Usage, format!("the cache has no table {name:?}")).help(help))
}

/// Whether somebody else has it open, for people.
pub(super) fn describe_via(via: ReadVia) -> &'static str {
    match via {
        ReadVia::Quiet => "no",
        ReadVia::LockFree => "yes: this is a snapshot without the lock",
        ReadVia::Shared => "yes, and shared by its writer",
    }
}

/// What the values of a table are, for programs.
fn kind(info: &TableInfo) -> &'static str {
    match info.kind {
        ValueKind::Bytes => "bytes",
        ValueKind::Text => "text",
        ValueKind::U64 => "u64",
        ValueKind::I64 => "i64",
        ValueKind::Multimap => "multimap",
        ValueKind::Other => "other",
    }
}

fn is_readable(info: &TableInfo) -> bool {
    !matches!(info.kind, ValueKind::Multimap | ValueKind::Other)
}

fn moment(ms: Option<i64>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(ms?)
}
