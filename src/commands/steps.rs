//! How far a long work has come, and whether to stop it.

use std::time::Instant;

use super::Context;
use crate::error::Result;
use crate::ui::{Cancel, Progress};

/// Rows between two looks.
const STEP: u64 = 256;

/// Counts rows.
pub struct Steps<'a> {
    cancel: &'a Cancel,
    bar: Progress,
    since: u64,
}

impl<'a> Steps<'a> {
    /// Of the work of that name.
    #[must_use]
    pub fn new(context: &'a Context<'_>, label: &str) -> Self {
        Self {
            cancel: &context.cancel,
            bar: context.ui.progress(label),
            since: 0,
        }
    }

    /// There are so many rows in all.
    pub fn set_total(&self, rows: u64) {
        self.bar.set_total(rows);
    }

    /// One more row.
    ///
    /// # Errors
    /// When the work is interrupted.
    pub fn tick(&mut self) -> Result<()> {
        self.since += 1;
        if self.since == STEP {
            self.since = 0;
            self.bar.advance(STEP);
            self.cancel.check()?;
        }
        Ok(())
    }
}

/// Says for `--verbose` how long each part of the work took.
pub struct Parts<'a> {
    context: &'a Context<'a>,
    since: Instant,
}

impl<'a> Parts<'a> {
    /// The first part begins.
    #[must_use]
    pub fn begin(context: &'a Context<'_>) -> Self {
        Self {
            context,
            since: Instant::now(),
        }
    }

    /// `what` is done, and the next part begins.
    pub fn done(&mut self, what: &str) {
        let millis = self.since.elapsed().as_millis();
        self.context.ui.detail(format!("{what} in {millis} ms"));
        self.since = Instant::now();
    }
}
