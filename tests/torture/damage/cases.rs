//! The damage, case by case.

use std::ops::ControlFlow;

use redb_cache::file::{self, ReadOptions, ValueRef};

use crate::common;
use crate::figures::is_long;

const PAGE: usize = 4096;
const HEADER: usize = 320;
/// Rows of which bytes are changed.
const ROWS: usize = 20;

/// What a case does to a file.
#[derive(Clone, Debug)]
pub enum Case {
    /// These bits of the bytes at these places change.
    Flip { at: Vec<usize>, bits: u8 },
    /// The page is nothing but zeros.
    Zero { page: usize },
    /// The two pages have changed places.
    Swap { pages: [usize; 2] },
    /// The second page is a copy of the first.
    Double { pages: [usize; 2] },
    /// The file ends here.
    Truncate { length: usize },
}

/// Where the value of a row lies in the file, that of the newest commit and those of earlier ones.
pub struct Row {
    places: Vec<usize>,
    pub len: usize,
}

/// A cache, whole.
pub struct Fixture {
    pub bytes: Vec<u8>,
    pub rows: Vec<Row>,
}

impl Case {
    /// These bits of the byte at that place of a row.
    pub fn flip(row: &Row, byte: usize, bits: u8) -> Self {
        Self::Flip {
            at: row.places.iter().map(|place| place + byte).collect(),
            bits,
        }
    }

    /// The damaged file.
    pub fn apply(&self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        let page = |page: usize| page * PAGE..(page + 1) * PAGE;
        match self {
            Self::Flip { at, bits } => at.iter().for_each(|at| bytes[*at] ^= bits),
            Self::Zero { page: zero } => bytes[page(*zero)].fill(0),
            Self::Swap { pages: [a, b] } => {
                bytes[page(*a)].copy_from_slice(&whole[page(*b)]);
                bytes[page(*b)].copy_from_slice(&whole[page(*a)]);
            }
            Self::Double { pages: [a, b] } => bytes[page(*b)].copy_from_slice(&whole[page(*a)]),
            Self::Truncate { length } => bytes.truncate(*length),
        }
        bytes
    }
}

impl Fixture {
    pub fn of(name: &str) -> Self {
        let path = common::fixture(name).join("cache.redb");
        let bytes = std::fs::read(&path).unwrap();
        let mut values = Vec::new();
        file::read(&path, &ReadOptions::default(), |snapshot| {
            for table in snapshot.tables()? {
                snapshot.scan(&table.name, None, &mut |_, value| {
                    if let ValueRef::Bytes(value) = value {
                        values.push(value.to_vec());
                    }
                    Ok(ControlFlow::Continue(()))
                })?;
            }
            Ok(())
        })
        .unwrap();
        // Short values may be anywhere.
        values.retain(|value| value.len() > 40);
        let step = values.len() / ROWS;
        let rows = values.iter().step_by(step).take(ROWS);
        let rows = rows.map(|value| Row::find(&bytes, value)).collect();
        Self { bytes, rows }
    }

    /// The cases of one of `all` fixtures of a format, in the order of a walk that meets each verb
    /// with each kind of damage.
    pub fn cases(&self, number: usize, all: usize) -> Vec<Case> {
        let mut cases = self.header(number, all);
        cases.extend(self.pages());
        cases.extend(self.values());
        cases
    }

    /// Every bit; in the quick part every fixture of a format has its share of them.
    fn header(&self, number: usize, all: usize) -> Vec<Case> {
        let bits = (0..8 * HEADER).filter(|bit| is_long() || bit % all == number);
        bits.map(|bit| Case::Flip {
            at: vec![bit / 8],
            bits: 1 << (bit % 8),
        })
        .collect()
    }

    /// A flip in the first bytes of each page, which say what it is, and the page as a whole; in the
    /// quick part of one page in some, other ones for each kind.
    fn pages(&self) -> Vec<Case> {
        let pages = self.bytes.len() / PAGE;
        let some = |share: usize, from: usize| {
            let step = if is_long() { 1 } else { (pages / share).max(1) };
            (1 + from % step..pages).step_by(step)
        };
        let other = |page: usize| 1 + (page * 7 + 3) % (pages - 1);
        let mut cases = Vec::new();
        cases.extend(some(60, 0).map(|page| Case::Flip {
            at: vec![page * PAGE + page % 4],
            bits: 1 << (page % 3),
        }));
        cases.extend(some(30, 1).map(|page| Case::Zero { page }));
        cases.extend(some(30, 2).map(|page| Case::Swap {
            pages: [page, other(page)],
        }));
        cases.extend(some(30, 3).map(|page| Case::Double {
            pages: [page, other(page)],
        }));
        cases.extend(some(24, 4).map(|page| Case::Truncate {
            length: page * PAGE - page % 3 * 1_000,
        }));
        cases
    }

    /// Bytes of the rows, evenly spread where not all are tried.
    fn values(&self) -> Vec<Case> {
        let share = if is_long() { 200 } else { 4 };
        let bytes = |row: &Row| {
            let step = (row.len / share).max(1);
            let places = (0..row.len).step_by(step);
            let flips = places.map(|byte| Case::flip(row, byte, 1 << (byte % 8)));
            flips.collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(bytes).collect()
    }
}

impl Row {
    fn find(bytes: &[u8], value: &[u8]) -> Self {
        let beginning = &value[..40];
        let mut places = Vec::new();
        for (at, window) in bytes.windows(40).enumerate() {
            if window == beginning && bytes[at..].starts_with(value) {
                places.push(at);
            }
        }
        assert!(!places.is_empty(), "a row is not in its file");
        Self {
            places,
            len: value.len(),
        }
    }
}
