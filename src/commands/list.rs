//! A list of rows or values for a report.

use serde::{Deserialize, Serialize};

use crate::ui::{Cell, Column, Severity, View};

/// Rows or values that are told one by one; of the rest only the number is kept.
const LISTED: usize = 100_000;
/// Bytes of text in such a list.
const LISTED_BYTES: usize = 16 << 20;
/// Of those, how many a person is told at once.
const SHOWN: usize = 20;

/// A list that does not grow without end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List<T> {
    /// Those that are told.
    pub listed: Vec<T>,
    /// How many more there are.
    pub not_listed: u64,
    #[serde(skip)]
    bytes: usize,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            listed: Vec::new(),
            not_listed: 0,
            bytes: 0,
        }
    }
}

impl<T> List<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.not_listed.saturating_add(self.listed.len() as u64)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds what `item` makes, with the bytes of its text; where the list is full, it is only counted.
    pub fn add(&mut self, item: impl FnOnce() -> (usize, T)) {
        if self.listed.len() < LISTED && self.bytes < LISTED_BYTES {
            let (bytes, item) = item();
            self.bytes = self.bytes.saturating_add(bytes);
            self.listed.push(item);
        } else {
            self.not_listed = self.not_listed.saturating_add(1);
        }
    }

    /// Shows the first ones as a table, and how many more there are; nothing where there is none.
    #[must_use]
    pub fn show<const N: usize>(
        &self,
        view: View,
        heading: &str,
        columns: [Column; N],
        cells: fn(&T) -> Vec<Cell>,
    ) -> View {
        if self.is_empty() {
            return view;
        }
        let more = self.len().saturating_sub(SHOWN as u64);
        view.heading(heading)
            .table(columns, self.listed.iter().take(SHOWN).map(cells))
            .when(more > 0, |view| {
                let text = format!("{more} more; --format json lists them");
                view.note(Severity::Info, text)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_stops_growing_and_goes_on_counting() {
        let mut list = List::default();
        for n in 0..LISTED + 5 {
            list.add(|| (1, n));
        }
        assert_eq!((list.listed.len(), list.not_listed), (LISTED, 5));
        assert_eq!(list.len(), LISTED as u64 + 5);
        let mut list = List::default();
        for n in 0..10 {
            list.add(|| (LISTED_BYTES / 2, n));
        }
        assert_eq!((list.listed.len(), list.not_listed), (2, 8));
    }
}
