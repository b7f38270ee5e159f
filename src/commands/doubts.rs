//! How sure the readings of old rows are.

use serde::Serialize;

use crate::layout::Certainty;
use crate::ui::{Cell, Severity, View};

/// The parameters of steps whose bytes carry no types, counted by how sure their reading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// There is one reading.
    pub exact: u64,
    /// Other rows decided between several.
    pub inferred: u64,
    /// The most plausible was taken.
    pub chosen: u64,
    /// There is none.
    pub unreadable: u64,
}

impl Parameters {
    /// Counts one more.
    pub fn add(&mut self, certainty: Certainty) {
        match certainty {
            Certainty::Exact => self.exact += 1,
            Certainty::Inferred => self.inferred += 1,
            Certainty::Chosen => self.chosen += 1,
            Certainty::Unreadable => self.unreadable += 1,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.exact + self.uncertain()
    }

    /// How many have not just one reading.
    #[must_use]
    pub fn uncertain(&self) -> u64 {
        self.inferred + self.chosen + self.unreadable
    }

    /// Shows them, where there are any.
    #[must_use]
    pub fn shown(&self, view: View) -> View {
        view.when(self.total() > 0, |view| {
            view.heading("parameters of steps, whose bytes carry no types")
                .pair("exact", Cell::count(self.exact))
                .pair("inferred", Cell::count(self.inferred))
                .pair("chosen", Cell::count(self.chosen))
                .pair("unreadable", Cell::count(self.unreadable))
        })
    }

    /// Tells of those that cannot be read, where there are any.
    #[must_use]
    pub fn told(&self, view: View) -> View {
        view.when(self.unreadable > 0, |view| {
            let text = format!(
                "{} parameters are unreadable; their bytes are kept in the metadata of their episodes",
                self.unreadable
            );
            view.note(Severity::Warning, text)
        })
    }
}

/// Tells of rows that several layouts read, where there are any.
#[must_use]
pub fn told_of_rows(rows: u64, view: View) -> View {
    view.when(rows > 0, |view| {
        let text = format!(
            "{rows} rows read differently in several layouts, and the more likely one was taken"
        );
        view.note(Severity::Warning, text)
    })
}
