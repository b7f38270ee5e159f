//! What is measured, and by how much redb-cache has to be faster.

use super::Figure;

/// One kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// Getting episodes that were read before.
    RepeatedGet,
    /// Getting every episode once, in random order, after the cache was opened.
    FirstGet,
    /// Storing one episode; ours returns when it is visible, theirs when it is durable.
    Store,
    /// Storing durably from sixteen threads at once.
    StoreFromSixteen,
    /// Storing episodes in batches; ours returns when they are visible, theirs when they are durable.
    StoreBatch,
    /// Storing episodes in batches, each of them durable when the call returns.
    StoreBatchDurable,
}

impl Case {
    /// Every case, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::RepeatedGet,
        Self::FirstGet,
        Self::Store,
        Self::StoreFromSixteen,
        Self::StoreBatch,
        Self::StoreBatchDurable,
    ];

    /// Its line in the table.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::RepeatedGet => "repeated get",
            Self::FirstGet => "first get after open",
            Self::Store => "store (ours: buffered)",
            Self::StoreFromSixteen => "durable store, 16 threads",
            Self::StoreBatch => "batch (ours: buffered)",
            Self::StoreBatchDurable => "batch, durable",
        }
    }

    /// How many times faster redb-cache has to be.
    #[must_use]
    pub fn goal(self) -> f64 {
        match self {
            Self::RepeatedGet => 50.0,
            Self::FirstGet => 3.0,
            Self::Store => 60.0,
            Self::StoreFromSixteen => 8.0,
            Self::StoreBatch | Self::StoreBatchDurable => 5.0,
        }
    }

    /// The number that the goal is about: the usual time of a call, or the time of all calls by their count where
    /// calls overlap or end in a commit, whose time varies.
    #[must_use]
    pub fn decisive(self, figure: &Figure) -> f64 {
        match self {
            Self::RepeatedGet | Self::FirstGet | Self::Store | Self::StoreBatch => figure.p50,
            Self::StoreFromSixteen | Self::StoreBatchDurable => figure.mean,
        }
    }
}
