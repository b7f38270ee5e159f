//! `--deep`: every page, every row, every record of a row.

use std::ops::ControlFlow;

use super::super::Context;
use super::content::is_stop;
use super::records;
use super::report::{Check, Finding, HealthReport, LISTED, State};
use super::subject::Subject;
use crate::cache::compression::Dictionaries;
use crate::cache::{Codec, Table, View, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, ReadOptions, Snapshot, ValueRef};
use crate::layout::{self, Layout};
use crate::ui::Progress;

/// Rows between two looks at whether to stop.
const STEP: u64 = 500;

/// Verifies every page.
///
/// # Errors
/// When it is interrupted.
pub(super) fn pages(context: &Context<'_>) -> Result<Check> {
    let options = ReadOptions {
        lock_timeout: context.lock_timeout,
        verify: true,
    };
    context.cancel.check()?;
    match file::read(&context.cache, &options, |_| Ok(())) {
        Ok(()) => Ok(Check::ok("every page has its checksum")),
        Err(error) if is_stop(&error) => Err(error),
        Err(error) if error.kind() == ErrorKind::InUse => Ok(Check::unknown(
            "its writer left no gap in which to check them all",
        )
        .next("run it again with a longer --lock-timeout")),
        Err(error) => Ok(Check::error(&error)),
    }
}

/// Decodes every row and compares the records of a current cache with its rows. `old` rows are
/// decoded where this release reads their layout.
///
/// # Errors
/// When the snapshot cannot be read on.
pub(super) fn inside(
    context: &Context<'_>,
    snapshot: &Snapshot,
    view: Option<&View>,
    old: bool,
    report: &mut HealthReport,
) -> Result<()> {
    let version = match view {
        Some(view) => schema::version(view.transaction())?,
        None => None,
    };
    // Rows before schema version 3 have layouts that only migrate reads.
    let Some(view) = view.filter(|_| !old || version >= Some(3)) else {
        let found = "rows of this age are read by migrate";
        report.set(Subject::Rows, Check::unknown(found));
        return Ok(());
    };
    let bar = context.ui.progress("checking rows");
    bar.set_total(snapshot.tables()?.iter().map(|table| table.rows).sum());
    let mut deep = Deep {
        context,
        view,
        old,
        dictionaries: Dictionaries::load(view.transaction(), 0)?,
        bar: &bar,
        since_step: 0,
        rows: 0,
        undecodable: 0,
        older: 0,
        findings: Vec::new(),
    };
    for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
        deep.table(snapshot, table)?;
    }
    report.set(Subject::Rows, deep.verdict());
    if !old {
        report.set(
            Subject::Records,
            records::compare(view, &mut || deep.tick())?,
        );
    }
    report.set_rows(deep.findings);
    Ok(())
}

struct Deep<'a> {
    context: &'a Context<'a>,
    view: &'a View,
    old: bool,
    dictionaries: Dictionaries,
    bar: &'a Progress,
    since_step: u64,
    rows: u64,
    undecodable: u64,
    /// Rows of an older layout than the file states.
    older: u64,
    findings: Vec<Finding>,
}

impl Deep<'_> {
    fn table(&mut self, snapshot: &Snapshot, table: Table) -> Result<()> {
        snapshot.scan(table.name(), None, &mut |key, value| {
            self.tick()?;
            self.rows += 1;
            if let ValueRef::Bytes(stored) = value {
                match self.decode(table, key, stored) {
                    Ok(Layout::CURRENT) => {}
                    Ok(_) => self.older += 1,
                    Err(error) => self.undecodable(table, key, &error),
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    fn decode(&self, table: Table, key: &str, stored: &[u8]) -> Result<Layout> {
        let entry = if self.old {
            None
        } else {
            self.view.entry(table, key).unwrap_or_default()
        };
        match entry.filter(|entry| entry.describes(stored)) {
            Some(entry) if entry.codec != Codec::Plain => {
                let raw = self
                    .dictionaries
                    .inflate(entry.codec, stored, entry.raw_len)?;
                Ok(layout::decode(table, &raw)?.layout)
            }
            _ => Ok(layout::decode(table, stored)?.layout),
        }
    }

    fn undecodable(&mut self, table: Table, key: &str, error: &Error) {
        self.undecodable += 1;
        if self.undecodable <= LISTED {
            self.findings.push(Finding {
                check: Subject::Rows,
                state: State::Broken,
                message: error.to_string(),
                table: Some(table.name().to_owned()),
                key: Some(key.to_owned()),
                next: None,
            });
        }
    }

    fn verdict(&self) -> Check {
        let rows = self.rows;
        if self.undecodable > 0 {
            return Check::damaged(format!("{} of {rows} cannot be decoded", self.undecodable))
                .next("redb-cache clear --table TABLE --prefix KEY removes such a row");
        }
        if self.older > 0 && !self.old {
            let found = format!("{} of {rows} are of an older layout", self.older);
            return Check::attention(found).next("redb-cache migrate");
        }
        Check::ok(format!("all {rows} decode"))
    }

    fn tick(&mut self) -> Result<()> {
        self.since_step += 1;
        if self.since_step == STEP {
            self.since_step = 0;
            self.bar.advance(STEP);
            self.context.cancel.check()?;
        }
        Ok(())
    }
}
