//! What the bytes of a row mean: every layout that do-memory gave its rows, read into a
//! [`Record`]. Nothing here writes; what is written is L9.
//!
//! | layout | releases of do-memory | what changed with it |
//! |---|---|---|
//! | L1 | 0.1.0 to 0.1.6 | bincode; the oldest there is |
//! | L2 | 0.1.7 | postcard |
//! | L3 | 0.1.8 to 0.1.13 | patterns applied in an episode and what stood out; the effect of a pattern |
//! | L4 | 0.1.14 to 0.1.21 | tags |
//! | L5 | 0.1.22 to 0.1.31 | checkpoints |
//! | L6 | 0.1.32 | parameters of steps as JSON text, the weight of a relationship |
//! | L7 | 0.1.33 | `Abstained` outcome and its part of the reward |
//! | L8 | 0.1.34 | four more parts of the reward, richer checkpoints |
//! | L9 | 0.1.35 to 0.1.47 | a pattern begins with the number of its variant, not its name |
//!
//! One file may hold rows of several layouts and no row names its own, so it is told by what
//! fits, uses up the row, and agrees with what the file says of itself and with the rows beside: a
//! [`Survey`] knows both. To add one, write its file and enter it in `ERAS`.

mod ending;
mod episode;
mod fits;
mod l1;
mod l2;
mod l3;
mod l4;
mod l5;
mod l6;
mod l7;
mod l8;
mod l9;
mod patterns;
mod steps;
mod survey;
mod untyped;
mod wire;

use std::fmt;

use serde::Serialize;

use crate::cache::Table;
use crate::cache::record::{Misfit, Record, RowReader};
use crate::error::{Error, ErrorKind};
use ending::ReadEnding;
use untyped::Siblings;

pub use steps::unreadable_key;
pub use survey::{Origin, Survey};
use wire::Wire;

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
    /// Every layout, the oldest first.
    pub const ALL: [Self; 9] = [
        Self::L1,
        Self::L2,
        Self::L3,
        Self::L4,
        Self::L5,
        Self::L6,
        Self::L7,
        Self::L8,
        Self::L9,
    ];

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

/// One layout.
struct Era {
    layout: Layout,
    /// What reads the rows of a table; `None` where the next newer layout has the same rows, and
    /// from the newest where the table holds no records.
    reader: fn(Table) -> Option<RowReader>,
    /// Where the parameters of steps have no types, how an episode ends; [`steps`] reads it then.
    ending: Option<ReadEnding>,
}

/// Newest first.
const ERAS: [Era; 9] = [
    l9::ERA,
    l8::ERA,
    l7::ERA,
    l6::ERA,
    l5::ERA,
    l4::ERA,
    l3::ERA,
    l2::ERA,
    l1::ERA,
];

/// What a row means.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decoded {
    /// The row as the most likely of the layouts that fit reads it.
    pub record: Record,
    /// That layout. Of several that read the row alike it is the one of most rows beside, else the
    /// newest that the file is expected to have.
    pub layout: Layout,
    /// What the others that fit make of it, where that is something else. Whoever meets one must
    /// not take `record` for certain.
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
    /// There is one reading of the kind that tools are called with.
    Exact,
    /// There are several; what stands in the same place of other rows decides.
    Inferred,
    /// There are several; the most plausible is taken.
    Chosen,
    /// There is none. The bytes are kept in the metadata of the episode.
    Unreadable,
}

impl Certainty {
    /// How it is told, to people and to programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Inferred => "inferred",
            Self::Chosen => "chosen",
            Self::Unreadable => "unreadable",
        }
    }
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

impl Undecodable {
    /// Of two vain attempts the one that got further.
    fn or_nearer(self, other: Self) -> Self {
        let reached = |it: &Self| it.nearest.map(|(_, misfit)| misfit.at);
        if reached(&other) > reached(&self) {
            other
        } else {
            self
        }
    }
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

/// The bytes that a value has as the parameters of a step before L6, where they do not say of which
/// type it is.
#[must_use]
pub fn untyped_bytes(codec: Codec, value: &serde_json::Value) -> Option<Vec<u8>> {
    match codec {
        Codec::Bincode => <l1::Bincode as Wire>::untyped(value),
        Codec::Postcard => <wire::Postcard as Wire>::untyped(value),
    }
}

/// Reads a row of `table` as `layout` and nothing else.
///
/// # Errors
/// When that layout does not fit, or the table holds no records.
pub fn decode_as(layout: Layout, table: Table, bytes: &[u8]) -> Result<Record, Undecodable> {
    let fits = fits::of(table, bytes, &Siblings::default(), |it| it == layout);
    match fits {
        Ok(mut fits) if !fits.is_empty() => Ok(fits.swap_remove(0).record),
        Ok(_) => Err(Undecodable {
            table,
            nearest: None,
        }),
        Err(undecodable) => Err(undecodable),
    }
}
