//! What a file says about its rows that no row says of itself.

use super::fits::{self, Fit, likely_codecs, within};
use super::l1::Bincode;
use super::steps::Ways;
use super::untyped::Siblings;
use super::wire::{Postcard, Wire};
use super::{Codec, Decoded, Layout, Undecodable};
use crate::cache::Table;
use crate::cache::record::Record;
use crate::file::FileFormat;

/// What a file states of itself before any row is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The format of the file.
    pub format: FileFormat,
    /// The schema version that it states, if any.
    pub schema: Option<u64>,
}

/// How far a layout agrees with what a file states of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The releases that made such files wrote it.
    Expected,
    /// They did not, but a row may still be of it.
    Possible,
    /// No row is of it; without types a damaged row might pass for one.
    Impossible,
}

impl Origin {
    /// do-memory erased or refused a file of another schema version, so that one file holds rows of
    /// few layouts.
    fn standing(self, layout: Layout) -> Standing {
        let expected = match (self.format, self.schema) {
            (FileFormat::V2, _) => layout <= Layout::L4,
            (_, None | Some(2)) => matches!(layout, Layout::L4 | Layout::L5),
            (_, Some(3)) => (Layout::L6..=Layout::L8).contains(&layout),
            (_, Some(_)) => layout == Layout::L9,
        };
        let has_schema = self.format != FileFormat::V2 && self.schema >= Some(3);
        if expected {
            Standing::Expected
        } else if has_schema && layout < Layout::L6 {
            Standing::Impossible
        } else {
            Standing::Possible
        }
    }
}

/// What the rows of a file tell about each other: a first reading learns, a second one decides. One
/// that has learned nothing reads each row for itself.
#[derive(Clone, Debug)]
pub struct Survey {
    origin: Origin,
    siblings: Siblings,
    /// For each layout how many rows can be of no other.
    rows: [u32; Layout::ALL.len()],
    /// Of the episodes with steps how many can be of a layout with types, and how many cannot.
    typed: u32,
    untyped: u32,
}

impl Survey {
    /// Knows nothing yet but where the rows are from.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            siblings: Siblings::default(),
            rows: [0; Layout::ALL.len()],
            typed: 0,
            untyped: 0,
        }
    }

    /// Learns from a row. Its memory is bounded, whatever the number of rows.
    pub fn add(&mut self, table: Table, bytes: &[u8]) {
        match table {
            Table::Episodes if self.declares_untyped() => self.add_episode(bytes),
            Table::Episodes | Table::Patterns => {
                let expected = |layout| self.declares(layout);
                if let Ok(fits) = fits::of(table, bytes, &self.siblings, expected) {
                    self.count(fits.iter().flat_map(|fit| within(&fit.layouts)).collect());
                }
            }
            _ => {}
        }
    }

    /// Reads a row in the light of what was learned. Its time and memory grow with the length of
    /// the row alone.
    ///
    /// # Errors
    /// When no layout fits, or the table holds no records.
    pub fn decode(&self, table: Table, bytes: &[u8]) -> Result<Decoded, Undecodable> {
        let of = |standing| {
            let wanted = |layout| self.standing(layout) == standing;
            fits::of(table, bytes, &self.siblings, wanted)
        };
        let fits = of(Standing::Expected).or_else(|expected| {
            of(Standing::Possible).map_err(|possible| expected.or_nearer(possible))
        })?;
        self.choose(fits).ok_or(Undecodable {
            table,
            nearest: None,
        })
    }

    fn expects(&self, layout: Layout) -> bool {
        self.standing(layout) == Standing::Expected
    }

    fn standing(&self, layout: Layout) -> Standing {
        match self.origin.standing(layout) {
            Standing::Expected if self.has_lost_its_version() => Standing::Possible,
            Standing::Possible if self.has_lost_its_version() => Standing::Expected,
            declared => declared,
        }
    }

    /// Whether every row contradicts the version that the file states, or that it states none: where
    /// parameters have no types most rows with steps fit no later layout.
    fn has_lost_its_version(&self) -> bool {
        self.origin.format == FileFormat::V3
            && matches!(self.origin.schema, None | Some(2))
            && self.typed > 0
            && self.untyped == 0
    }

    /// Whether the file says of itself that it has such rows.
    fn declares(&self, layout: Layout) -> bool {
        self.origin.standing(layout) == Standing::Expected
    }

    fn declares_untyped(&self) -> bool {
        self.declares(Layout::L5) || self.declares(Layout::L1)
    }

    fn add_episode(&mut self, bytes: &[u8]) {
        let has_steps = likely_codecs(bytes)
            .into_iter()
            .find_map(|codec| match codec {
                Codec::Postcard => self.add_untyped::<Postcard>(codec, bytes),
                Codec::Bincode => self.add_untyped::<Bincode>(codec, bytes),
            });
        // Such a file never had a version that it could have lost.
        if self.origin.format == FileFormat::V2 {
            return;
        }
        if self.has_types(bytes) {
            self.typed = self.typed.saturating_add(1);
        } else if has_steps == Some(true) {
            self.untyped = self.untyped.saturating_add(1);
        }
    }

    /// Says whether the episode has steps, where it fits.
    fn add_untyped<W: Wire>(&mut self, codec: Codec, bytes: &[u8]) -> Option<bool> {
        let endings = fits::endings(codec, &|layout| self.declares(layout));
        if endings.is_empty() {
            return None;
        }
        let ways = Ways::<W>::find(bytes, &endings).ok()?;
        let layouts: Vec<_> = ways.layouts().collect();
        if let Some(layout) = layouts.first() {
            for lesson in ways.lessons(*layout) {
                lesson.teach(&mut self.siblings);
            }
        }
        self.count(layouts);
        Some(ways.has_steps())
    }

    /// Whether an episode has steps and is of a layout whose parameters have types.
    fn has_types(&self, bytes: &[u8]) -> bool {
        let typed = |layout| layout >= Layout::L6;
        let fits = fits::of(Table::Episodes, bytes, &self.siblings, typed).unwrap_or_default();
        fits.iter().any(|fit| match &fit.record {
            Record::Episode(episode) => !episode.steps.is_empty(),
            _ => false,
        })
    }

    /// Remembers a row that is of one layout alone.
    fn count(&mut self, layouts: Vec<Layout>) {
        let mut expected = layouts.into_iter().filter(|layout| self.declares(*layout));
        if let (Some(layout), None) = (expected.next(), expected.next())
            && let Some(count) = self.rows.get_mut(layout as usize)
        {
            *count = count.saturating_add(1);
        }
    }

    fn rows_of(&self, layout: Layout) -> u32 {
        self.rows.get(layout as usize).copied().unwrap_or(0)
    }

    /// Takes what little speaks against, the rows beside included; the newest where all is equal.
    fn choose(&self, mut fits: Vec<Fit>) -> Option<Decoded> {
        let cost = |fit: &Fit| fit.cost + self.rarity(fit);
        fits.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        let mut fits = fits.into_iter();
        let taken = fits.next()?;
        let layout = self.label(&taken);
        let mut also: Vec<(Layout, Record)> = Vec::new();
        for fit in fits {
            let known = also.iter().map(|(_, record)| record);
            if !known.chain([&taken.record]).any(|it| same(it, &fit.record)) {
                also.push((*fit.layouts.end(), fit.record));
            }
        }
        Some(Decoded {
            record: taken.record,
            layout,
            also,
            parameters: taken.parameters,
        })
    }

    /// What speaks against a layout that no or few rows beside have.
    #[expect(clippy::cast_precision_loss, reason = "a cost is no exact number")]
    fn rarity(&self, fit: &Fit) -> f32 {
        let all: u32 = self.rows.iter().sum();
        let own: u32 = within(&fit.layouts)
            .map(|layout| self.rows_of(layout))
            .sum();
        ((all as f32 + 1.0) / (own as f32 + 0.5)).log2()
    }

    /// Of the layouts that read the row alike the one of most rows beside, else the newest.
    fn label(&self, fit: &Fit) -> Layout {
        let expected = within(&fit.layouts).filter(|layout| self.expects(*layout));
        let newest = *fit.layouts.end();
        expected
            .max_by_key(|layout| (self.rows_of(*layout), *layout))
            .unwrap_or(newest)
    }
}

/// Equal, or the same bytes: a NaN is not equal to itself.
fn same(a: &Record, b: &Record) -> bool {
    a == b || matches!((a.encode(), b.encode()), (Ok(a), Ok(b)) if a == b)
}
