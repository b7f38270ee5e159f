//! Collecting the statistics of one snapshot.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use redb::ReadableTableMetadata;

use super::super::Context;
use super::super::access::{self, Space};
use super::report::{Activity, Compression, Entries, LastSweep, Limits, StatsReport, TableRows};
use super::sample::{self, Sample};
use super::{advice, exact};
use crate::cache::entry::{DICTIONARIES, OWN_TABLES};
use crate::cache::facts::{self, ACTIVITY_KEY, LAST_SWEEP_KEY, LIMITS_KEY};
use crate::cache::{Table, View, schema};
use crate::error::{ErrorKind, Result};
use crate::file::{FileFormat, Snapshot, TableInfo};

/// Up to this length every page is looked at; that takes well under 100 ms.
const SMALL: u64 = 64 << 20;
/// Expired rows that are counted; a backlog beyond is one whatever its number.
const COUNTED_EXPIRED: usize = 10_000;

/// Reads a snapshot once. `sample` is that of an earlier look.
pub(super) fn look(
    context: &Context<'_>,
    exact: bool,
    now: DateTime<Utc>,
    sample: Option<Option<Sample>>,
) -> Result<StatsReport> {
    access::snapshot(context, |snapshot| {
        let view = current(snapshot)?;
        let mut report = StatsReport {
            cache: context.cache.display().to_string(),
            at: now,
            file_format: match snapshot.format() {
                FileFormat::V2 => "v2",
                _ => "v3",
            },
            schema_version: match snapshot.transaction() {
                Some(txn) => schema::version(txn)?,
                None => None,
            },
            old_layout: view.is_none(),
            snapshot: snapshot.via(),
            exact,
            storage: space(snapshot, exact)?,
            entries: Entries::default(),
            activity: Activity::default(),
            rates: None,
            limits: Limits::default(),
            compression: Compression::default(),
            last_sweep: None,
            advice: Vec::new(),
        };
        if let Some(view) = &view {
            read_facts(view, sample, &mut report)?;
        }
        read_rows(context, snapshot, view.as_ref(), &mut report)?;
        report.advice = advice::of(&report);
        Ok(report)
    })
}

/// The rows as the engine sees them; `None` for a layout before the current one, of which only
/// what needs no decoding is told.
fn current(snapshot: &Snapshot) -> Result<Option<View>> {
    access::require_known(snapshot)?;
    let Some(txn) = snapshot.transaction().cloned() else {
        return Ok(None);
    };
    match schema::check(&txn) {
        Ok(_) => Ok(Some(View::new(txn))),
        Err(error) if error.kind() == ErrorKind::OldFormat => Ok(None),
        Err(error) => Err(error),
    }
}

fn space(snapshot: &Snapshot, exact: bool) -> Result<Space> {
    if exact || snapshot.length() <= SMALL {
        Space::measured(snapshot)
    } else {
        Ok(Space::outside(snapshot))
    }
}

fn read_facts(view: &View, sample: Option<Option<Sample>>, report: &mut StatsReport) -> Result<()> {
    report.activity = view
        .fact::<facts::Activity>(ACTIVITY_KEY)?
        .map(Activity::of)
        .unwrap_or_default();
    report.limits = view
        .fact::<facts::Limits>(LIMITS_KEY)?
        .map(Limits::of)
        .unwrap_or_default();
    report.last_sweep = view
        .fact::<facts::LastSweep>(LAST_SWEEP_KEY)?
        .map(LastSweep::of);
    report.compression.dictionaries = dictionaries(view)?;
    report.compression.sample = match sample {
        Some(earlier) => earlier,
        None if report.limits.compression == Some(true) => None,
        None => sample::take(view)?,
    };
    Ok(())
}

fn dictionaries(view: &View) -> Result<Option<u64>> {
    match view.transaction().open_table(DICTIONARIES) {
        Ok(table) => Ok(Some(table.len()?)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(Some(0)),
        Err(error) => Err(error.into()),
    }
}

fn read_rows(
    context: &Context<'_>,
    snapshot: &Snapshot,
    view: Option<&View>,
    report: &mut StatsReport,
) -> Result<()> {
    let mut tables = snapshot.tables()?;
    tables.retain(|table| !OWN_TABLES.contains(&table.name.as_str()));
    let now_ms = report.at.timestamp_millis();
    // Of an old cache nothing is recorded.
    if report.exact || (view.is_none() && snapshot.length() <= SMALL) {
        let counted = exact::count(context, snapshot, view, &tables, now_ms)?;
        if view.is_some() {
            report.compression.rows = Some(counted.compressed_rows);
            report.compression.saved_bytes = Some(counted.saved_bytes);
        }
        report.entries = Entries::of(counted.tables);
        return Ok(());
    }
    let records = match view {
        Some(view) => Some(Records::read(view, now_ms)?),
        None => None,
    };
    let rows = tables
        .iter()
        .map(|table| recorded_rows(table, records.as_ref()));
    report.entries = Entries::of(rows.collect());
    if let Some(records) = records {
        report.compression.saved_bytes = records.saved_bytes;
        report.entries.expired_at_least = records.too_many;
    }
    Ok(())
}

/// What the cache records of its rows.
struct Records {
    /// Bytes and expired rows of the tables whose records agree with their rows.
    tables: BTreeMap<Table, (u64, Option<u64>)>,
    /// `None` when the records of some table do not agree.
    saved_bytes: Option<u64>,
    /// Where the expired rows are too many to count, a number that there are at least.
    too_many: Option<u64>,
}

impl Records {
    fn read(view: &View, now_ms: i64) -> Result<Self> {
        let expired = view.expired(now_ms, None, COUNTED_EXPIRED + 1)?;
        let too_many = expired.len() > COUNTED_EXPIRED;
        let mut tables = BTreeMap::new();
        let mut saved_bytes = Some(0u64);
        for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
            if !view.records_agree(table)? {
                saved_bytes = None;
                continue;
            }
            let totals = view.totals(table)?;
            let expired = expired.iter().filter(|(_, of, _)| *of == table).count() as u64;
            let certain = !too_many || !table.expires();
            tables.insert(table, (totals.stored_bytes, certain.then_some(expired)));
            let saved = totals.raw_bytes.saturating_sub(totals.stored_bytes);
            saved_bytes = saved_bytes.map(|sum| sum.saturating_add(saved));
        }
        Ok(Self {
            tables,
            saved_bytes,
            too_many: too_many.then_some(COUNTED_EXPIRED as u64),
        })
    }
}

fn recorded_rows(info: &TableInfo, records: Option<&Records>) -> TableRows {
    let table = Table::from_name(&info.name);
    let recorded = table.and_then(|table| records?.tables.get(&table).copied());
    let expired = if table.is_some_and(Table::expires) {
        recorded.and_then(|(_, expired)| expired)
    } else {
        Some(0)
    };
    TableRows {
        table: info.name.clone(),
        rows: info.rows,
        live: expired.map(|expired| info.rows.saturating_sub(expired)),
        expired,
        unrecorded: recorded.map(|_| 0),
        value_bytes: recorded.map(|(bytes, _)| bytes),
    }
}

impl Entries {
    fn of(tables: Vec<TableRows>) -> Self {
        let records: Vec<_> = tables
            .iter()
            .filter(|row| Table::from_name(&row.table).is_some_and(Table::holds_records))
            .collect();
        Self {
            total: records.iter().map(|row| row.rows).sum(),
            live: records.iter().map(|row| row.live).sum(),
            expired: records.iter().map(|row| row.expired).sum(),
            expired_at_least: None,
            tables,
        }
    }
}
