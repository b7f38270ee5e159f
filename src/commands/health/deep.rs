//! `--deep`: every page, every row, every record of a row.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::super::Context;
use super::super::doubts::Parameters;
use super::super::inspect::portion::Portion;
use super::super::inspect::reading::{Reader, Value};
use super::records;
use super::report::{Check, Finding, HealthReport, LISTED, State};
use super::subject::Subject;
use crate::cache::{Table, View};
use crate::error::{ErrorKind, Result};
use crate::file::{self, ReadOptions, Snapshot};
use crate::layout::Layout;
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
        Err(error) if error.kind().is_interruption() => Err(error),
        Err(error) if error.kind() == ErrorKind::InUse => Ok(Check::unknown(
            "its writer left no gap in which to check them all",
        )
        .next("run it again with a longer --lock-timeout")),
        Err(error) => Ok(Check::error(&error)),
    }
}

/// Decodes every row of whichever era and compares the records of a `current` cache with its rows.
///
/// # Errors
/// When the snapshot cannot be read on.
pub(super) fn inside(
    context: &Context<'_>,
    snapshot: &Snapshot,
    current: Option<&View>,
    report: &mut HealthReport,
) -> Result<()> {
    let bar = context.ui.progress("checking rows");
    bar.set_total(snapshot.tables()?.iter().map(|table| table.rows).sum());
    // Whether a row decodes does not depend on those beside it, only what it counts as.
    let mut reader = Reader::of(snapshot)?;
    reader.learn(snapshot, Portion::FIRST, context)?;
    let mut deep = Deep {
        context,
        reader,
        bar: &bar,
        since_step: 0,
        rows: 0,
        undecodable: 0,
        doubtful: 0,
        layouts: BTreeSet::new(),
        older: 0,
        parameters: Parameters::default(),
        findings: Vec::new(),
    };
    for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
        deep.table(snapshot, table)?;
    }
    report.set(Subject::Rows, deep.verdict(current.is_some()));
    if let Some(view) = current {
        let records = records::compare(view, &mut || deep.tick())?;
        report.set(Subject::Records, records);
    }
    report.set_rows(deep.findings);
    Ok(())
}

struct Deep<'a> {
    context: &'a Context<'a>,
    reader: Reader,
    bar: &'a Progress,
    since_step: u64,
    rows: u64,
    undecodable: u64,
    /// Rows that several layouts read, each differently.
    doubtful: u64,
    layouts: BTreeSet<Layout>,
    /// Rows of a layout before the current one.
    older: u64,
    parameters: Parameters,
    findings: Vec<Finding>,
}

impl Deep<'_> {
    fn table(&mut self, snapshot: &Snapshot, table: Table) -> Result<()> {
        snapshot.scan(table.name(), None, &mut |key, stored| {
            self.tick()?;
            self.rows += 1;
            // A record that cannot be read is found where the records are compared.
            let entry = self
                .reader
                .entry(table.name(), key, stored)
                .unwrap_or_default();
            match self.reader.value(table.name(), entry.as_ref(), stored) {
                Ok(value) => self.add(table, key, &value),
                Err(why) => self.undecodable(table, key, why),
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    fn add(&mut self, table: Table, key: &str, value: &Value<'_>) {
        self.layouts.extend(value.layout);
        self.older += u64::from(value.layout != Some(Layout::CURRENT));
        for certainty in &value.parameters {
            self.parameters.add(*certainty);
        }
        let (Some(layout), [_, ..]) = (value.layout, value.also.as_slice()) else {
            return;
        };
        self.doubtful += 1;
        if self.doubtful <= LISTED {
            let also = &value.also;
            let message = format!("read as {layout}, reads differently as {also:?}");
            self.find(table, key, State::Attention, message);
        }
    }

    fn undecodable(&mut self, table: Table, key: &str, why: String) {
        self.undecodable += 1;
        if self.undecodable <= LISTED {
            self.find(table, key, State::Broken, why);
        }
    }

    fn find(&mut self, table: Table, key: &str, state: State, message: String) {
        self.findings.push(Finding {
            check: Subject::Rows,
            state,
            message,
            table: Some(table.name().to_owned()),
            key: Some(key.to_owned()),
            next: None,
        });
    }

    fn verdict(&self, current: bool) -> Check {
        let rows = self.rows;
        if self.undecodable > 0 {
            let found = format!("{} of {rows} cannot be decoded", self.undecodable);
            return Check::damaged(found).next(if current {
                "redb-cache clear --table TABLE --prefix KEY removes such a row"
            } else {
                "redb-cache migrate --skip-bad sets such rows aside"
            });
        }
        if self.older > 0 && current {
            let found = format!("{} of {rows} are of an older layout", self.older);
            return Check::attention(found).next("redb-cache migrate");
        }
        let mut found = format!("all {rows} decode");
        if !current && rows > 0 {
            let layouts: Vec<_> = self.layouts.iter().map(Layout::to_string).collect();
            found = format!("{found}, as {}", layouts.join(", "));
        }
        let doubts = [
            (self.doubtful, "read differently in several layouts"),
            (self.parameters.unreadable, "parameters are unreadable"),
        ];
        let doubts: Vec<_> = doubts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("; {count} {what}"))
            .collect();
        if doubts.is_empty() {
            Check::ok(found)
        } else {
            Check::attention(found + &doubts.concat())
        }
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
