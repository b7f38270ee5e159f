//! What is told of a table in the list of all.

use serde::Serialize;

use super::sample::Sample;
use crate::file::TableInfo;
use crate::ui::Cell;

/// A table of do-memory's or of a user.
#[derive(Debug, Serialize)]
pub struct TableSummary {
    pub name: String,
    pub kind: &'static str,
    pub user: bool,
    pub rows: u64,
    pub stored_bytes: u64,
    #[serde(flatten)]
    pub sample: Sample,
}

/// The tables of this program.
#[derive(Debug, Serialize)]
pub struct OwnTables {
    pub tables: u64,
    pub rows: u64,
    pub stored_bytes: u64,
}

impl OwnTables {
    pub fn with(own: Option<Self>, info: &TableInfo, stored_bytes: u64) -> Self {
        let (tables, rows, bytes) =
            own.map_or((0, 0, 0), |own| (own.tables, own.rows, own.stored_bytes));
        Self {
            tables: tables + 1,
            rows: rows.saturating_add(info.rows),
            stored_bytes: stored_bytes.saturating_add(bytes),
        }
    }
}

impl TableSummary {
    pub fn cells(&self) -> Vec<Cell> {
        let day = |time: Option<chrono::DateTime<chrono::Utc>>| match time {
            Some(time) => Cell::text(time.format("%Y-%m-%d").to_string()),
            None => Cell::Unknown,
        };
        let layout = self.sample.describe();
        vec![
            Cell::key(&self.name),
            Cell::count(self.rows),
            Cell::bytes(self.stored_bytes),
            if layout.is_empty() {
                Cell::Unknown
            } else {
                Cell::text(layout)
            },
            day(self.sample.oldest),
            day(self.sample.newest),
        ]
    }

    pub fn is_partly_known(&self) -> bool {
        !self.sample.layouts.is_empty() && !self.sample.all
    }

    pub fn is_only_counted(&self) -> bool {
        matches!(self.kind, "multimap" | "other")
    }
}
