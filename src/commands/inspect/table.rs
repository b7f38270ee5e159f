//! The keys of a table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::listed::Row;
use super::reading::{Reader, stored_len};
use super::{Args, is_readable, kind, moment, table_info, unknown_layout};
use crate::cache::Entry;
use crate::commands::Context;
use crate::error::{ErrorKind, Result};
use crate::file::{Snapshot, TableInfo, ValueRef};
use crate::ui::{Cell, Column, Severity, View};

/// Rows between two questions whether to stop.
const STEP: u64 = 256;

/// Keys of a table.
#[derive(Debug, Serialize)]
pub struct TableReport {
    table: String,
    kind: &'static str,
    /// Rows of the whole table.
    rows: u64,
    /// Rows that the options ask for; `None` when the rows can only be counted.
    matching: Option<u64>,
    /// Of these, how many are not among the keys.
    more: u64,
    keys: Vec<Row>,
    unknown_layout: Option<String>,
    /// Whether it was `--limit` that kept them back.
    #[serde(skip)]
    limited: bool,
    #[serde(skip)]
    now: DateTime<Utc>,
}

/// Looks at a table.
///
/// # Errors
/// When it cannot be read, or there is no such table.
pub fn look(
    snapshot: &Snapshot,
    name: &str,
    args: &Args,
    context: &Context<'_>,
) -> Result<TableReport> {
    let info = table_info(snapshot, name)?;
    let unknown = unknown_layout(snapshot)?;
    let mut report = TableReport {
        table: name.to_owned(),
        kind: kind(&info),
        rows: info.rows,
        matching: None,
        more: 0,
        keys: Vec::new(),
        limited: args.largest.is_none(),
        now: context.now,
        unknown_layout: unknown.map(|error| error.to_string()),
    };
    if is_readable(&info) {
        let reader = match report.unknown_layout {
            None => Some(Reader::of(snapshot)?),
            Some(_) => None,
        };
        let look = Look {
            snapshot,
            reader,
            info,
            args,
            context,
        };
        report.fill(&look)?;
    }
    Ok(report)
}

struct Look<'a> {
    snapshot: &'a Snapshot,
    /// `None` where only the bytes themselves may be told.
    reader: Option<Reader>,
    info: TableInfo,
    args: &'a Args,
    context: &'a Context<'a>,
}

impl TableReport {
    fn fill(&mut self, look: &Look<'_>) -> Result<()> {
        let matching = match look.args.largest {
            Some(wanted) => self.keep_largest(look, wanted)?,
            None => self.keep_first(look)?,
        };
        self.more = matching.saturating_sub(self.keys.len() as u64);
        self.matching = Some(matching);
        Ok(())
    }

    fn keep_first(&mut self, look: &Look<'_>) -> Result<u64> {
        let limit = match look.args.limit {
            0 => u64::MAX,
            limit => limit,
        };
        let all_match = look.args.prefix.is_none() && !look.args.expired;
        let mut matching = 0u64;
        look.each(|key, stored| {
            if matching < limit {
                self.keys.push(look.row(key, stored)?);
            } else if all_match {
                matching = look.info.rows;
                return Ok(ControlFlow::Break(()));
            }
            matching += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(matching)
    }

    /// Never holds more keys than are wanted.
    fn keep_largest(&mut self, look: &Look<'_>, wanted: u64) -> Result<u64> {
        let mut largest = BinaryHeap::new();
        let mut matching = 0u64;
        look.each(|key, stored| {
            matching += 1;
            let bytes = stored_len(stored);
            let full = largest.len() as u64 >= wanted;
            let smallest = largest.peek().map(|Reverse((bytes, _))| *bytes);
            if full && smallest.is_none_or(|smallest| bytes <= smallest) {
                return Ok(ControlFlow::Continue(()));
            }
            largest.push(Reverse((bytes, Reverse(key.to_owned()))));
            if full {
                largest.pop();
            }
            Ok(ControlFlow::Continue(()))
        })?;
        for Reverse((_, Reverse(key))) in largest.into_sorted_vec() {
            look.snapshot
                .scan(&look.info.name, Some(&key), &mut |at, stored| {
                    if at == key {
                        self.keys.push(look.row(at, stored)?);
                    }
                    Ok(ControlFlow::Break(()))
                })?;
        }
        Ok(matching)
    }

    pub fn exit_code(&self) -> u8 {
        match self.unknown_layout {
            Some(_) => ErrorKind::UnknownLayout.exit_code(),
            None => 0,
        }
    }

    pub fn view(&self) -> View {
        let view = View::new()
            .pair("table", Cell::key(&self.table))
            .pair("rows", Cell::count(self.rows))
            .when(
                self.matching.is_some_and(|rows| rows != self.rows),
                |view| view.pair("matching", Cell::count(self.matching)),
            );
        let view = match (self.matching, self.keys.is_empty()) {
            (None, _) => view.note(
                Severity::Info,
                "its rows are of a type that can only be counted",
            ),
            (Some(0), _) => view.note(Severity::Info, "no row to show"),
            (Some(_), true) => view,
            (Some(_), false) => self.keys_of(view),
        };
        let view = view.when(self.more > 0, |view| {
            let hint = if self.limited {
                "; --limit 0 shows all"
            } else {
                ""
            };
            let text = format!("{} more{hint}", self.more);
            view.note(Severity::Info, text)
        });
        match &self.unknown_layout {
            Some(why) => view.note(Severity::Problem, why.as_str()),
            None => view,
        }
    }

    fn keys_of(&self, view: View) -> View {
        let compressed = self.keys.iter().any(Row::is_compressed);
        // Of an old cache nothing of this is recorded.
        let recorded = self.keys.iter().any(Row::is_recorded);
        let columns = [
            Some(Column::left("key")),
            Some(Column::right("size")),
            compressed.then(|| Column::right("inflated")),
            Some(Column::left("age")),
            recorded.then(|| Column::left("last access")),
            recorded.then(|| Column::left("expires in")),
        ];
        let rows = self
            .keys
            .iter()
            .map(|row| row.cells(compressed, recorded, self.now));
        view.table(columns.into_iter().flatten(), rows)
    }
}

impl Look<'_> {
    /// Calls `visit` for the rows that the options ask for, in key order.
    fn each(
        &self,
        mut visit: impl FnMut(&str, ValueRef<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let prefix = self.args.prefix.as_deref();
        let mut seen = 0u64;
        self.snapshot
            .scan(&self.info.name, prefix, &mut |key, stored| {
                if seen.is_multiple_of(STEP) {
                    self.context.cancel.check()?;
                }
                seen += 1;
                if prefix.is_some_and(|prefix| !key.starts_with(prefix)) {
                    return Ok(ControlFlow::Break(()));
                }
                if self.args.expired && !self.row(key, stored)?.is_expired(self.context.now) {
                    return Ok(ControlFlow::Continue(()));
                }
                visit(key, stored)
            })
    }

    fn row(&self, key: &str, stored: ValueRef<'_>) -> Result<Row> {
        let bytes = stored_len(stored);
        let mut row = Row {
            key: key.to_owned(),
            bytes,
            raw_bytes: None,
            written: None,
            accessed: None,
            expires: None,
        };
        let (name, Some(reader)) = (&self.info.name, &self.reader) else {
            return Ok(row);
        };
        // What is recorded in a way not known is as good as not recorded; `KEY` says so.
        let Ok(entry) = reader.entry(name, key, stored) else {
            return Ok(row);
        };
        let value = match entry {
            None => reader.value(name, None, stored).ok(),
            Some(_) => None,
        };
        let times = reader.times(name, key, entry.as_ref(), value.as_ref())?;
        row.raw_bytes = Some(entry.map_or(bytes, |entry| entry.raw_len));
        row.written = moment(times.written_ms);
        row.accessed = entry.as_ref().and_then(Entry::accessed_at);
        row.expires = moment(times.expires_ms);
        Ok(row)
    }
}
