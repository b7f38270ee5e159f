//! The cache as a program that embeds it sees it.

mod flushed;
mod raw;

use std::borrow::Borrow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use redb::{Builder, Database, ReadableDatabase};

pub use self::flushed::Flushed;
use super::config::RedbConfig;
use super::engine::Engine;
use super::record::{Episode, Stored};
use super::schema::{self, Standing};
use super::stats::{self, CacheHealth, CacheStats};
use super::{Table, adopt, training, writer};
use crate::error::{Error, ErrorKind, Result};
use crate::file;

/// A cache in one redb file.
///
/// Share it between threads behind an [`Arc`]: any number of them read beside the one that
/// commits. A write is visible at once, and its commit begins within
/// [`commit_window`](RedbConfig::commit_window); until that has ended a crash loses it. What
/// must not be lost waits with [`flush`](Self::flush) or [`insert_durable`](Self::insert_durable).
///
/// From async code: `get`, `insert` and `remove` never wait for a commit unless 16 MiB of values
/// wait already; await [`flushed`](Self::flushed) for durability. Dropping the cache, [`close`]
/// and `flush` block for a commit.
///
/// [`close`]: Self::close
pub struct RedbStorage {
    engine: Arc<Engine>,
    writer: Option<JoinHandle<()>>,
}

impl RedbStorage {
    /// Opens the cache at `path` with the default settings, making it when there is none.
    ///
    /// # Errors
    /// As [`RedbStorage::with_full_config`].
    pub fn new(path: impl AsRef<Path>) -> Result<Self> {
        Self::with_full_config(path, RedbConfig::default())
    }

    /// Opens the cache at `path`, to keep at most `max_cache_size` episodes.
    ///
    /// # Errors
    /// As [`RedbStorage::with_full_config`].
    pub fn with_config(path: impl AsRef<Path>, max_cache_size: u64) -> Result<Self> {
        let config = RedbConfig {
            max_cache_size,
            ..RedbConfig::default()
        };
        Self::with_full_config(path, config)
    }

    /// Opens the cache at `path`, making it when there is none.
    ///
    /// Rows that do-memory wrote are taken in: the first time, and after do-memory has written
    /// again, every row is looked at once.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] when another process holds it, [`ErrorKind::OldFormat`] and
    /// [`ErrorKind::UnknownLayout`] when it is of another layout, [`ErrorKind::Damaged`]. Nothing
    /// is changed then.
    pub fn with_full_config(path: impl AsRef<Path>, config: RedbConfig) -> Result<Self> {
        let path = path.as_ref();
        config.validate()?;
        let opened = open(path, &config).and_then(|db| Self::start(db, Some(path), config));
        opened.map_err(|error| error.at(path))
    }

    /// A cache that lives in memory, for tests.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn in_memory(config: RedbConfig) -> Result<Self> {
        config.validate()?;
        let backend = redb::backends::InMemoryBackend::new();
        Self::start(Builder::new().create_with_backend(backend)?, None, config)
    }

    fn start(db: Database, path: Option<&Path>, config: RedbConfig) -> Result<Self> {
        if !schema::is_prepared(&db.begin_read()?)? {
            schema::prepare(&db)?;
        }
        adopt::reconcile(&db, &config)?;
        let engine = Arc::new(Engine::new(db, path.map(Path::to_owned), config)?);
        training::train_if_due(&engine)?;
        let writer = std::thread::Builder::new()
            .name("redb-cache".into())
            .spawn({
                let engine = Arc::clone(&engine);
                move || writer::run(&engine)
            })?;
        Ok(Self {
            engine,
            writer: Some(writer),
        })
    }

    /// The episode of that key; `None` when there is none, or its time is over.
    ///
    /// # Errors
    /// When the row cannot be read or decoded.
    pub fn get(&self, key: impl AsRef<str>) -> Result<Option<Arc<Episode>>> {
        self.get_as(key)
    }

    /// Writes an episode.
    ///
    /// # Errors
    /// When the value is larger than 64 MiB, or an earlier commit failed.
    pub fn insert(&self, key: impl AsRef<str>, value: impl Into<Arc<Episode>>) -> Result<()> {
        self.insert_as::<Episode>(key, value)
    }

    /// Writes an episode and returns when it is durable, together with all that was written before.
    ///
    /// # Errors
    /// As [`RedbStorage::insert`], and when the commit fails.
    pub fn insert_durable(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<Episode>>,
    ) -> Result<()> {
        let count = self.engine.put::<Episode>(key.as_ref(), value.into())?;
        self.engine.gate.wait_for(count)
    }

    /// Writes many values as one group and returns when they are durable.
    /// [`insert_all_buffered`](Self::insert_all_buffered) does not wait for that.
    ///
    /// # Errors
    /// As [`RedbStorage::insert_durable`]. Those accepted before the error stay.
    pub fn insert_all<T: Stored>(
        &self,
        rows: impl IntoIterator<Item = (impl AsRef<str>, impl Borrow<T>)>,
    ) -> Result<()> {
        let count = self.engine.put_all::<T, _>(rows.into_iter())?;
        self.engine.gate.wait_for(count)
    }

    /// Writes many values, visible when this returns and durable as those of
    /// [`insert`](Self::insert). Of values that come faster than they can be committed, 16 MiB and
    /// the group that is being committed are ahead; then this waits.
    ///
    /// # Errors
    /// As [`RedbStorage::insert`]. Those accepted before the error stay.
    pub fn insert_all_buffered<T: Stored>(
        &self,
        rows: impl IntoIterator<Item = (impl AsRef<str>, impl Borrow<T>)>,
    ) -> Result<()> {
        self.engine.put_all::<T, _>(rows.into_iter()).map(drop)
    }

    /// Removes an episode, its embedding and its summary. Returns whether it was there.
    ///
    /// # Errors
    /// When the cache cannot be read, or an earlier commit failed.
    pub fn remove(&self, key: impl AsRef<str>) -> Result<bool> {
        self.engine.remove(Table::Episodes, key.as_ref())
    }

    /// The value of that key in the table that holds `T`.
    ///
    /// # Errors
    /// When the row cannot be read or decoded.
    pub fn get_as<T: Stored>(&self, key: impl AsRef<str>) -> Result<Option<Arc<T>>> {
        self.engine.get(key.as_ref())
    }

    /// Writes a value into the table that holds `T`.
    ///
    /// # Errors
    /// As [`RedbStorage::insert`].
    pub fn insert_as<T: Stored>(
        &self,
        key: impl AsRef<str>,
        value: impl Into<Arc<T>>,
    ) -> Result<()> {
        self.engine.put(key.as_ref(), value.into()).map(drop)
    }

    /// Removes a value from the table that holds `T`. Returns whether it was there.
    ///
    /// # Errors
    /// As [`RedbStorage::remove`].
    pub fn remove_as<T: Stored>(&self, key: impl AsRef<str>) -> Result<bool> {
        self.engine.remove(T::TABLE, key.as_ref())
    }

    /// Returns when everything that was written before is durable.
    ///
    /// # Errors
    /// When a commit fails. The cache then takes no more writes.
    pub fn flush(&self) -> Result<()> {
        let count = self.engine.overlay().accepted;
        self.engine.gate.wait_for(count)
    }

    /// Removes what has expired, instead of at the next interval. As every removal it is visible
    /// at once and durable with its group. Returns how many rows.
    ///
    /// # Errors
    /// When the cache cannot be read, or an earlier commit failed.
    pub fn remove_expired(&self) -> Result<u64> {
        // What expired before it was committed is found only in the committed order.
        self.flush()?;
        let mut removed = 0;
        loop {
            let dropped = writer::drop_expired(&self.engine)?;
            removed += dropped;
            if dropped < writer::EXPIRY_GROUP {
                return Ok(removed);
            }
            self.flush()?;
        }
    }

    /// What the cache holds and how it is used. Waits until what was written is committed.
    ///
    /// # Errors
    /// When the cache cannot be read, or the commit fails.
    pub fn get_stats(&self) -> Result<CacheStats> {
        self.flush()?;
        stats::collect(&self.engine)
    }

    /// Whether the cache can do its work, and what stands against it.
    ///
    /// # Errors
    /// When the file or its disk cannot be asked.
    pub fn health_check(&self) -> Result<CacheHealth> {
        stats::check(&self.engine)
    }

    /// Commits what waits and closes the file.
    ///
    /// # Errors
    /// When that fails. Dropping the cache does the same and ignores the error.
    pub fn close(mut self) -> Result<()> {
        self.stop();
        match self.engine.gate.failure() {
            Some(failure) => Err(Error::new(ErrorKind::Failed, failure)),
            None => Ok(()),
        }
    }

    fn stop(&mut self) {
        self.engine.gate.close();
        if let Some(writer) = self.writer.take() {
            // The thread ends by itself; had it panicked, there would be nothing left to commit.
            drop(writer.join());
        }
    }
}

impl fmt::Debug for RedbStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStorage")
            .field("path", &self.engine.path)
            .finish_non_exhaustive()
    }
}

impl Drop for RedbStorage {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Opens the file for writing, after a look that writes nothing has found it to be a cache.
fn open(path: &Path, config: &RedbConfig) -> Result<Database> {
    let mode = config.concurrency.into();
    if file::is_new(path)? {
        return file::create_for_writing(path, mode, config.page_cache_bytes);
    }
    // An old file needs no look into it. What else is wrong with a header may pass.
    if let Ok(header) = file::Header::read(path) {
        header.require_current().map_err(|error| error.at(path))?;
    }
    let options = file::ReadOptions {
        lock_timeout: config.lock_timeout,
        verify: false,
    };
    file::read(path, &options, |snapshot| match snapshot.transaction() {
        Some(txn) => schema::check(txn),
        None => Ok(Standing::Empty),
    })?;
    file::open_for_writing(path, mode, config.lock_timeout, config.page_cache_bytes)
}
