//! How it looks.

use std::time::Duration;

use super::super::Report;
use super::report::{Outcome, Read, RepairReport, TableRow};
use crate::error::ErrorKind;
use crate::ui::{self, Cell, Column, Severity};

impl Report for RepairReport {
    fn schema(&self) -> &'static str {
        "repair"
    }

    fn view(&self) -> ui::View {
        let view = self.summary(ui::View::new());
        if self.outcome == Outcome::NothingToDo {
            let text = "every page has its checksum: there is nothing to repair";
            return view.note(Severity::Info, text);
        }
        let view = view.heading("tables").table(
            [
                Column::left("table"),
                Column::right("rows"),
                Column::right("kept"),
                Column::right("lost"),
                Column::right("set aside"),
            ],
            self.tables.iter().map(cells),
        );
        self.next(self.notes(self.left_out(view)))
    }

    fn exit_code(&self) -> u8 {
        match self.outcome {
            Outcome::BeyondRepair => ErrorKind::Damaged.exit_code(),
            Outcome::NothingToDo => 0,
            _ if self.is_complete() => 0,
            _ => 3,
        }
    }
}

fn cells(row: &TableRow) -> Vec<Cell> {
    vec![
        Cell::key(&row.table),
        Cell::count(row.rows),
        Cell::count(row.kept),
        Cell::count(row.lost),
        Cell::count(row.set_aside),
    ]
}

impl RepairReport {
    fn summary(&self, view: ui::View) -> ui::View {
        let damaged = self.damaged_pages.len() as u64;
        let took = Duration::from_millis(self.elapsed_ms);
        let view = view.pair("file", Cell::key(&self.cache));
        view.when(self.damage.is_some(), |view| {
            view.pair("damage", self.damage.as_deref().unwrap_or_default())
        })
        .pair("commit", self.commit())
        .pair("rows", Cell::count(self.rows))
        .when(self.outcome != Outcome::NothingToDo, |view| {
            view.pair("kept", Cell::count(self.kept))
                .pair("lost", Cell::count(self.lost))
                .pair("damaged pages", Cell::count(damaged))
        })
        .pair("size", Cell::bytes(self.bytes))
        .when(self.bytes_after.is_some(), |view| {
            view.pair("size now", Cell::bytes(self.bytes_after))
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

    fn commit(&self) -> String {
        let Some(Read {
            number, is_newest, ..
        }) = self.commit
        else {
            return "none".to_owned();
        };
        let which = if is_newest {
            "the newest"
        } else {
            "the one before the newest"
        };
        match number {
            Some(number) => format!("{which}, {number}"),
            None => which.to_owned(),
        }
    }

    fn left_out(&self, view: ui::View) -> ui::View {
        let columns = [
            Column::left("table"),
            Column::left("key"),
            Column::right("size"),
            Column::left("why"),
        ];
        self.left_out.show(view, "rows set aside", columns, |row| {
            vec![
                Cell::key(&row.table),
                Cell::key(&row.key),
                Cell::bytes(row.bytes),
                Cell::text(&row.why),
            ]
        })
    }

    fn notes(&self, view: ui::View) -> ui::View {
        let missing = self.missing_tables;
        view.when(self.unreadable.is_some(), |view| {
            let what = self.unreadable.as_deref().unwrap_or_default();
            view.note(
                Severity::Warning,
                format!("the disk may be failing: {what}"),
            )
        })
        .when(missing != Some(0), |view| {
            let text = match missing {
                Some(tables) => format!("{tables} tables are lost as a whole"),
                None => "nobody can tell whether tables are lost as a whole".to_owned(),
            };
            view.note(Severity::Warning, text)
        })
        .when(
            self.commit.is_some_and(|commit| !commit.is_newest),
            |view| {
                let text = "these are rows of an earlier commit: what came after it is lost";
                view.note(Severity::Warning, text)
            },
        )
        .when(self.records_damaged, |view| {
            let text = "what was recorded about some rows is lost: they count as never seen";
            view.note(Severity::Warning, text)
        })
    }

    fn next(&self, view: ui::View) -> ui::View {
        match self.outcome {
            Outcome::BeyondRepair => view
                .note(
                    Severity::Problem,
                    "redb cannot repair it; --salvage OUT copies what can still be read",
                )
                .next("redb-cache repair --salvage OUT"),
            Outcome::Forecast => view.next("redb-cache repair"),
            Outcome::Repaired if !self.is_complete() => view.note(
                Severity::Warning,
                "rows of the last commit may be lost; repair --salvage OUT on the backup may find more",
            ),
            Outcome::Salvaged => {
                let out = self.output.as_deref().unwrap_or_default();
                view.next(format!("redb-cache --cache {out} health --deep"))
            }
            _ => view.next("redb-cache health --deep"),
        }
    }
}
