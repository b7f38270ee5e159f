//! What `clear` gives back.

use std::time::Duration;

use serde::Serialize;

use super::super::Report;
use crate::cache::Table;
use crate::ui::{self, Cell, Column, Severity};

/// What goes from one table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Share {
    pub(super) table: Table,
    /// Rows that go.
    pub(super) rows: u64,
    /// Their stored bytes; `None` where a whole table goes and nothing had to be read.
    pub(super) bytes: Option<u64>,
    /// Rows that stay.
    pub(super) stay: u64,
}

/// What a clear removed, or would remove.
#[derive(Debug, Serialize)]
pub struct ClearReport {
    pub(super) dry_run: bool,
    pub(super) tables: Vec<Share>,
    pub(super) backup: Option<String>,
    pub(super) elapsed_ms: u64,
}

impl ClearReport {
    pub(super) fn rows(&self) -> u64 {
        self.tables.iter().map(|share| share.rows).sum()
    }

    pub(super) fn plan_view(&self) -> ui::View {
        let columns = [
            Column::left("table"),
            Column::right("rows"),
            Column::right("size"),
            Column::right("stay"),
        ];
        let rows = self.tables.iter().map(|share| {
            vec![
                Cell::text(share.table.name()),
                Cell::count(share.rows),
                Cell::bytes(share.bytes),
                Cell::count(share.stay),
            ]
        });
        ui::View::new().table(columns, rows)
    }
}

impl Report for ClearReport {
    fn schema(&self) -> &'static str {
        "clear"
    }

    fn view(&self) -> ui::View {
        let title = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        let view = ui::View::new().heading(title);
        let view = self
            .plan_view()
            .blocks()
            .iter()
            .cloned()
            .fold(view, ui::View::block);
        if self.rows() == 0 {
            return view.note(Severity::Info, "there was nothing to remove");
        }
        let backup = self.backup.as_ref();
        view.when(!self.dry_run, |view| {
            view.pair(
                "took",
                Cell::elapsed(Duration::from_millis(self.elapsed_ms)),
            )
            .when(backup.is_some(), |view| {
                view.pair("backup", Cell::key(backup.map_or("", String::as_str)))
            })
            .next("redb-cache compact")
        })
    }
}
