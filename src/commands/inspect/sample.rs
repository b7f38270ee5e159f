//! A look at some rows of a table: their layouts and their times.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::reading::{Reader, Shown, stored_len};
use super::{is_readable, moment};
use crate::cache::Table;
use crate::error::Result;
use crate::file::{FileFormat, Snapshot, TableInfo, ValueRef};
use crate::layout::Layout;
use crate::ui::Cancel;

/// Rows of a table that are looked at unless all are wanted.
pub const ROWS: u64 = 1_000;
/// And their bytes: a few huge rows must not take long either.
const BYTES: u64 = 16 << 20;
/// Rows between two questions whether to stop.
const STEP: u64 = 256;

/// The layout before any that can be decoded, by its bytes alone.
const BINCODE: &str = "L1";
/// What a file of before L6 holds besides: which one does not show from outside.
const OLDER: &str = "L2-L5";

/// What was found in the rows looked at. It speaks of those rows only.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sample {
    /// Rows looked at.
    pub looked_at: u64,
    /// Whether these are all.
    pub all: bool,
    /// Rows by layout. A row that several layouts read alike counts as the newest of them.
    pub layouts: BTreeMap<String, u64>,
    /// Rows that no layout fits.
    pub undecoded: u64,
    /// When the oldest row was written; `None` unless every row was looked at and tells.
    pub oldest: Option<DateTime<Utc>>,
    /// And the newest.
    pub newest: Option<DateTime<Utc>>,
    /// Rows encoded with bincode.
    #[serde(skip)]
    pub bincode: u64,
    /// Rows encoded with postcard.
    #[serde(skip)]
    pub postcard: u64,
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
        exact: bool,
        cancel: &Cancel,
    ) -> Result<Self> {
        let mut sample = Self::default();
        if !is_readable(info) || Table::from_name(&info.name).is_none() {
            return Ok(sample);
        }
        let (mut bytes, mut timed, mut oldest, mut newest) = (0u64, 0u64, None, None);
        snapshot.scan(&info.name, None, &mut |key, stored| {
            if sample.looked_at.is_multiple_of(STEP) {
                cancel.check()?;
            }
            if !exact && (sample.looked_at == ROWS || bytes > BYTES) {
                return Ok(ControlFlow::Break(()));
            }
            sample.looked_at += 1;
            bytes = bytes.saturating_add(stored_len(stored));
            if let Some(written) = sample.add(snapshot, reader, &info.name, key, stored)? {
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

    fn add(
        &mut self,
        snapshot: &Snapshot,
        reader: &Reader,
        table: &str,
        key: &str,
        stored: ValueRef<'_>,
    ) -> Result<Option<i64>> {
        let Some(known) = Table::from_name(table).filter(|table| table.holds_records()) else {
            let number = match stored {
                ValueRef::I64(number) => Some(Shown::I64(number)),
                _ => None,
            };
            let times = reader.times(table, key, None, number.as_ref())?;
            return Ok(times.written_ms);
        };
        if let (FileFormat::V2, ValueRef::Bytes(bytes)) = (snapshot.format(), stored)
            && is_bincode(known, bytes)
        {
            self.bincode += 1;
            self.count(BINCODE);
            return Ok(None);
        }
        let Ok(entry) = reader.entry(table, key, stored) else {
            self.undecoded += 1;
            return Ok(None);
        };
        match reader.value(table, entry.as_ref(), stored) {
            Ok(value) => {
                self.postcard += 1;
                match value.layout {
                    Some(layout) if reader.is_before_l6() && layout >= Layout::L6 => {
                        self.count(OLDER);
                    }
                    Some(layout) => self.count(&layout.to_string()),
                    None => {}
                }
                let times = reader.times(table, key, entry.as_ref(), Some(&value.shown))?;
                Ok(times.written_ms)
            }
            Err(_) if reader.is_before_l6() && begins_as_postcard(known, key, stored) => {
                self.postcard += 1;
                self.count(OLDER);
                Ok(None)
            }
            Err(_) => {
                self.undecoded += 1;
                Ok(None)
            }
        }
    }

    fn count(&mut self, layout: &str) {
        match self.layouts.get_mut(layout) {
            Some(rows) => *rows += 1,
            None => drop(self.layouts.insert(layout.to_owned(), 1)),
        }
    }

    /// The layouts in one line; empty when no row was looked at that has one.
    pub fn describe(&self) -> String {
        let mut seen: Vec<_> = self.layouts.keys().map(String::as_str).collect();
        if self.undecoded > 0 {
            seen.push("unknown");
        }
        seen.join(", ")
    }
}

/// Whether a row begins with a length of eight bytes, which postcard never writes there: its
/// lengths are short, and what follows them are no zeros.
fn is_bincode(table: Table, bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return false;
    };
    let length = u64::from_le_bytes(*length);
    if table == Table::Embeddings {
        return length.checked_mul(4) == Some(rest.len() as u64);
    }
    (1..=255).contains(&length) && length <= rest.len() as u64
}

/// Whether a row begins as postcard writes the first field: the identifier that is also its key,
/// or the name of a pattern.
fn begins_as_postcard(table: Table, key: &str, stored: ValueRef<'_>) -> bool {
    let ValueRef::Bytes([length, rest @ ..]) = stored else {
        return false;
    };
    let Some(first) = rest.get(..usize::from(*length)) else {
        return false;
    };
    if table == Table::Patterns {
        return first.is_ascii() && first.contains(&b'_');
    }
    uuid::Uuid::try_parse(key).is_ok_and(|id| id.as_bytes() == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0badcafe-0000-4000-8000-00000000000a";

    fn id() -> [u8; 16] {
        uuid::Uuid::try_parse(KEY).unwrap().into_bytes()
    }

    #[test]
    fn the_codec_shows_in_the_first_length() {
        let bincode = [&[16, 0, 0, 0, 0, 0, 0, 0], id().as_slice()].concat();
        let postcard = [&[16], id().as_slice(), &[0; 20]].concat();
        assert!(is_bincode(Table::Episodes, &bincode));
        assert!(!is_bincode(Table::Episodes, &postcard));
        let begins = |key, bytes| begins_as_postcard(Table::Episodes, key, ValueRef::Bytes(bytes));
        assert!(begins(KEY, &postcard));
        assert!(!begins(KEY, &bincode));
        assert!(!begins("other", &postcard));
    }

    #[test]
    fn a_vector_is_told_by_its_whole_length() {
        let two = [&2u64.to_le_bytes()[..], &[0; 8]].concat();
        assert!(is_bincode(Table::Embeddings, &two));
        assert!(is_bincode(Table::Embeddings, &0u64.to_le_bytes()));
        assert!(!is_bincode(Table::Embeddings, &two[..15]));
        assert!(!is_bincode(Table::Embeddings, &[]));
    }
}
