//! Comparing what do-memory reads from a cache with a truth.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use do_memory_storage_redb::RedbStorage;
use serde_json::Value;

use crate::json;
use crate::truth::{Rows, Table, Truth};
use crate::upstream::{self, Reading};

/// What counts as a fault.
#[derive(Clone, Debug)]
pub struct Options {
    /// The tables to look at.
    pub tables: Vec<Table>,
    /// Rows may be missing from the cache, as after a sweep; those that are there must be right.
    pub only_present: bool,
    /// Rows that the truth does not know may be listed, as in a cache that a holder wrote to.
    pub allow_extra: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tables: Table::ALL.to_vec(),
            only_present: false,
            allow_extra: false,
        }
    }
}

/// The comparison of one table.
#[derive(Clone, Debug)]
pub struct TableReport {
    /// Which one.
    pub table: Table,
    /// Keys of the truth that were read back equal.
    pub equal: Vec<String>,
    /// Keys of the truth that the cache does not hold.
    pub missing: Vec<String>,
    /// Keys that do-memory lists and the truth does not know.
    pub extra: Vec<String>,
    /// Rows that are not what the truth says, or that two calls disagree about.
    pub faults: Vec<String>,
}

/// The comparison of a whole cache.
#[derive(Clone, Debug)]
pub struct Report {
    /// One entry for each table that was asked for.
    pub tables: Vec<TableReport>,
    /// Calls that failed, or whose answers contradict each other.
    pub contradictions: Vec<String>,
    options: Options,
}

/// Opens the cache as a do-memory agent does, which writes to the file, and compares every row.
///
/// # Errors
/// When do-memory does not open the cache. Differences are in the report.
pub async fn check(cache: &Path, truth: &Truth, options: Options) -> Result<Report> {
    let storage = upstream::open(cache).await?;
    Ok(compare(&storage, truth, options).await)
}

/// Compares an open cache with a truth.
pub async fn compare(storage: &RedbStorage, truth: &Truth, options: Options) -> Report {
    let mut tables = Vec::new();
    for table in options.tables.iter().copied() {
        let want = truth.rows(table);
        tables.push(compare_table(
            table,
            want,
            &upstream::read(storage, table, want).await,
        ));
    }
    Report {
        tables,
        contradictions: upstream::contradictions(storage).await,
        options,
    }
}

fn compare_table(table: Table, want: &Rows, reading: &Reading) -> TableReport {
    let mut report = TableReport {
        table,
        equal: vec![],
        missing: vec![],
        extra: vec![],
        faults: vec![],
    };
    for (key, want) in want {
        match reading.fetched.get(key) {
            None => report.missing.push(key.clone()),
            Some(Err(error)) => report.faults.push(format!("{key}: {error}")),
            Some(Ok(got)) => match json::difference(got, want) {
                None => report.equal.push(key.clone()),
                Some(difference) => report.faults.push(format!("{key}{difference}")),
            },
        }
    }
    match &reading.listed {
        None => {}
        Some(Err(error)) => report.faults.push(format!("cannot be listed: {error}")),
        Some(Ok(listed)) => compare_listing(want, reading, listed, &mut report),
    }
    report
}

/// A listing has to give exactly the rows that can be fetched, each once.
fn compare_listing(
    want: &Rows,
    reading: &Reading,
    listed: &[(String, Value)],
    report: &mut TableReport,
) {
    for (key, value) in listed {
        match reading.fetched.get(key) {
            None if want.contains_key(key) => {
                report.faults.push(format!("{key}: listed, but not found"))
            }
            None => report.extra.push(key.clone()),
            Some(Ok(fetched)) if fetched != value => report
                .faults
                .push(format!("{key}: listed and fetched differ")),
            Some(_) => {}
        }
    }
    for key in upstream::repeated(listed) {
        report.faults.push(format!("{key}: listed more than once"));
    }
    for key in reading
        .fetched
        .keys()
        .filter(|key| !listed.iter().any(|(listed, _)| listed == *key))
    {
        report.faults.push(format!("{key}: found, but not listed"));
    }
}

impl Report {
    /// The number of things that the options do not allow.
    #[must_use]
    pub fn wrong(&self) -> usize {
        self.tables
            .iter()
            .map(|table| self.wrong_in(table))
            .sum::<usize>()
            + self.contradictions.len()
    }

    fn wrong_in(&self, table: &TableReport) -> usize {
        let missing = if self.options.only_present {
            0
        } else {
            table.missing.len()
        };
        let extra = if self.options.allow_extra {
            0
        } else {
            table.extra.len()
        };
        table.faults.len() + missing + extra
    }

    /// The report of one table, when it was asked for.
    #[must_use]
    pub fn table(&self, table: Table) -> Option<&TableReport> {
        self.tables.iter().find(|report| report.table == table)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        writeln!(
            f,
            "{:<30}{:>8}{:>8}{:>8}{:>8}",
            "table", "equal", "wrong", "missing", "extra"
        )?;
        for TableReport {
            table,
            equal,
            missing,
            extra,
            faults,
        } in &self.tables
        {
            let (equal, wrong, missing, extra) =
                (equal.len(), faults.len(), missing.len(), extra.len());
            writeln!(f, "{table:<30}{equal:>8}{wrong:>8}{missing:>8}{extra:>8}")?;
        }
        for table in &self.tables {
            for fault in table.faults.iter().take(SHOWN) {
                writeln!(f, "{} {fault}", table.table)?;
            }
        }
        for contradiction in &self.contradictions {
            writeln!(f, "{contradiction}")?;
        }
        match self.wrong() {
            0 => write!(f, "all equal"),
            wrong => write!(f, "{wrong} wrong"),
        }
    }
}
