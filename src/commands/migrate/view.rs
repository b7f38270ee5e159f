//! How a migration looks.

use std::time::Duration;

use super::super::{Report, doubts};
use super::report::{MigrateReport, Outcome};
use crate::layout::Codec;
use crate::ui::{self, Cell, Column, Severity};

impl Report for MigrateReport {
    fn schema(&self) -> &'static str {
        "migrate"
    }

    fn view(&self) -> ui::View {
        let view = self.summary(ui::View::new());
        if self.outcome == Outcome::NothingToDo {
            let text = "every row is current already: nothing was changed";
            return self.notes(view.note(Severity::Info, text));
        }
        let bad = match self.outcome {
            Outcome::Migrated => "set aside",
            _ => "unreadable",
        };
        let view = view.heading("tables").table(
            [
                Column::left("table"),
                Column::right("rows"),
                Column::right("migrated"),
                Column::right("carried"),
                Column::right(bad),
            ],
            self.tables.iter().map(|row| {
                vec![
                    Cell::key(&row.table),
                    Cell::count(row.rows),
                    Cell::count(row.counts.migrated),
                    Cell::count(row.counts.carried),
                    Cell::count(row.counts.set_aside),
                ]
            }),
        );
        let view = self
            .parameters
            .shown(view)
            .each(self.consulted, |view, asked| {
                view.pair("confirmed by the store", Cell::count(asked.confirmed))
                    .pair("settled by the store", Cell::count(asked.replaced))
            });
        let view = self.bad_rows(view);
        self.next(self.notes(view))
    }

    fn exit_code(&self) -> u8 {
        let attention = !self.bad_rows.is_empty() || self.parameters.unreadable > 0;
        match self.outcome {
            Outcome::Refused => crate::error::ErrorKind::Damaged.exit_code(),
            _ if attention => 3,
            _ => 0,
        }
    }
}

impl MigrateReport {
    fn summary(&self, view: ui::View) -> ui::View {
        let to = &self.to;
        let (size, now) = (Cell::bytes(self.from.bytes), to.bytes);
        let took = Duration::from_millis(self.elapsed_ms);
        let view = view
            .pair("from", self.origin())
            .when(!self.from.layouts.is_empty(), |view| {
                view.pair("records", self.layouts())
            });
        if self.outcome == Outcome::NothingToDo {
            return view
                .pair("rows", Cell::count(self.rows))
                .pair("size", size)
                .pair("took", Cell::elapsed(took));
        }
        let goal = format!(
            "file format v{}, schema version {}, {}",
            to.file_format, to.schema_version, to.layout
        );
        view.pair("to", goal)
            .pair("rows", Cell::count(self.rows))
            .pair("size", size)
            .when(now.is_some(), |view| {
                view.pair("size now", Cell::bytes(now))
            })
            .pair("took", Cell::elapsed(took))
            .each(
                [
                    ("output", &self.output),
                    ("backup", &self.backup),
                    ("quarantine", &self.quarantine),
                ],
                |view, (name, path)| match path {
                    Some(path) => view.pair(name, Cell::key(path)),
                    None => view,
                },
            )
    }

    fn origin(&self) -> String {
        let from = &self.from;
        let version = match from.schema_version {
            Some(version) => format!("schema version {version}"),
            None => "no schema version".to_owned(),
        };
        format!("file format v{}, {version}", from.file_format)
    }

    fn layouts(&self) -> String {
        let layouts = self.from.layouts.iter();
        let parts: Vec<_> = layouts
            .map(|(layout, rows)| match layout.codec() {
                Codec::Bincode => format!("{rows} of {layout} (bincode)"),
                Codec::Postcard => format!("{rows} of {layout}"),
            })
            .collect();
        parts.join(", ")
    }

    fn bad_rows(&self, view: ui::View) -> ui::View {
        let columns = [
            Column::left("table"),
            Column::left("key"),
            Column::right("size"),
            Column::left("why"),
        ];
        let heading = "rows that cannot be migrated";
        self.bad_rows.show(view, heading, columns, |row| {
            vec![
                Cell::text(row.table.name()),
                Cell::key(&row.key),
                Cell::bytes(row.bytes),
                Cell::text(&row.why),
            ]
        })
    }

    fn notes(&self, view: ui::View) -> ui::View {
        let doubts = self.doubts.len();
        let several = doubts.saturating_sub(self.parameters.uncertain());
        let view = view.when(self.bincode_missing, |view| {
            let text =
                "--from-bincode: no row is in bincode, the codec of do-memory 0.1.0 to 0.1.6";
            view.note(Severity::Warning, text)
        });
        self.parameters
            .told(doubts::told_of_rows(several, view))
            .when(self.inflated, |view| {
                let text = "rows that were compressed are stored as do-memory reads them; \
                        compact --recompress makes them small again";
                view.note(Severity::Advice, text)
            })
            .when(doubts > 0, |view| {
                view.note(
                    Severity::Info,
                    "--verbose names each value that is not certain, --format json lists them",
                )
            })
    }

    fn next(&self, view: ui::View) -> ui::View {
        match self.outcome {
            Outcome::Refused => view
                .note(
                    Severity::Problem,
                    format!(
                        "{} rows cannot be migrated: the cache is unchanged",
                        self.bad_rows.len()
                    ),
                )
                .next("redb-cache migrate --skip-bad"),
            Outcome::Forecast => view.next("redb-cache migrate"),
            Outcome::Migrated if self.backup.is_some() => view
                .next("redb-cache health --deep")
                .next("redb-cache migrate --rollback"),
            _ => view.next("redb-cache health --deep"),
        }
    }
}
