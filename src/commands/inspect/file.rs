//! The file and its tables.

use serde::Serialize;

use super::portion::Portion;
use super::reading::Reader;
use super::sample::Sample;
use super::summary::{OwnTables, TableSummary};
use super::{describe_via, kind, unknown_layout};
use crate::cache::Table;
use crate::cache::entry::TABLE_PREFIX;
use crate::commands::{Context, access, doubts};
use crate::error::{ErrorKind, Result};
use crate::file::{FileFormat, ReadVia, Snapshot, TableInfo, holder, open_regular};
use crate::layout::Codec;
use crate::ui::{Cell, Column, Severity, View};

/// A file and its tables.
#[derive(Debug, Serialize)]
pub struct FileReport {
    cache: String,
    file_format: &'static str,
    /// How do-memory's rows are encoded, as far as they were looked at.
    codec: Option<&'static str>,
    schema_version: Option<u64>,
    /// Not known while somebody has it open.
    closed_cleanly: Option<bool>,
    snapshot: ReadVia,
    holder: Option<String>,
    length: u64,
    on_disk: u64,
    /// Bytes of all keys and values.
    stored_bytes: u64,
    tables: Vec<TableSummary>,
    /// What this program keeps for itself.
    own: Option<OwnTables>,
    /// Why the rows may not be taken for what this release knows.
    unknown_layout: Option<String>,
    /// Whether `migrate` is what the cache needs.
    old_format: bool,
}

/// Looks at the file.
///
/// # Errors
/// When it cannot be read.
pub fn look(snapshot: &Snapshot, exact: bool, context: &Context<'_>) -> Result<FileReport> {
    let mut infos = snapshot.tables()?;
    // do-memory's in the order of all reports, then the users' by their names.
    infos.sort_by_key(|info| (position(info), info.name.clone()));
    let unknown = unknown_layout(snapshot)?;
    let portion = if exact { Portion::ALL } else { Portion::FIRST };
    let reader = match &unknown {
        None => {
            let mut reader = Reader::of(snapshot)?;
            reader.learn(snapshot, portion, context)?;
            Some(reader)
        }
        Some(_) => None,
    };
    let mut tables = Vec::new();
    let mut own = None;
    for info in infos {
        let stored_bytes = snapshot.measure(&info.name)?.stored_bytes;
        if info.name.starts_with(TABLE_PREFIX) {
            own = Some(OwnTables::with(own, &info, stored_bytes));
            continue;
        }
        let sample = match &reader {
            Some(reader) => Sample::of(snapshot, reader, &info, portion, &context.cancel)?,
            None => Sample::default(),
        };
        tables.push(TableSummary {
            kind: kind(&info),
            user: Table::from_name(&info.name).is_none(),
            rows: info.rows,
            stored_bytes,
            sample,
            name: info.name,
        });
    }
    let mut report = FileReport::outside(snapshot, context)?;
    let of_tables: u64 = tables.iter().map(|table| table.stored_bytes).sum();
    let of_own = own.as_ref().map_or(0, |own| own.stored_bytes);
    report.stored_bytes = of_tables.saturating_add(of_own);
    report.codec = codec(&tables);
    report.old_format = unknown.is_none() && report.is_old(&tables);
    report.unknown_layout = unknown.map(|error| error.to_string());
    report.tables = tables;
    report.own = own;
    Ok(report)
}

fn position(info: &TableInfo) -> usize {
    let known = Table::ALL
        .iter()
        .position(|table| table.name() == info.name);
    known.unwrap_or(Table::ALL.len())
}

fn codec(tables: &[TableSummary]) -> Option<&'static str> {
    let has = |codec| tables.iter().any(|table| table.sample.has(codec));
    match (has(Codec::Bincode), has(Codec::Postcard)) {
        (true, true) => Some("mixed"),
        (true, false) => Some("bincode"),
        (false, true) => Some("postcard"),
        (false, false) => None,
    }
}

impl FileReport {
    /// What there is to say without a look at the tables.
    fn outside(snapshot: &Snapshot, context: &Context<'_>) -> Result<Self> {
        let held = snapshot.via() != ReadVia::Quiet;
        let holder = held
            .then(|| holder::find(&open_regular(&context.cache, false).ok()?.0))
            .flatten();
        Ok(Self {
            cache: context.cache.display().to_string(),
            file_format: match snapshot.format() {
                FileFormat::V2 => "v2",
                FileFormat::V3 => "v3",
                FileFormat::Unknown(_) => "unknown",
            },
            codec: None,
            schema_version: access::origin(snapshot)?.schema,
            closed_cleanly: (!held).then(|| snapshot.was_clean()),
            snapshot: snapshot.via(),
            holder: holder.map(|holder| holder.to_string()),
            length: snapshot.length(),
            on_disk: snapshot.bytes_on_disk(),
            stored_bytes: 0,
            tables: Vec::new(),
            own: None,
            unknown_layout: None,
            old_format: false,
        })
    }

    fn is_old(&self, tables: &[TableSummary]) -> bool {
        let stamped = Table::SchemaVersion.name();
        let has_rows = tables
            .iter()
            .any(|table| !table.user && table.rows > 0 && table.name != stamped);
        self.file_format == "v2" || (has_rows && self.schema_version.is_none_or(|at| at < 4))
    }

    /// 14 where the layout is not known, 3 where rows looked at do not decode.
    pub fn exit_code(&self) -> u8 {
        if self.unknown_layout.is_some() {
            ErrorKind::UnknownLayout.exit_code()
        } else if self.tables.iter().any(|table| table.sample.undecoded > 0) {
            3
        } else {
            0
        }
    }

    pub fn view(&self) -> View {
        let version = self.schema_version.map(|version| version.to_string());
        let view = View::new()
            .pair("file", Cell::key(&self.cache))
            .pair("file format", Cell::text(self.file_format))
            .pair("codec", self.codec.map_or(Cell::Unknown, Cell::text))
            .pair("schema version", version.map_or(Cell::Unknown, Cell::text))
            .pair("closed cleanly", Cell::Flag(self.closed_cleanly))
            .pair("in use", Cell::text(describe_via(self.snapshot)));
        let view = match &self.holder {
            Some(holder) => view.pair("held by", Cell::text(holder)),
            None => view,
        };
        let view = view
            .pair("length", Cell::bytes(self.length))
            .pair("on disk", Cell::bytes(self.on_disk))
            .pair("keys and values", Cell::bytes(self.stored_bytes))
            .heading("tables");
        self.notes(self.tables_of(view))
    }

    fn tables_of(&self, view: View) -> View {
        let columns = [
            Column::left("table"),
            Column::right("rows"),
            Column::right("size"),
            Column::left("layout"),
            Column::left("oldest"),
            Column::left("newest"),
        ];
        let mut rows: Vec<_> = self.tables.iter().map(TableSummary::cells).collect();
        if let Some(own) = &self.own {
            rows.push(vec![
                Cell::text(format!("{TABLE_PREFIX}* ({} tables)", own.tables)),
                Cell::count(own.rows),
                Cell::bytes(own.stored_bytes),
            ]);
        }
        if rows.is_empty() {
            return view.note(Severity::Info, "the file has no tables");
        }
        view.table(columns, rows)
    }

    fn notes(&self, view: View) -> View {
        let partly = self.tables.iter().filter(|table| table.is_partly_known());
        let undecoded = self
            .tables
            .iter()
            .filter(|table| table.sample.undecoded > 0);
        let unreadable = self.tables.iter().filter(|table| table.is_only_counted());
        let view = view
            .each(partly, |view, table| {
                let looked_at = table.sample.looked_at;
                let text = format!(
                    "layout of {}: of the first {looked_at} rows of {}; --exact looks at all",
                    table.name, table.rows
                );
                view.note(Severity::Info, text)
            })
            .each(unreadable, |view, table| {
                let text = format!(
                    "rows of {} are of a type that can only be counted",
                    table.name
                );
                view.note(Severity::Info, text)
            })
            .each(undecoded, |view, table| {
                let (bad, of) = (table.sample.undecoded, table.sample.looked_at);
                let text = format!("{bad} of {of} rows of {} do not decode", table.name);
                view.note(Severity::Problem, text)
            });
        if let Some(why) = &self.unknown_layout {
            return view.note(Severity::Problem, why.as_str());
        }
        let doubtful = self.tables.iter().map(|table| table.sample.doubtful).sum();
        let view = doubts::told_of_rows(doubtful, view);
        view.when(self.old_format, |view| {
            view.note(Severity::Advice, "an old format: run redb-cache migrate")
                .next("redb-cache migrate")
        })
    }
}
