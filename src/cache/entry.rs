//! What we record about each row, in tables of our own beside do-memory's.
//!
//! ```text
//! redb_cache.entries       [table id][key]                    -> Entry, postcard
//! redb_cache.by_access     [accessed, u64 BE][episode key]     -> ()      episodes only: the LRU order
//! redb_cache.by_expiry     [expires_ms, u64 BE][table id][key] -> ()      rows that expire
//! redb_cache.totals        table name                          -> Totals, postcard
//! redb_cache.dictionaries  id, u32                             -> zstd dictionary
//! ```
//!
//! Facts about the whole cache (limits, counters, the last sweep) are rows of do-memory's
//! `metadata` table whose key starts with [`METADATA_PREFIX`].

use chrono::{DateTime, Utc};
use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use super::Table;
use crate::error::{Error, ErrorKind, Result};

/// Tables whose name starts so are ours.
pub const TABLE_PREFIX: &str = "redb_cache.";
/// `metadata` rows whose key starts so are ours.
pub const METADATA_PREFIX: &str = "redb_cache.";

/// [`row_key`] -> [`Entry`].
pub const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("redb_cache.entries");
/// [`access_key`] -> nothing.
pub const BY_ACCESS: TableDefinition<&[u8], ()> = TableDefinition::new("redb_cache.by_access");
/// [`expiry_key`] -> nothing.
pub const BY_EXPIRY: TableDefinition<&[u8], ()> = TableDefinition::new("redb_cache.by_expiry");
/// Table name -> [`Totals`].
pub const TOTALS: TableDefinition<&str, &[u8]> = TableDefinition::new("redb_cache.totals");
/// Dictionary id -> zstd dictionary. A row that was compressed with one names it.
pub const DICTIONARIES: TableDefinition<u32, &[u8]> =
    TableDefinition::new("redb_cache.dictionaries");

/// The names of all our tables.
pub const OWN_TABLES: [&str; 5] = [
    "redb_cache.entries",
    "redb_cache.by_access",
    "redb_cache.by_expiry",
    "redb_cache.totals",
    "redb_cache.dictionaries",
];

/// How a row's bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Codec {
    /// As do-memory would store it.
    Plain,
    /// One zstd frame.
    Zstd,
    /// One zstd frame that needs the dictionary of that id.
    ZstdDictionary(u32),
}

/// What is known about one row. It describes the row only while `digest` is that of the stored
/// bytes: another program may have replaced them, and then the row counts as never seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When the value was written, in milliseconds since the epoch. The TTL runs from here.
    pub written_ms: i64,
    /// When it was last used: microseconds since the epoch, made strictly increasing within a
    /// cache so that it is the LRU order even when the clock goes back.
    pub accessed: u64,
    /// When it expires, in milliseconds since the epoch; `None` is never.
    pub expires_ms: Option<i64>,
    /// Bytes of the row as stored.
    pub stored_len: u64,
    /// Bytes of the value before compression.
    pub raw_len: u64,
    /// How the row is stored.
    pub codec: Codec,
    /// xxh3-64 of the row as stored.
    pub digest: u64,
}

impl Entry {
    /// The postcard encoding.
    ///
    /// # Errors
    /// Never in practice: integers always encode.
    pub fn encode(&self) -> Result<Vec<u8>> {
        encode(self)
    }

    /// Reads what [`Entry::encode`] wrote.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownLayout`] when the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        decode(bytes, "entries")
    }

    /// Whether this entry describes a row with these bytes.
    #[must_use]
    pub fn describes(&self, stored: &[u8]) -> bool {
        self.stored_len == stored.len() as u64 && self.digest == digest(stored)
    }

    /// The same, with the expiry that a time to live gives it; `None` is never.
    #[must_use]
    pub fn expiring_after(self, ttl_seconds: Option<u64>) -> Self {
        let expires_ms = ttl_seconds.map(|seconds| expiry(self.written_ms, seconds));
        Self { expires_ms, ..self }
    }

    /// When the row was last used, to the microsecond.
    #[must_use]
    pub fn accessed_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(i64::try_from(self.accessed).ok()?)
    }

    /// Whether the row is a miss at `now_ms`.
    #[must_use]
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms.is_some_and(|at| at <= now_ms)
    }
}

/// Sums over the rows of one table that have an [`Entry`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows with an entry.
    pub rows: u64,
    /// Their bytes as stored.
    pub stored_bytes: u64,
    /// Their bytes before compression.
    pub raw_bytes: u64,
}

impl Totals {
    /// The postcard encoding.
    ///
    /// # Errors
    /// Never in practice: integers always encode.
    pub fn encode(&self) -> Result<Vec<u8>> {
        encode(self)
    }

    /// Reads what [`Totals::encode`] wrote.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownLayout`] when the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        decode(bytes, "totals")
    }

    /// Counts one more row.
    pub fn add(&mut self, entry: &Entry) {
        self.rows = self.rows.saturating_add(1);
        self.stored_bytes = self.stored_bytes.saturating_add(entry.stored_len);
        self.raw_bytes = self.raw_bytes.saturating_add(entry.raw_len);
    }

    /// Counts one row less.
    pub fn subtract(&mut self, entry: &Entry) {
        self.rows = self.rows.saturating_sub(1);
        self.stored_bytes = self.stored_bytes.saturating_sub(entry.stored_len);
        self.raw_bytes = self.raw_bytes.saturating_sub(entry.raw_len);
    }
}

/// When something written at `written_ms` expires, in milliseconds since the epoch.
#[must_use]
pub fn expiry(written_ms: i64, ttl_seconds: u64) -> i64 {
    let ttl_ms = i64::try_from(ttl_seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
    written_ms.saturating_add(ttl_ms)
}

/// The digest that ties an [`Entry`] to the bytes it describes.
#[must_use]
pub fn digest(stored: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(stored)
}

/// The key of a row in [`ENTRIES`].
#[must_use]
pub fn row_key(table: Table, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + key.len());
    bytes.push(table.id());
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// The key of an episode in [`BY_ACCESS`].
#[must_use]
pub fn access_key(accessed: u64, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + key.len());
    bytes.extend_from_slice(&accessed.to_be_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// The key of a row in [`BY_EXPIRY`]. Times before 1970 count as 1970.
#[must_use]
pub fn expiry_key(expires_ms: i64, table: Table, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + key.len());
    bytes.extend_from_slice(&expires_ms.max(0).cast_unsigned().to_be_bytes());
    bytes.push(table.id());
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// The access time and episode of an [`access_key`]; `None` where the bytes are no such key.
#[must_use]
pub fn parse_access_key(bytes: &[u8]) -> Option<(u64, &str)> {
    let (stamp, key) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*stamp), std::str::from_utf8(key).ok()?))
}

/// The expiry, table and row of an [`expiry_key`]; `None` where the bytes are no such key.
#[must_use]
pub fn parse_expiry_key(bytes: &[u8]) -> Option<(i64, Table, &str)> {
    let (stamp, rest) = bytes.split_first_chunk::<8>()?;
    let (id, key) = rest.split_first()?;
    Some((
        i64::try_from(u64::from_be_bytes(*stamp)).ok()?,
        Table::from_id(*id)?,
        std::str::from_utf8(key).ok()?,
    ))
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_allocvec(value)
        .map_err(|error| Error::new(ErrorKind::Failed, "an entry does not encode").caused_by(error))
}

fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8], table: &str) -> Result<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Error::new(
            ErrorKind::UnknownLayout,
            format!("a row of {TABLE_PREFIX}{table} has a layout that this release does not know"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_time_and_give_back_what_went_in() {
        let early = access_key(5, "b");
        let late = access_key(256, "a");
        assert!(early < late);
        assert_eq!(parse_access_key(&late), Some((256, "a")));
        let key = expiry_key(1 << 40, Table::Patterns, "p");
        assert_eq!(
            parse_expiry_key(&key),
            Some((1 << 40, Table::Patterns, "p"))
        );
        assert_eq!(parse_expiry_key(b"short"), None);
        assert_eq!(parse_access_key(b""), None);
    }

    #[test]
    fn an_entry_with_one_byte_more_is_refused() {
        let entry = Entry {
            written_ms: -1,
            accessed: u64::MAX,
            expires_ms: Some(7),
            stored_len: 3,
            raw_len: 4,
            codec: Codec::ZstdDictionary(9),
            digest: digest(b"abc"),
        };
        let mut bytes = entry.encode().unwrap();
        assert_eq!(Entry::decode(&bytes).unwrap(), entry);
        bytes.push(0);
        assert_eq!(
            Entry::decode(&bytes).unwrap_err().kind(),
            ErrorKind::UnknownLayout
        );
        assert!(entry.describes(b"abc") && !entry.describes(b"abd"));
    }
}
