//! How a rebuild looks.

use std::time::Duration;

use super::super::Report;
use super::lost::OnlyInOld;
use super::report::{Outcome, RebuildReport, TableRow};
use crate::ui::{self, Cell, Column, Severity};

impl Report for RebuildReport {
    fn schema(&self) -> &'static str {
        "rebuild"
    }

    fn view(&self) -> ui::View {
        let view = self.summary(ui::View::new());
        let view = view.heading("tables").table(
            [
                Column::left("table"),
                Column::right("in the store"),
                Column::right(match self.outcome {
                    Outcome::Repaired => "put in",
                    Outcome::Rebuilt | Outcome::Forecast => "in the cache",
                }),
                Column::right("unreadable"),
                Column::right("superseded"),
            ],
            self.tables.iter().map(cells),
        );
        let view = self.unreadable(view);
        let view = match &self.only_in_old {
            Some(only) if !only.is_nothing() => told(only, view, self.is_limited()),
            _ => view,
        };
        match self.outcome {
            Outcome::Rebuilt => view.next("redb-cache health --deep"),
            Outcome::Repaired => view.next(format!("redb-cache diff --from {}", self.from)),
            Outcome::Forecast => view.next(format!("redb-cache rebuild --from {}", self.from)),
        }
    }

    fn exit_code(&self) -> u8 {
        if self.unreadable.is_empty() { 0 } else { 3 }
    }
}

fn cells(row: &TableRow) -> Vec<Cell> {
    let counts = row.counts;
    vec![
        Cell::key(row.source),
        Cell::count(row.in_store),
        Cell::count(counts.map(|counts| counts.written)),
        Cell::count(counts.map(|counts| counts.unreadable)),
        Cell::count(counts.map(|counts| counts.superseded)),
    ]
}

fn told(only: &OnlyInOld, view: ui::View, limited: bool) -> ui::View {
    let rows = only.rows.iter();
    let details = [
        ("episodes with fractions of seconds", only.exact_times),
        ("episodes with applied patterns", only.applied_patterns),
        ("episodes with what stood out", only.salient_features),
    ];
    let view = view.heading("only in the old cache");
    let view = rows.fold(view, |view, (table, rows)| {
        view.pair(format!("rows of {table}"), Cell::count(*rows))
    });
    details
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .fold(view, |view, (name, count)| {
            view.pair(name, Cell::count(count))
        })
        .note(
            Severity::Warning,
            if limited {
                "the new cache has this no more: the limits leave it out, or the store does not hold it"
            } else {
                "the new cache has this no more: the durable store does not hold it"
            },
        )
}

impl RebuildReport {
    fn is_limited(&self) -> bool {
        self.max_entries.is_some() || self.since.is_some()
    }

    fn summary(&self, view: ui::View) -> ui::View {
        let estimate = self.estimated_ms.map(Duration::from_millis);
        view.pair("from", Cell::key(&self.from))
            .when(self.max_entries.is_some(), |view| {
                view.pair("newest episodes", Cell::count(self.max_entries))
            })
            .each(&self.since, |view, since| {
                view.pair("changed since", Cell::text(since))
            })
            .when(self.outcome != Outcome::Forecast, |view| {
                view.pair("rows", Cell::count(self.rows))
            })
            .pair("store", Cell::bytes(self.store_bytes))
            .when(self.bytes.is_some(), |view| {
                view.pair("cache", Cell::bytes(self.bytes))
            })
            .each(estimate, |view, estimate| {
                view.pair("would take about", Cell::elapsed(estimate))
            })
            .pair(
                "took",
                Cell::elapsed(Duration::from_millis(self.elapsed_ms)),
            )
            .each(&self.backup, |view, backup| {
                view.pair("backup", Cell::key(backup))
            })
    }

    fn unreadable(&self, view: ui::View) -> ui::View {
        let columns = [
            Column::left("table"),
            Column::left("id"),
            Column::left("why"),
        ];
        let heading = "rows that cannot be read";
        self.unreadable.show(view, heading, columns, |row| {
            vec![
                Cell::text(&row.table),
                Cell::key(&row.id),
                Cell::text(&row.why),
            ]
        })
    }
}
