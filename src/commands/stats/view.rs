//! The statistics for people.

use std::time::Duration;

use super::super::Report;
use super::report::{Entries, StatsReport, TableRows};
use crate::cache::Table;
use crate::file::ReadVia;
use crate::ui::{Cell, Column, Severity, View};

impl Report for StatsReport {
    fn schema(&self) -> &'static str {
        "stats"
    }

    fn view(&self) -> View {
        let view = self.entries_of(self.storage_of(View::new()));
        // An old cache records nothing of this.
        let view = view.when(!self.old_layout, |view| {
            self.compression_of(self.limits_of(self.activity_of(view)))
        });
        let view = self.notes_of(view);
        view.each(&self.advice, |view, advice| {
            view.note(Severity::Advice, advice.message.clone())
        })
        .each(
            self.advice.iter().filter_map(|advice| advice.run),
            View::next,
        )
    }
}

impl StatsReport {
    fn storage_of(&self, view: View) -> View {
        view.heading("storage")
            .pair("file", Cell::key(&self.cache))
            .when(self.old_layout, |view| view.pair("format", self.format()))
            .pair("length", Cell::bytes(self.storage.length))
            .pair("on disk", Cell::bytes(self.storage.on_disk))
            .pair("used", Cell::bytes(self.storage.used))
            .pair("keys and values", Cell::bytes(self.storage.stored))
            .pair("reclaimable", Cell::bytes(self.storage.reclaimable))
    }

    /// As `migrate` tells it.
    fn format(&self) -> String {
        let version = match self.schema_version {
            Some(version) => format!("schema version {version}"),
            None => "no schema version".to_owned(),
        };
        format!("file format {}, {version}", self.file_format)
    }

    fn entries_of(&self, view: View) -> View {
        let columns = [
            Column::left("table"),
            Column::right("rows"),
            Column::right("live"),
            Column::right("expired"),
            Column::right("values"),
        ];
        let filled = |row: &&TableRows| row.rows > 0;
        let rows = self.entries.tables.iter().filter(filled).map(|row| {
            vec![
                Cell::key(&row.table),
                Cell::count(row.rows),
                Cell::count(row.live),
                Cell::count(row.expired),
                Cell::bytes(row.value_bytes),
            ]
        });
        let total = vec![
            Cell::text("all entries"),
            Cell::count(self.entries.total),
            Cell::count(self.entries.live),
            expired_cell(&self.entries),
            Cell::Unknown,
        ];
        view.heading("entries")
            .table(columns, rows.chain(std::iter::once(total)))
    }

    fn activity_of(&self, view: View) -> View {
        let activity = &self.activity;
        view.heading("activity")
            .pair("hits", Cell::count(activity.hits))
            .pair("misses", Cell::count(activity.misses))
            .pair("hit rate", Cell::ratio(activity.hit_rate))
            .pair("writes", Cell::count(activity.writes))
            .pair("evictions", Cell::count(activity.evictions))
            .pair("expirations", Cell::count(activity.expirations))
            .pair("since", Cell::time(activity.since))
            .each(self.rates, |view, rates| {
                view.pair("reads/s", format!("{:.1}", rates.reads_per_s))
                    .pair("writes/s", format!("{:.1}", rates.writes_per_s))
                    .pair("hit rate now", Cell::ratio(rates.hit_rate))
            })
    }

    fn limits_of(&self, view: View) -> View {
        let limits = &self.limits;
        let ttl = match limits.ttl_ms {
            None if limits.recorded => Cell::text("none"),
            ttl => Cell::age(ttl.map(Duration::from_millis)),
        };
        let swept = self.last_sweep.and_then(|sweep| sweep.at);
        view.heading("limits")
            .pair("episodes", Cell::count(limits.max_entries))
            .pair("time to live", ttl)
            .pair("last sweep", Cell::time(swept))
            .pair(
                "removed by it",
                Cell::count(self.last_sweep.map(|sweep| sweep.removed)),
            )
    }

    fn compression_of(&self, view: View) -> View {
        let compression = &self.compression;
        view.heading("compression")
            .pair("switched on", Cell::Flag(self.limits.compression))
            .pair("compressed rows", Cell::count(compression.rows))
            .pair("saves", Cell::bytes(compression.saved_bytes))
            .pair("dictionaries", Cell::count(compression.dictionaries))
    }

    fn notes_of(&self, view: View) -> View {
        let unmeasured = self.storage.used.is_none();
        let unknown = self.entries.tables.iter().any(|row| {
            let records = Table::from_name(&row.table).is_some_and(Table::holds_records);
            records && row.rows > 0 && row.value_bytes.is_none()
        });
        view.when(self.snapshot == ReadVia::LockFree, |view| {
            view.note(
                Severity::Info,
                "another process holds the cache: a snapshot without the lock",
            )
        })
        .when(unmeasured || unknown, |view| {
            view.note(
                Severity::Info,
                "--exact counts what is shown as -, where it can",
            )
        })
    }
}

fn expired_cell(entries: &Entries) -> Cell {
    match entries.expired_at_least {
        Some(least) => Cell::text(format!("> {least}")),
        None => Cell::count(entries.expired),
    }
}
