//! What the bytes of a row mean: every layout that do-memory gave its rows, read into a
//! [`Record`]. Nothing here writes; what is written is L9.
//!
//! | layout | releases of do-memory | what changed with it |
//! |---|---|---|
//! | L6 | 0.1.32 | the oldest read here |
//! | L7 | 0.1.33 | `Abstained` outcome and its part of the reward |
//! | L8 | 0.1.34 | four more parts of the reward, richer checkpoints |
//! | L9 | 0.1.35 to 0.1.47 | a pattern begins with the number of its variant, not its name |
//!
//! One file may hold rows of several layouts and no row names its own, so it is told by what
//! fits: newest first, and a layout fits only when it uses up the row. To add one, write its file
//! and enter it in `ERAS`.

mod episode;
mod l6;
mod l7;
mod l8;
mod l9;
mod survey;

use std::fmt;

use serde::Serialize;

use crate::cache::Table;
use crate::cache::record::{Misfit, Record};
use crate::error::{Error, ErrorKind};

pub use survey::{Origin, Survey};

/// How the releases of an era laid out their rows. Older is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub enum Layout {
    /// do-memory 0.1.0 to 0.1.6, in bincode.
    L1,
    /// do-memory 0.1.7.
    L2,
    /// do-memory 0.1.8 to 0.1.13.
    L3,
    /// do-memory 0.1.14 to 0.1.21.
    L4,
    /// do-memory 0.1.22 to 0.1.31.
    L5,
    /// do-memory 0.1.32.
    L6,
    /// do-memory 0.1.33.
    L7,
    /// do-memory 0.1.34.
    L8,
    /// do-memory 0.1.35 to 0.1.47.
    L9,
}

impl Layout {
    /// The layout that this crate writes.
    pub const CURRENT: Self = Self::L9;

    /// The releases of do-memory that wrote it, as `0.1.35 to 0.1.47`.
    #[must_use]
    pub fn releases(self) -> &'static str {
        match self {
            Self::L1 => "0.1.0 to 0.1.6",
            Self::L2 => "0.1.7",
            Self::L3 => "0.1.8 to 0.1.13",
            Self::L4 => "0.1.14 to 0.1.21",
            Self::L5 => "0.1.22 to 0.1.31",
            Self::L6 => "0.1.32",
            Self::L7 => "0.1.33",
            Self::L8 => "0.1.34",
            Self::L9 => "0.1.35 to 0.1.47",
        }
    }

    /// How its rows are encoded.
    #[must_use]
    pub fn codec(self) -> Codec {
        match self {
            Self::L1 => Codec::Bincode,
            _ => Codec::Postcard,
        }
    }
}

/// How the rows of a layout are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// bincode 1.3, numbers in eight bytes.
    Bincode,
    /// postcard 1, numbers in as few bytes as they need.
    Postcard,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A row as one layout reads it; `None` where the next newer layout has the same rows in that
/// table, and from the newest where the table holds no records.
type Reading = Option<Result<Record, Misfit>>;

/// One layout.
struct Era {
    layout: Layout,
    read: fn(Table, &[u8]) -> Reading,
}

/// Newest first.
const ERAS: [Era; 4] = [l9::ERA, l8::ERA, l7::ERA, l6::ERA];

/// What a row means.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decoded {
    /// The row as the newest layout that fits reads it.
    pub record: Record,
    /// That layout. A row that several layouts read alike counts as the newest of them.
    pub layout: Layout,
    /// What older layouts that fit too make of it, where that is something else. Real rows have
    /// none; whoever meets one must not take `record` for certain.
    pub also: Vec<(Layout, Record)>,
    /// For an episode of L1 to L5 the parameters of each of its steps, in order: how sure their
    /// reading is.
    pub parameters: Vec<Parameters>,
}

/// The parameters of one step, whose bytes carried no types before L6.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameters {
    /// How sure the reading is.
    pub certainty: Certainty,
    /// The bytes that were read, for what is not [`Certainty::Exact`].
    pub bytes: Vec<u8>,
}

/// How sure a reading of untyped bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// There is one reading.
    Exact,
    /// There are several; what stands in the same place of other rows decides.
    Inferred,
    /// There are several; the most plausible is taken.
    Chosen,
    /// There is none. The bytes are kept in the metadata of the episode.
    Unreadable,
}

/// A row that no layout fits: damaged, or of a layout that this release does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undecodable {
    /// The table of the row.
    pub table: Table,
    /// The layout that read furthest and where it stopped; `None` where the table holds no
    /// records at all.
    pub nearest: Option<(Layout, Misfit)>,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table;
        match &self.nearest {
            Some((layout, misfit)) => {
                write!(f, "no row of {table}: {misfit} when read as {layout}")
            }
            None => write!(f, "{table} holds no records"),
        }
    }
}

impl std::error::Error for Undecodable {}

impl From<Undecodable> for Error {
    /// [`ErrorKind::Damaged`]: that the whole file is newer is told by its schema version, which
    /// is looked at before any row.
    fn from(undecodable: Undecodable) -> Self {
        Self::new(ErrorKind::Damaged, undecodable.to_string())
    }
}

/// Tries every layout on a row of `table`.
///
/// Its time and memory grow with the length of the row alone, whatever the bytes are.
///
/// # Errors
/// When no layout fits, or the table holds no records.
pub fn decode(table: Table, bytes: &[u8]) -> Result<Decoded, Undecodable> {
    let mut fits = Vec::new();
    let mut nearest: Option<(Layout, Misfit)> = None;
    for era in &ERAS {
        match (era.read)(table, bytes) {
            Some(Ok(record)) if !fits.iter().any(|(_, known)| same(known, &record)) => {
                fits.push((era.layout, record));
            }
            Some(Err(misfit)) if nearest.is_none_or(|(_, known)| known.at < misfit.at) => {
                nearest = Some((era.layout, misfit));
            }
            _ => {}
        }
    }
    let mut fits = fits.into_iter();
    match fits.next() {
        Some((layout, record)) => Ok(Decoded {
            record,
            layout,
            also: fits.collect(),
            parameters: Vec::new(),
        }),
        None => Err(Undecodable { table, nearest }),
    }
}

/// Reads a row of `table` as `layout` and nothing else.
///
/// # Errors
/// When that layout does not fit, or the table holds no records.
pub fn decode_as(layout: Layout, table: Table, bytes: &[u8]) -> Result<Record, Undecodable> {
    let mut not_older = ERAS.iter().rev().filter(|era| era.layout >= layout);
    let nearest = match not_older.find_map(|era| (era.read)(table, bytes)) {
        Some(Ok(record)) => return Ok(record),
        Some(Err(misfit)) => Some((layout, misfit)),
        None => None,
    };
    Err(Undecodable { table, nearest })
}

/// Equal, or the same bytes: a NaN is not equal to itself.
fn same(a: &Record, b: &Record) -> bool {
    a == b || matches!((a.encode(), b.encode()), (Ok(a), Ok(b)) if a == b)
}
