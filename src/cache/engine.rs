//! What every thread that uses the cache shares, and reading through the three layers.
//!
//! Locks are taken in this order: `overlay`, then `gate`. The hot layer locks by itself.

use std::any::Any;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase};

use super::Table;
use super::clock::Stamps;
use super::compression::Dictionaries;
use super::config::{Concurrency, RedbConfig};
use super::counters::{Counters, Event};
use super::entry::{Codec, Entry};
use super::gate::Gate;
use super::hot::{Hot, HotLayer};
use super::observe::observe;
use super::overlay::{Op, Overlay, Space};
use super::record::{self, Stored};
use super::view::View;
use crate::error::{Error, Result};

/// Uses that may wait in memory before the writer is woken to note them down.
const MANY_USES: usize = 50_000;
pub(super) struct Engine {
    pub(super) db: Database,
    /// `None` for a cache in memory.
    pub(super) path: Option<PathBuf>,
    pub(super) config: RedbConfig,
    pub(super) stamps: Stamps,
    pub(super) counters: Counters,
    pub(super) hot: HotLayer,
    pub(super) gate: Arc<Gate>,
    pub(super) dictionaries: RwLock<Arc<Dictionaries>>,
    /// Why cleaning or training failed, when it last did.
    pub(super) trouble: Mutex<Option<String>>,
    overlay: RwLock<Overlay>,
}

/// A row as found below the hot layer.
struct Found<T> {
    value: Arc<T>,
    entry: Entry,
    generation: u64,
    /// As of when this was the newest.
    taken: Instant,
}

impl Engine {
    pub(super) fn new(db: Database, path: Option<PathBuf>, config: RedbConfig) -> Result<Self> {
        let view = Arc::new(View::new(db.begin_read()?));
        let dictionaries = Dictionaries::load(view.transaction(), config.compression_level)?;
        let activity =
            view.fact(super::facts::ACTIVITY_KEY)?
                .unwrap_or_else(|| super::facts::Activity {
                    since_ms: config.clock.now_ms(),
                    ..Default::default()
                });
        Ok(Self {
            stamps: Stamps::after(view.last_access()?.max(activity.last_access)),
            counters: Counters::continue_from(activity),
            hot: HotLayer::new(config.hot_bytes),
            gate: Arc::default(),
            trouble: Mutex::default(),
            dictionaries: RwLock::new(Arc::new(dictionaries)),
            overlay: RwLock::new(Overlay::over(view, config.max_cache_size)?),
            db,
            path,
            config,
        })
    }

    pub(super) fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dictionaries(&self) -> Arc<Dictionaries> {
        Arc::clone(
            &self
                .dictionaries
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Reads a value: from the hot layer, else from what waits to be committed, else from redb.
    pub(super) fn get<T: Stored>(&self, key: &str) -> Result<Option<Arc<T>>> {
        let now_us = self.config.clock.now_us();
        if let Some(hot) = self.hot.get(T::TABLE, key)
            && self.is_fresh(&hot)
            && let Some(value) = hot.value()
        {
            if is_over(hot.expires_ms, now_us) {
                self.counters.count(T::TABLE, Event::Miss);
                return Ok(None);
            }
            self.note_use(T::TABLE, &hot, now_us);
            return Ok(Some(value));
        }
        let Some(found) = self
            .find::<T>(key)?
            .filter(|found| !is_over(found.entry.expires_ms, now_us))
        else {
            self.counters.count(T::TABLE, Event::Miss);
            return Ok(None);
        };
        let hot = self.warm(key, &found);
        self.note_use(T::TABLE, &hot, now_us);
        Ok(Some(found.value))
    }

    /// Reads bytes of which nothing is recorded: `metadata`, or a table of the user's.
    pub(super) fn get_plain(&self, space: &Space, key: &str) -> Result<Option<Vec<u8>>> {
        let view = {
            let overlay = self.overlay();
            match overlay.pending(space, key) {
                Some(Op::Plain(bytes) | Op::Put { stored: bytes, .. }) => {
                    return Ok(Some(bytes.to_vec()));
                }
                Some(Op::Remove) => return Ok(None),
                None => Arc::clone(&overlay.view),
            }
        };
        view.plain_row(space, key)
    }

    /// Takes a newer state of the file, which another process may have written, when the present one
    /// is older than that.
    pub(super) fn follow_other_writers(&self, older_than: Duration) -> Result<()> {
        if self.overlay().view.age() <= older_than {
            return Ok(());
        }
        let mut overlay = self.overlay_mut();
        overlay.follow(Arc::new(View::new(self.db.begin_read()?)));
        overlay.recount()
    }

    fn is_shared(&self) -> bool {
        self.config.concurrency == Concurrency::MultiWriter
    }

    fn is_fresh(&self, hot: &Hot) -> bool {
        !self.is_shared() || hot.loaded.elapsed() <= self.config.stale_after
    }

    fn note_use(&self, table: Table, hot: &Arc<Hot>, now_us: i64) {
        self.counters.count(table, Event::Hit);
        let waiting = self.hot.touch(table, hot, self.stamps.next(now_us));
        if waiting.is_some_and(|waiting| waiting == MANY_USES) {
            self.gate.wake();
        }
    }

    fn find<T: Stored>(&self, key: &str) -> Result<Option<Found<T>>> {
        if self.is_shared() {
            self.follow_other_writers(self.config.stale_after)?;
        }
        let (view, generation) = {
            let overlay = self.overlay();
            match overlay.pending(&Space::Known(T::TABLE), key) {
                Some(Op::Put { stored, entry }) => {
                    let value = Arc::new(self.decode(stored, entry)?);
                    let generation = overlay.generation;
                    return Ok(Some(Found {
                        value,
                        entry: *entry,
                        generation,
                        taken: Instant::now(),
                    }));
                }
                Some(_) => return Ok(None),
                None => (Arc::clone(&overlay.view), overlay.generation),
            }
        };
        let recorded = view.entry(T::TABLE, key)?;
        let read = view.row(T::TABLE, key, |stored| match recorded {
            Some(entry) if entry.describes(stored) => {
                Ok((self.decode::<T>(stored, &entry)?, entry))
            }
            _ => self.decode_foreign::<T>(&view, key, stored),
        })?;
        let Some(read) = read else { return Ok(None) };
        let (value, entry) = read.map_err(|error| self.name_row(error, T::TABLE, key))?;
        Ok(Some(Found {
            value: Arc::new(value),
            entry,
            generation,
            taken: view.taken(),
        }))
    }

    fn decode<T: Stored>(&self, stored: &[u8], entry: &Entry) -> Result<T> {
        if entry.codec == Codec::Plain {
            return record::decode(stored);
        }
        let mut dictionaries = self.dictionaries();
        if !dictionaries.know(entry.codec) {
            dictionaries = self.reload_dictionaries()?;
        }
        record::decode(&dictionaries.inflate(entry.codec, stored, entry.raw_len)?)
    }

    /// Another writer may have trained one since.
    fn reload_dictionaries(&self) -> Result<Arc<Dictionaries>> {
        let txn = self.db.begin_read()?;
        let loaded = Arc::new(Dictionaries::load(&txn, self.config.compression_level)?);
        let mut dictionaries = self
            .dictionaries
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *dictionaries = Arc::clone(&loaded);
        Ok(loaded)
    }

    /// A row that another program wrote, and its age by the best witness.
    fn decode_foreign<T: Stored>(
        &self,
        view: &View,
        key: &str,
        stored: &[u8],
    ) -> Result<(T, Entry)> {
        let now_ms = self.config.clock.now_ms();
        let observed = observe(view, T::TABLE, key, stored, now_ms)?;
        let expires_ms = self
            .config
            .expiry(observed.written_ms)
            .filter(|_| T::TABLE.expires());
        Ok((
            record::decode(stored)?,
            Entry {
                expires_ms,
                ..observed
            },
        ))
    }

    /// Takes a value that was read into the hot layer, unless the row may have changed meanwhile.
    fn warm<T: Stored>(&self, key: &str, found: &Found<T>) -> Arc<Hot> {
        let value: Arc<dyn Any + Send + Sync> = Arc::clone(&found.value) as _;
        let overlay = self.overlay();
        let hot = Hot::new(key, value, &found.entry, found.taken);
        let unchanged = overlay.generation == found.generation
            && !matches!(overlay.pending(&Space::Known(T::TABLE), key), Some(op) if !op.is(&found.entry));
        if unchanged {
            self.hot.insert(T::TABLE, &hot);
        }
        hot
    }

    fn name_row(&self, error: Error, table: Table, key: &str) -> Error {
        let error = Error::new(
            error.kind(),
            format!("the row {key:?} of {table} cannot be read"),
        )
        .caused_by(error);
        match &self.path {
            Some(path) => error.at(path).help("run: redb-cache health --deep"),
            None => error,
        }
    }
}

fn is_over(expires_ms: Option<i64>, now_us: i64) -> bool {
    expires_ms.is_some_and(|at| at <= now_us.div_euclid(1_000))
}
