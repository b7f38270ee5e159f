//! Every layout that fits a row.

use std::ops::RangeInclusive;

use super::ending::ReadEnding;
use super::l1::Bincode;
use super::steps::Ways;
use super::untyped::Siblings;
use super::wire::{Postcard, Wire};
use super::{Codec, ERAS, Layout, Parameters, Undecodable};
use crate::cache::Table;
use crate::cache::record::{Misfit, Record};

/// A row as some layouts read it.
pub(super) struct Fit {
    /// The layouts that have the same rows in that table, of which this is one.
    pub layouts: RangeInclusive<Layout>,
    pub record: Record,
    pub parameters: Vec<Parameters>,
    /// What speaks against it.
    pub cost: f32,
}

/// What fits so far, and what came nearest.
struct Search {
    table: Table,
    fits: Vec<Fit>,
    nearest: Option<(Layout, Misfit)>,
}

impl Search {
    fn failed(&mut self, layout: Layout, misfit: Misfit) {
        if self.nearest.is_none_or(|(_, known)| known.at < misfit.at) {
            self.nearest = Some((layout, misfit));
        }
    }
}

/// Reads a row of `table` as each layout that is `wanted`; the newest that fits comes first.
///
/// # Errors
/// When none fits.
pub(super) fn of(
    table: Table,
    bytes: &[u8],
    siblings: &Siblings,
    wanted: impl Fn(Layout) -> bool,
) -> Result<Vec<Fit>, Undecodable> {
    let mut search = Search {
        table,
        fits: Vec::new(),
        nearest: None,
    };
    typed(&mut search, bytes, &wanted);
    if table == Table::Episodes {
        let typed = search.fits.len();
        for codec in likely_codecs(bytes) {
            match codec {
                Codec::Postcard => {
                    untyped::<Postcard>(&mut search, codec, bytes, siblings, &wanted)
                }
                Codec::Bincode => untyped::<Bincode>(&mut search, codec, bytes, siblings, &wanted),
            }
            if search.fits.len() > typed {
                break;
            }
        }
    }
    let Search { fits, nearest, .. } = search;
    if fits.is_empty() {
        return Err(Undecodable { table, nearest });
    }
    Ok(fits)
}

fn typed(search: &mut Search, bytes: &[u8], wanted: &impl Fn(Layout) -> bool) {
    let table = search.table;
    let typed = ERAS
        .iter()
        .filter(|era| table != Table::Episodes || era.ending.is_none());
    let mut newest = Layout::CURRENT;
    let mut rest = typed.peekable();
    let mut reader = None;
    while let Some(era) = rest.next() {
        if let Some(read) = (era.reader)(table) {
            reader = Some(read);
            newest = era.layout;
        }
        let is_oldest = rest
            .peek()
            .is_none_or(|next| (next.reader)(table).is_some());
        let layouts = era.layout..=newest;
        if let Some(read) = reader.filter(|_| is_oldest && within(&layouts).any(wanted)) {
            match read(bytes) {
                Ok(record) => search.fits.push(Fit {
                    layouts,
                    record,
                    parameters: Vec::new(),
                    cost: 0.0,
                }),
                Err(misfit) => search.failed(newest, misfit),
            }
        }
    }
}

fn untyped<W: Wire>(
    search: &mut Search,
    codec: Codec,
    bytes: &[u8],
    siblings: &Siblings,
    wanted: &impl Fn(Layout) -> bool,
) {
    let endings = endings(codec, wanted);
    let Some((newest, _)) = endings.first() else {
        return;
    };
    let ways = match Ways::<W>::find(bytes, &endings) {
        Ok(ways) => ways,
        Err(misfit) => return search.failed(*newest, misfit),
    };
    for walked in ways.episodes(siblings) {
        search.fits.push(Fit {
            layouts: walked.layout..=walked.layout,
            record: walked.episode.into(),
            parameters: walked.parameters,
            cost: walked.cost,
        });
    }
}

/// How episodes end in the wanted layouts of a codec whose parameters have no types.
pub(super) fn endings(codec: Codec, wanted: &impl Fn(Layout) -> bool) -> Vec<(Layout, ReadEnding)> {
    ERAS.iter()
        .filter(|era| era.layout.codec() == codec && wanted(era.layout))
        .filter_map(|era| Some((era.layout, era.ending?)))
        .collect()
}

/// The layouts of a range.
pub(super) fn within(layouts: &RangeInclusive<Layout>) -> impl Iterator<Item = Layout> {
    ERAS.iter()
        .map(|era| era.layout)
        .filter(|layout| layouts.contains(layout))
}

/// The codecs in which an episode may be, the likely one first: its identifier begins with its own
/// length, in one byte or in eight.
pub(super) fn likely_codecs(bytes: &[u8]) -> [Codec; 2] {
    if bytes.starts_with(&16u64.to_le_bytes()) {
        [Codec::Bincode, Codec::Postcard]
    } else {
        [Codec::Postcard, Codec::Bincode]
    }
}
