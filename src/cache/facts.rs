//! Facts about the whole cache, kept as rows of do-memory's `metadata` table under
//! [`METADATA_PREFIX`](super::entry::METADATA_PREFIX). Values are JSON text.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The layout of our own tables. A cache that records a greater one is refused.
pub const OWN_FORMAT: u32 = 1;
/// Key of the row with [`OWN_FORMAT`].
pub const FORMAT_KEY: &str = "redb_cache.format";
/// Key of the row with [`Limits`].
pub const LIMITS_KEY: &str = "redb_cache.limits";
/// Key of the row with [`Activity`].
pub const ACTIVITY_KEY: &str = "redb_cache.activity";
/// Key of the row with [`LastSweep`].
pub const LAST_SWEEP_KEY: &str = "redb_cache.last_sweep";
/// Key of the row with the version of the file format, of redb 2, that the rows of a salvaged cache
/// had. It counts only where no schema version tells more.
pub const SALVAGED_KEY: &str = "redb_cache.salvaged_from_format";
/// do-memory's row with the last revision that it gave out.
pub const REVISION_SEQ_KEY: &str = "episode_revision_seq";

/// The limits that the embedding program gave the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Episodes.
    pub max_cache_size: u64,
    /// Seconds from writing to expiry; `None` is never.
    pub ttl_seconds: Option<u64>,
    /// Whether values are compressed.
    pub compression: bool,
}

/// What was done with the cache since its counters began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// When the counters began, in milliseconds since the epoch.
    pub since_ms: i64,
    /// The last revision of an episode that was given out when this was written. Where do-memory's
    /// own row has moved on, another program has written since.
    #[serde(default)]
    pub revision: i64,
    /// The last access stamp that was given out to a row of any table.
    #[serde(default)]
    pub last_access: u64,
    /// The counters of each table, by its name.
    pub tables: BTreeMap<String, Counts>,
}

impl Activity {
    /// Adds counters, table by table.
    pub fn add(&mut self, counted: &BTreeMap<String, Counts>) {
        for (table, counts) in counted {
            let sum = self.tables.entry(table.clone()).or_default();
            *sum = sum.plus(counts);
        }
    }

    /// The counters of all tables together.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.tables
            .values()
            .fold(Counts::default(), |sum, counts| sum.plus(counts))
    }
}

/// Counters of one table, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Reads that found a live value.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Values written.
    pub writes: u64,
    /// Values removed to keep a limit.
    pub evictions: u64,
    /// Values removed because their time was over.
    pub expirations: u64,
}

impl Counts {
    /// Hits and misses.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        self.hits.saturating_add(self.misses)
    }

    /// Hits in a read, 0-1; `None` before the first read.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate needs no more than 52 bits"
    )]
    pub fn hit_rate(&self) -> Option<f64> {
        match self.reads() {
            0 => None,
            reads => Some(self.hits as f64 / reads as f64),
        }
    }

    /// What is left when `other` is taken away.
    #[must_use]
    pub const fn minus(&self, other: &Self) -> Self {
        Self {
            hits: self.hits.saturating_sub(other.hits),
            misses: self.misses.saturating_sub(other.misses),
            writes: self.writes.saturating_sub(other.writes),
            evictions: self.evictions.saturating_sub(other.evictions),
            expirations: self.expirations.saturating_sub(other.expirations),
        }
    }

    /// The sum of two.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            hits: self.hits.saturating_add(other.hits),
            misses: self.misses.saturating_add(other.misses),
            writes: self.writes.saturating_add(other.writes),
            evictions: self.evictions.saturating_add(other.evictions),
            expirations: self.expirations.saturating_add(other.expirations),
        }
    }
}

/// What the last sweep did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSweep {
    /// When it ended, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Rows that it removed.
    pub removed: u64,
}

/// The JSON text of a fact.
///
/// # Errors
/// Never in practice: integers always encode.
pub fn encode<T: Serialize>(fact: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(fact)
        .map_err(|error| Error::new(ErrorKind::Failed, "a fact does not encode").caused_by(error))
}

/// Reads a fact; `None` when the text is not one, as a person may have edited it.
#[must_use]
pub fn decode<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_slice(text).ok()
}
