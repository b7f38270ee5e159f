//! What `rebuild` gives back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::list::List;
use super::lost::OnlyInOld;
use super::plan::Plan;
use super::resume::Progress;
use crate::cache::Table;
use crate::source::{Kind, Store, Unreadable};

/// What became of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The new cache is in place.
    Rebuilt,
    /// Rows were put into the cache that is in place.
    Repaired,
    /// A dry run.
    Forecast,
}

/// Rows of one table of the store.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Taken from the store.
    pub(super) read: u64,
    /// Put into the cache.
    pub(super) written: u64,
    /// Not legible, and listed.
    pub(super) unreadable: u64,
    /// Vectors in the place of which another one counts.
    pub(super) superseded: u64,
    /// Bookkeeping of the store's own.
    pub(super) left_out: u64,
}

/// What became of a table of the store.
#[derive(Debug, Serialize)]
pub(super) struct TableRow {
    /// Its name in the store.
    pub(super) source: &'static str,
    /// The table of the cache.
    pub(super) table: Table,
    /// Its rows when the rebuild began.
    pub(super) in_store: u64,
    /// `None` in a dry run.
    #[serde(flatten)]
    pub(super) counts: Option<Counts>,
}

/// What a rebuild did, or would do.
#[derive(Debug, Serialize)]
pub struct RebuildReport {
    pub(super) outcome: Outcome,
    pub(super) from: String,
    /// Episodes that are kept at most.
    pub(super) max_entries: Option<u64>,
    pub(super) since: Option<String>,
    pub(super) tables: Vec<TableRow>,
    pub(super) rows: u64,
    pub(super) unreadable: List<Unreadable>,
    /// Length of the durable database; `None` where the store does not say.
    pub(super) store_bytes: Option<u64>,
    /// Length of the new cache; `None` in a dry run.
    pub(super) bytes: Option<u64>,
    /// What only the old cache had; `None` where there was none that could be read.
    pub(super) only_in_old: Option<OnlyInOld>,
    /// Whether there was a cache before.
    pub(super) replaced: bool,
    pub(super) backup: Option<String>,
    /// The time that reading would take, reckoned from a few rows of each table; `None` when it
    /// was done.
    pub(super) estimated_ms: Option<u64>,
    pub(super) elapsed_ms: u64,
}

impl RebuildReport {
    pub(super) fn new(store: &Store<'_>, plan: &Plan) -> Self {
        let tables = plan.kinds().into_iter().map(|kind| TableRow {
            source: kind.name(),
            table: kind.table(),
            in_store: plan.survey.count(kind).rows,
            counts: None,
        });
        let mut report = Self {
            outcome: Outcome::Forecast,
            from: store.address().to_string(),
            max_entries: plan.survey.kept.newest,
            since: plan.survey.kept.since_ms.and_then(|ms| {
                let time = chrono::DateTime::from_timestamp_millis(ms)?;
                Some(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
            }),
            tables: tables.collect(),
            rows: 0,
            unreadable: List::default(),
            store_bytes: plan.survey.bytes,
            bytes: None,
            only_in_old: None,
            replaced: plan.old.is_some(),
            backup: None,
            estimated_ms: None,
            elapsed_ms: 0,
        };
        report.list_rows_without_key(plan);
        report
    }

    /// Says what was read.
    pub(super) fn rebuilt(&mut self, plan: &Plan, progress: Progress) {
        for row in progress.unreadable.listed {
            self.add_unreadable(row);
        }
        self.unreadable.not_listed += progress.unreadable.not_listed;
        for (table, kind) in self.tables.iter_mut().zip(plan.kinds()) {
            let mut counts = progress
                .counts
                .get(table.source)
                .copied()
                .unwrap_or_default();
            counts.superseded += plan.survey.count(kind).superseded;
            self.rows += counts.written;
            table.counts = Some(counts);
        }
    }

    /// Says what was put into the cache that is in place.
    pub(super) fn repaired(&mut self, plan: &Plan, counts: &BTreeMap<Kind, Counts>) {
        for (table, kind) in self.tables.iter_mut().zip(plan.kinds()) {
            let counts = counts.get(&kind).copied().unwrap_or_default();
            self.rows += counts.written;
            table.counts = Some(counts);
        }
    }

    pub(super) fn add_unreadable(&mut self, row: Unreadable) {
        self.unreadable.add(|| (row.id.len() + row.why.len(), row));
    }

    /// No page has them, and nobody could name them.
    fn list_rows_without_key(&mut self, plan: &Plan) {
        for kind in plan.kinds() {
            let without_key = plan.survey.count(kind).without_key;
            if without_key > 0 {
                self.add_unreadable(Unreadable {
                    table: kind.name().to_owned(),
                    id: String::new(),
                    key: None,
                    why: format!("{without_key} rows have no key that is text of a usual length"),
                });
            }
        }
    }
}
