//! What a migration finds in the rows.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::doubts::Parameters;
use super::super::list::List;
use super::consult::Consulted;
use crate::cache::Table;
use crate::cache::record::{Episode, Record};
use crate::layout::{Certainty, Codec, Decoded, Layout};

/// Characters of a value that is told.
const SHOWN: usize = 400;

/// What became of the rows of one table.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Counts {
    /// Written in the current layout.
    pub(super) migrated: u64,
    /// Left as they are.
    pub(super) carried: u64,
    /// Of no known layout.
    pub(super) set_aside: u64,
}

impl Counts {
    /// All of them.
    pub(super) fn rows(self) -> u64 {
        self.migrated
            .saturating_add(self.carried)
            .saturating_add(self.set_aside)
    }

    /// The sum of two.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            migrated: self.migrated.saturating_add(other.migrated),
            carried: self.carried.saturating_add(other.carried),
            set_aside: self.set_aside.saturating_add(other.set_aside),
        }
    }
}

/// A value or a row whose reading is not certain.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Doubt {
    /// The parameters of a step.
    Parameters {
        table: Table,
        key: String,
        /// Counted from 1.
        step: usize,
        certainty: Certainty,
        /// JSON text, cut where it is long.
        value: String,
    },
    /// A row that several layouts read, each differently.
    Layout {
        table: Table,
        key: String,
        taken: Layout,
        also: Vec<Layout>,
    },
}

/// A row that cannot be migrated.
#[derive(Debug, Serialize)]
pub(super) struct BadRow {
    pub(super) table: Table,
    pub(super) key: String,
    pub(super) bytes: u64,
    pub(super) why: String,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) tables: BTreeMap<Table, Counts>,
    pub(super) layouts: BTreeMap<Layout, u64>,
    pub(super) parameters: Parameters,
    /// `None` where no store was asked.
    pub(super) consulted: Option<Consulted>,
    pub(super) doubts: List<Doubt>,
    pub(super) bad: List<BadRow>,
}

impl Found {
    /// The rows of each codec.
    pub(super) fn codecs(&self) -> BTreeMap<Codec, u64> {
        let mut codecs = BTreeMap::new();
        for (layout, rows) in &self.layouts {
            *codecs.entry(layout.codec()).or_default() += rows;
        }
        codecs
    }

    /// Counts a row that was read.
    pub(super) fn read(&mut self, table: Table, key: &str, decoded: &Decoded) {
        let counts = self.tables.entry(table).or_default();
        if decoded.layout == Layout::CURRENT {
            counts.carried += 1;
        } else {
            counts.migrated += 1;
        }
        *self.layouts.entry(decoded.layout).or_default() += 1;
        if !decoded.also.is_empty() {
            let also = decoded.also.iter().map(|(layout, _)| *layout);
            let doubt = || Doubt::Layout {
                table,
                key: key.to_owned(),
                taken: decoded.layout,
                also: also.collect(),
            };
            self.doubts.add(|| (key.len(), doubt()));
        }
        if let Record::Episode(episode) = &decoded.record {
            self.read_parameters(key, episode, decoded);
        }
    }

    fn read_parameters(&mut self, key: &str, episode: &Episode, decoded: &Decoded) {
        let steps = episode.steps.iter().zip(&decoded.parameters);
        for (step, (taken, parameters)) in (1..).zip(steps) {
            self.parameters.add(parameters.certainty);
            if parameters.certainty == Certainty::Exact {
                continue;
            }
            self.doubts.add(|| {
                let value = cut(&taken.parameters_json);
                let bytes = key.len() + value.len();
                let doubt = Doubt::Parameters {
                    table: Table::Episodes,
                    key: key.to_owned(),
                    step,
                    certainty: parameters.certainty,
                    value,
                };
                (bytes, doubt)
            });
        }
    }

    /// Counts a row that cannot be read.
    pub(super) fn bad(&mut self, table: Table, key: &str, bytes: usize, why: &str) {
        self.tables.entry(table).or_default().set_aside += 1;
        let row = || BadRow {
            table,
            key: key.to_owned(),
            bytes: bytes as u64,
            why: why.to_owned(),
        };
        self.bad.add(|| (key.len() + why.len(), row()));
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        assert_eq!(cut("{}"), "{}");
        let long = "é".repeat(SHOWN + 1);
        assert_eq!(cut(&long), "é".repeat(SHOWN) + "…");
    }
}
