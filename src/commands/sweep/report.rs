//! What `sweep` gives back.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::Report;
use super::super::access::{self, LimitsInForce, Space};
use crate::cache::Table;
use crate::cache::sweep::{Doomed, Reason, SweepPlan};
use crate::ui::{self, Cell, Column, Severity};

/// Rows that the table of a dry run shows; the JSON holds them all.
const SHOWN_ROWS: usize = 20;

/// A row that goes, or went.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    table: Table,
    key: String,
    reason: Reason,
    bytes: u64,
    written: Option<DateTime<Utc>>,
    accessed: Option<DateTime<Utc>>,
    expires: Option<DateTime<Utc>>,
}

/// What went for one reason from one table.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    rows: u64,
    bytes: u64,
}

/// What a sweep did, or would do.
#[derive(Debug, Serialize)]
pub struct SweepReport {
    pub(super) dry_run: bool,
    pub(super) limits: LimitsInForce,
    /// Rows that may expire, before.
    pub(super) rows: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// What went, or would go, by reason and table.
    pub(super) doomed: BTreeMap<Reason, BTreeMap<&'static str, Tally>>,
    /// Rows really removed; fewer than doomed where one was used meanwhile.
    pub(super) removed_rows: u64,
    pub(super) removed_bytes: u64,
    /// Rows of which nothing was known, and whose age counts from now on.
    pub(super) recorded_rows: u64,
    /// The file afterwards.
    pub(super) space: Space,
    /// Each row, in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) would_remove: Option<Vec<Row>>,
    pub(super) elapsed_ms: u64,
}

impl Row {
    pub(super) fn of(doomed: &Doomed) -> Self {
        let Doomed {
            table,
            key,
            reason,
            entry,
        } = doomed;
        Self {
            table: *table,
            key: key.clone(),
            reason: *reason,
            bytes: entry.stored_len,
            written: DateTime::from_timestamp_millis(entry.written_ms),
            accessed: entry.accessed_at(),
            expires: entry.expires_ms.and_then(DateTime::from_timestamp_millis),
        }
    }
}

impl SweepReport {
    pub(super) fn of(limits: LimitsInForce, plan: &SweepPlan, space: Space) -> Self {
        let mut doomed: BTreeMap<Reason, BTreeMap<&'static str, Tally>> = BTreeMap::new();
        for row in &plan.doomed {
            let tally = doomed
                .entry(row.reason)
                .or_default()
                .entry(row.table.name())
                .or_default();
            tally.rows += 1;
            tally.bytes = tally.bytes.saturating_add(row.entry.stored_len);
        }
        Self {
            dry_run: false,
            limits,
            rows: plan.rows,
            bytes: plan.bytes,
            doomed,
            removed_rows: 0,
            removed_bytes: 0,
            recorded_rows: 0,
            space,
            would_remove: None,
            elapsed_ms: 0,
        }
    }

    fn tally_rows(&self) -> Vec<Vec<Cell>> {
        let mut rows = Vec::new();
        for (reason, tables) in &self.doomed {
            for (table, tally) in tables {
                rows.push(vec![
                    Cell::text(*table),
                    Cell::text(describe(*reason)),
                    Cell::count(tally.rows),
                    Cell::bytes(tally.bytes),
                ]);
            }
        }
        rows
    }
}

fn describe(reason: Reason) -> &'static str {
    match reason {
        Reason::Expired => "expired",
        Reason::OverEntries => "over the limit of episodes",
        Reason::OverSize => "over the limit of bytes",
        Reason::Dependent => "its episode goes",
    }
}

impl Report for SweepReport {
    fn schema(&self) -> &'static str {
        "sweep"
    }

    fn view(&self) -> ui::View {
        let limit = |limit: Option<access::Limit>| limit.map(|limit| limit.value);
        let view = ui::View::new()
            .pair("rows that may expire", Cell::count(self.rows))
            .pair("their size", Cell::bytes(self.bytes))
            .pair(
                "time to live",
                Cell::age(limit(self.limits.ttl_ms).map(Duration::from_millis)),
            )
            .pair(
                "limit of episodes",
                Cell::count(limit(self.limits.max_entries)),
            )
            .pair("limit of bytes", Cell::bytes(limit(self.limits.max_size)))
            .when(!self.dry_run, |view| {
                view.pair("removed", Cell::count(self.removed_rows))
                    .pair("removed bytes", Cell::bytes(self.removed_bytes))
                    .pair(
                        "took",
                        Cell::elapsed(Duration::from_millis(self.elapsed_ms)),
                    )
            })
            .pair(
                "compact would give back",
                Cell::bytes(self.space.reclaimable),
            );
        let tallies = self.tally_rows();
        if tallies.is_empty() {
            return view.note(
                Severity::Info,
                "nothing has expired and nothing is over a limit",
            );
        }
        let title = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        let columns = [
            Column::left("table"),
            Column::left("because"),
            Column::right("rows"),
            Column::right("size"),
        ];
        let view = view.heading(title).table(columns, tallies);
        let Some(rows) = &self.would_remove else {
            return view.when(
                self.space.reclaimable > Some(self.space.length / 4),
                |view| view.next("redb-cache compact"),
            );
        };
        let columns = [
            Column::left("table"),
            Column::left("key"),
            Column::left("because"),
            Column::left("last access"),
            Column::right("size"),
        ];
        let cells = rows.iter().take(SHOWN_ROWS).map(|row| {
            vec![
                Cell::text(row.table.name()),
                Cell::key(&row.key),
                Cell::text(describe(row.reason)),
                Cell::time(row.accessed),
                Cell::bytes(row.bytes),
            ]
        });
        let more = rows.len().saturating_sub(SHOWN_ROWS);
        view.heading("least recently used first")
            .table(columns, cells)
            .when(more > 0, |view| {
                view.note(
                    Severity::Info,
                    format!("{more} more; --format json lists them all"),
                )
            })
            .next("redb-cache sweep")
    }
}
