//! A look at some rows of a table: their layouts and their times.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::portion::Portion;
use super::reading::{Reader, stored_len};
use super::{is_readable, moment};
use crate::cache::Table;
use crate::error::Result;
use crate::file::{Snapshot, TableInfo, ValueRef};
use crate::layout::{Codec, Layout};
use crate::ui::Cancel;

/// Rows between two questions whether to stop.
const STEP: u64 = 256;

/// What was found in the rows looked at. It speaks of those rows only.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sample {
    /// Rows looked at.
    pub looked_at: u64,
    /// Whether these are all.
    pub all: bool,
    /// Rows by layout. A row that several layouts read alike counts as the one of most rows beside,
    /// else the newest.
    pub layouts: BTreeMap<Layout, u64>,
    /// Rows that no layout fits.
    pub undecoded: u64,
    /// Rows that several layouts read, each differently.
    pub doubtful: u64,
    /// When the oldest row was written; `None` unless every row was looked at and tells.
    pub oldest: Option<DateTime<Utc>>,
    /// And the newest.
    pub newest: Option<DateTime<Utc>>,
}

impl Sample {
    /// Looks at the first rows of a table, or at all.
    ///
    /// # Errors
    /// When the file cannot be read, or the command is to stop.
    pub fn of(
        snapshot: &Snapshot,
        reader: &Reader,
        info: &TableInfo,
        mut portion: Portion,
        cancel: &Cancel,
    ) -> Result<Self> {
        let mut sample = Self::default();
        if !is_readable(info) || Table::from_name(&info.name).is_none() {
            return Ok(sample);
        }
        let (mut timed, mut oldest, mut newest) = (0u64, None, None);
        snapshot.scan(&info.name, None, &mut |key, stored| {
            if sample.looked_at.is_multiple_of(STEP) {
                cancel.check()?;
            }
            if !portion.take(stored_len(stored)) {
                return Ok(ControlFlow::Break(()));
            }
            sample.looked_at += 1;
            if let Some(written) = sample.add(reader, &info.name, key, stored)? {
                timed += 1;
                oldest = Some(oldest.map_or(written, |at: i64| at.min(written)));
                newest = Some(newest.map_or(written, |at: i64| at.max(written)));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        sample.all = sample.looked_at == info.rows;
        if timed == info.rows {
            sample.oldest = moment(oldest);
            sample.newest = moment(newest);
        }
        Ok(sample)
    }

    /// When the row was written, as far as that is known.
    fn add(
        &mut self,
        reader: &Reader,
        table: &str,
        key: &str,
        stored: ValueRef<'_>,
    ) -> Result<Option<i64>> {
        let read = reader
            .entry(table, key, stored)
            .map_err(|error| error.to_string())
            .and_then(|entry| Ok((entry, reader.value(table, entry.as_ref(), stored)?)));
        let Ok((entry, value)) = read else {
            self.undecoded += 1;
            return Ok(None);
        };
        if let Some(layout) = value.layout {
            *self.layouts.entry(layout).or_default() += 1;
        }
        self.doubtful += u64::from(!value.also.is_empty());
        let times = reader.times(table, key, entry.as_ref(), Some(&value))?;
        Ok(times.written_ms)
    }

    /// Whether some row is in that codec.
    pub fn has(&self, codec: Codec) -> bool {
        self.layouts.keys().any(|layout| layout.codec() == codec)
    }

    /// The layouts in one line; empty when no row was looked at that has one.
    pub fn describe(&self) -> String {
        let mut seen: Vec<_> = self.layouts.keys().map(Layout::to_string).collect();
        if self.undecoded > 0 {
            seen.push("unknown".to_owned());
        }
        seen.join(", ")
    }
}
