//! What `migrate` gives back.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::doubts::Parameters;
use super::super::list::List;
use super::super::records::Source;
use super::consult::Consulted;
use super::found::{BadRow, Counts, Doubt, Found};
use crate::cache::{Table, schema};
use crate::file::FileFormat;
use crate::layout::{Codec, Layout};

/// What became of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The migrated cache is in place, or where it was asked for.
    Migrated,
    /// A dry run.
    Forecast,
    /// Every row was current already.
    NothingToDo,
    /// Rows cannot be migrated, and nothing was changed.
    Refused,
    /// The backup is in place again.
    RolledBack,
}

/// What the file was.
#[derive(Debug, Serialize)]
pub(super) struct From {
    /// The version of redb's file format.
    pub(super) file_format: u8,
    pub(super) schema_version: Option<u64>,
    /// Whether its last writer closed it.
    pub(super) closed_cleanly: bool,
    /// Rows by the codec and by the layout that they were read as.
    pub(super) codecs: BTreeMap<Codec, u64>,
    pub(super) layouts: BTreeMap<Layout, u64>,
    pub(super) bytes: u64,
}

/// What it is now.
#[derive(Debug, Serialize)]
pub(super) struct To {
    pub(super) file_format: u8,
    pub(super) schema_version: u64,
    pub(super) codec: Codec,
    pub(super) layout: Layout,
    /// `None` in a dry run.
    pub(super) bytes: Option<u64>,
}

/// What became of a table.
#[derive(Debug, Serialize)]
pub(super) struct TableRow {
    pub(super) table: String,
    pub(super) rows: u64,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

/// What a migration did, or would do.
#[derive(Debug, Serialize)]
pub struct MigrateReport {
    pub(super) outcome: Outcome,
    pub(super) from: From,
    pub(super) to: To,
    pub(super) tables: Vec<TableRow>,
    pub(super) rows: u64,
    #[serde(flatten)]
    pub(super) total: Counts,
    pub(super) parameters: Parameters,
    /// Parameters that the durable store settled; `None` where it was not asked.
    pub(super) consulted: Option<Consulted>,
    pub(super) doubts: List<Doubt>,
    pub(super) bad_rows: List<BadRow>,
    /// Whether rows in bincode were expected and none was there.
    pub(super) bincode_missing: bool,
    /// Whether compressed rows are stored plainly now.
    pub(super) inflated: bool,
    pub(super) output: Option<String>,
    pub(super) backup: Option<String>,
    pub(super) quarantine: Option<String>,
    pub(super) elapsed_ms: u64,
}

impl From {
    pub(super) fn of(source: &Source<'_>) -> Self {
        Self {
            file_format: match source.snapshot.format() {
                FileFormat::V2 => 2,
                FileFormat::V3 => 3,
                FileFormat::Unknown(version) => version,
            },
            schema_version: source.origin.schema,
            closed_cleanly: source.snapshot.was_clean(),
            codecs: BTreeMap::new(),
            layouts: BTreeMap::new(),
            bytes: source.snapshot.length(),
        }
    }
}

impl MigrateReport {
    pub(super) fn new(source: &Source<'_>, found: Found) -> Self {
        let tables = tables(source, &found);
        Self {
            outcome: Outcome::Forecast,
            from: From {
                codecs: found.codecs(),
                layouts: found.layouts,
                ..From::of(source)
            },
            to: To {
                file_format: 3,
                schema_version: schema::SCHEMA_VERSION,
                codec: Layout::CURRENT.codec(),
                layout: Layout::CURRENT,
                bytes: None,
            },
            rows: tables.iter().map(|table| table.rows).sum(),
            total: tables
                .iter()
                .fold(Counts::default(), |sum, table| sum.plus(table.counts)),
            tables,
            parameters: found.parameters,
            consulted: found.consulted,
            doubts: found.doubts,
            bad_rows: found.bad,
            bincode_missing: false,
            inflated: false,
            output: None,
            backup: None,
            quarantine: None,
            elapsed_ms: 0,
        }
    }
}

/// Those with rows, in the order of reports, users' last.
fn tables(source: &Source<'_>, found: &Found) -> Vec<TableRow> {
    let records = found
        .tables
        .iter()
        .map(|(table, counts)| (table.name().to_owned(), *counts));
    let carried = source.carried_tables().map(|table| {
        let counts = Counts {
            carried: table.rows,
            ..Counts::default()
        };
        (table.name.clone(), counts)
    });
    let mut tables: Vec<_> = records
        .chain(carried)
        .map(|(table, counts)| TableRow {
            table,
            rows: counts.rows(),
            counts,
        })
        .filter(|table| table.rows > 0)
        .collect();
    let place = |name: &str| Table::ALL.iter().position(|table| table.name() == name);
    tables.sort_by_key(|row| place(&row.table).unwrap_or(Table::ALL.len()));
    tables
}
