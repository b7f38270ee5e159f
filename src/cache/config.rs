//! How a cache is to behave.

use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, SystemClock};
use super::entry::expiry;
use crate::error::{Error, ErrorKind, Result};

/// Which processes may have the cache open at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concurrency {
    /// This process writes; any number of others read and follow its commits.
    #[default]
    SingleWriter,
    /// Other processes that chose the same may write too, one transaction at a time.
    MultiWriter,
    /// No other process may have the cache open. Commits need one fsync instead of two.
    ExclusiveWriter,
}

impl From<Concurrency> for redb::ConcurrencyMode {
    fn from(concurrency: Concurrency) -> Self {
        match concurrency {
            Concurrency::SingleWriter => Self::SingleWriter,
            Concurrency::MultiWriter => Self::MultiWriter,
            Concurrency::ExclusiveWriter => Self::ExclusiveWriter,
        }
    }
}

/// The settings of a cache. The first six are those that users of do-memory's cache know.
#[derive(Clone, Debug)]
pub struct RedbConfig {
    /// How many episodes the cache keeps. A write over it evicts the least recently used. With 0
    /// nothing stays.
    pub max_cache_size: u64,
    /// Seconds from writing until an entry expires; `None` is never.
    pub ttl_seconds: Option<u64>,
    /// Seconds between two removals of what has expired; at least 1.
    pub ttl_check_interval: u64,
    /// Whether values are compressed. do-memory's own reader cannot read compressed rows.
    pub enable_compression: bool,
    /// The size in bytes from which a value is compressed.
    pub compression_threshold: usize,
    /// zstd level, 0-9; 0 is zstd's own default.
    pub compression_level: u8,

    /// Which processes may have the cache open at the same time.
    pub concurrency: Concurrency,
    /// The longest time that an insert waits in memory before its commit begins. A crash of the
    /// process or the machine loses at most what was inserted in that time and while the last commit
    /// ran.
    pub commit_window: Duration,
    /// Bytes of decoded values that are kept in memory.
    pub hot_bytes: u64,
    /// Bytes of file pages that redb keeps in memory, at most.
    pub page_cache_bytes: usize,
    /// With [`Concurrency::MultiWriter`]: how long a read may miss another process's write.
    pub stale_after: Duration,
    /// How long to wait for another process to let go of the cache when it is opened.
    pub lock_timeout: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for RedbConfig {
    fn default() -> Self {
        Self {
            max_cache_size: 1_000,
            ttl_seconds: None,
            ttl_check_interval: 60,
            enable_compression: false,
            compression_threshold: 1_024,
            compression_level: 6,
            concurrency: Concurrency::default(),
            commit_window: Duration::from_millis(20),
            hot_bytes: 64 << 20,
            page_cache_bytes: 64 << 20,
            stale_after: Duration::from_millis(100),
            lock_timeout: Duration::ZERO,
            clock: Arc::new(SystemClock),
        }
    }
}

impl RedbConfig {
    pub(super) fn validate(&self) -> Result<()> {
        if self.compression_level > 9 {
            return Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "compression_level is {}, but goes from 0 to 9",
                    self.compression_level
                ),
            ));
        }
        if self.ttl_check_interval == 0 {
            return Err(Error::new(
                ErrorKind::Usage,
                "ttl_check_interval is at least 1 second",
            ));
        }
        Ok(())
    }

    /// The expiry of something written at `written_ms`; `None` is never.
    pub(super) fn expiry(&self, written_ms: i64) -> Option<i64> {
        self.ttl_seconds.map(|seconds| expiry(written_ms, seconds))
    }
}
