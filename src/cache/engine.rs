//! What every thread that uses the cache shares: reading through the three layers, and accepting
//! changes.
//!
//! Locks are taken in this order: `overlay`, then `gate`. The hot layer locks by itself.

use std::any::Any;
use std::borrow::Borrow;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::{Database, ReadableDatabase};

use super::Table;
use super::clock::Stamps;
use super::compression::{Dictionaries, MAX_VALUE_BYTES};
use super::config::{Concurrency, RedbConfig};
use super::counters::{Counters, Event};
use super::entry::{self, Codec, Entry};
use super::gate::Gate;
use super::hot::{Hot, HotLayer};
use super::ledger::dependents;
use super::observe::observe;
use super::overlay::{Op, Overlay, Space};
use super::record::{self, Stored};
use super::victims;
use super::view::View;
use crate::error::{Error, ErrorKind, Result};

/// Uses that may wait in memory before the writer is woken to note them down.
const MANY_USES: usize = 50_000;
/// Rows of a batch that are accepted under one hold of the overlay's lock.
const BATCH: usize = 256;
/// Bytes of a batch that are encoded before any of it is accepted. Rows that are accepted close to
/// each other are committed together, and their neighbours in the file are written once.
const BATCH_BYTES: usize = 16 << 20;

pub(super) struct Engine {
    pub(super) db: Database,
    /// `None` for a cache in memory.
    pub(super) path: Option<PathBuf>,
    pub(super) config: RedbConfig,
    pub(super) stamps: Stamps,
    pub(super) counters: Counters,
    pub(super) hot: HotLayer,
    pub(super) gate: Gate,
    pub(super) dictionaries: RwLock<Arc<Dictionaries>>,
    overlay: RwLock<Overlay>,
}

/// A value as it will be stored.
struct Prepared {
    stored: Arc<[u8]>,
    codec: Codec,
    raw_len: u64,
}

/// A row as found below the hot layer.
struct Found<T> {
    value: Arc<T>,
    entry: Entry,
    generation: u64,
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
            stamps: Stamps::after(view.last_access()?),
            counters: Counters::continue_from(activity),
            hot: HotLayer::new(config.hot_bytes),
            gate: Gate::default(),
            dictionaries: RwLock::new(Arc::new(dictionaries)),
            overlay: RwLock::new(Overlay::over(view)?),
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

    /// Accepts a value. It is visible at once, and committed with its group.
    pub(super) fn put<T: Stored>(&self, key: &str, value: Arc<T>) -> Result<u64> {
        let prepared = self.prepare(value.as_ref())?;
        self.gate.wait_for_room()?;
        let mut overlay = self.overlay_mut();
        let entry = self.accept_put::<T>(&mut overlay, key, prepared)?;
        let hot = Hot::new(key, value, entry.raw_len, entry.expires_ms, entry.accessed);
        self.hot.insert(T::TABLE, &hot);
        self.evict_over_limit(&mut overlay)?;
        self.gate.announce(overlay.current.bytes())?;
        Ok(overlay.accepted)
    }

    /// Accepts many values as one group. They do not enter the hot layer: a bulk load would only
    /// drive out of it what is in use.
    pub(super) fn put_all<T: Stored, K: AsRef<str>>(
        &self,
        rows: impl Iterator<Item = (K, impl Borrow<T>)>,
    ) -> Result<u64> {
        let mut rows = rows.fuse();
        loop {
            let mut chunk = Vec::new();
            let mut bytes = 0_usize;
            while bytes < BATCH_BYTES
                && let Some((key, value)) = rows.next()
            {
                let prepared = self.prepare(value.borrow())?;
                bytes = bytes.saturating_add(prepared.stored.len() + key.as_ref().len());
                chunk.push((key, prepared));
            }
            if chunk.is_empty() {
                return Ok(self.overlay().accepted);
            }
            self.accept_all::<T, K>(chunk)?;
        }
    }

    fn accept_all<T: Stored, K: AsRef<str>>(&self, rows: Vec<(K, Prepared)>) -> Result<()> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            self.gate.wait_for_room()?;
            let mut overlay = self.overlay_mut();
            for (key, prepared) in rows.by_ref().take(BATCH) {
                self.accept_put::<T>(&mut overlay, key.as_ref(), prepared)?;
                self.hot.remove(T::TABLE, key.as_ref());
            }
            self.evict_over_limit(&mut overlay)?;
            self.gate.announce(overlay.current.bytes())?;
        }
        Ok(())
    }

    /// Accepts the removal of a row and of what hangs on it. Returns whether it was there.
    pub(super) fn remove(&self, table: Table, key: &str) -> Result<bool> {
        let mut overlay = self.overlay_mut();
        let there = overlay.has(table, key)?;
        if there {
            self.drop_row(&mut overlay, table, key)?;
            self.gate.announce(overlay.current.bytes())?;
        }
        Ok(there)
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
        match space {
            Space::Known(table) => view.row(*table, key, <[u8]>::to_vec),
            Space::User(name) => view.user_row(name, key),
        }
    }

    /// Accepts a change to bytes of which nothing is recorded.
    pub(super) fn set_plain(&self, space: Space, key: &str, op: Op) -> Result<()> {
        self.gate.wait_for_room()?;
        let mut overlay = self.overlay_mut();
        overlay.accept(space, key, op)?;
        self.gate.announce(overlay.current.bytes())
    }

    /// Removes a row that `seen` holds as expired, unless it was written anew since.
    pub(super) fn expire(
        &self,
        overlay: &mut Overlay,
        seen: &Arc<View>,
        (table, key): (Table, &str),
        now_ms: i64,
    ) -> Result<bool> {
        let over = match overlay.pending(&Space::Known(table), key) {
            Some(Op::Put { entry, .. }) => entry.is_expired(now_ms),
            Some(_) => false,
            None if Arc::ptr_eq(seen, &overlay.view) => true,
            None => overlay
                .view
                .entry(table, key)?
                .is_some_and(|entry| entry.is_expired(now_ms)),
        };
        if over {
            self.drop_row(overlay, table, key)?;
            self.counters.count(table, Event::Expiration);
        }
        Ok(over)
    }

    /// Takes a newer state of the file when another process may have written.
    pub(super) fn follow_other_writers(&self) -> Result<()> {
        if self.overlay().view.age() <= self.config.stale_after {
            return Ok(());
        }
        let mut overlay = self.overlay_mut();
        if overlay.flushing.is_none() {
            overlay.advance(Arc::new(View::new(self.db.begin_read()?)));
            overlay.recount()?;
        }
        Ok(())
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
            self.follow_other_writers()?;
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
        }))
    }

    fn decode<T: Stored>(&self, stored: &[u8], entry: &Entry) -> Result<T> {
        match entry.codec {
            Codec::Plain => record::decode(stored),
            codec => record::decode(&self.dictionaries().inflate(codec, stored, entry.raw_len)?),
        }
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
        let Entry {
            raw_len,
            expires_ms,
            accessed,
            ..
        } = found.entry;
        let value: Arc<dyn Any + Send + Sync> = Arc::clone(&found.value) as _;
        let overlay = self.overlay();
        let hot = Hot::new(key, value, raw_len, expires_ms, accessed);
        let unchanged = overlay.generation == found.generation
            && !matches!(overlay.pending(&Space::Known(T::TABLE), key), Some(op) if !op.is(&found.entry));
        if unchanged {
            self.hot.insert(T::TABLE, &hot);
        }
        hot
    }

    fn prepare<T: Stored>(&self, value: &T) -> Result<Prepared> {
        record::with_encoded(value, |raw| self.prepare_bytes(T::TABLE, raw))?
    }

    fn prepare_bytes(&self, table: Table, raw: &[u8]) -> Result<Prepared> {
        let raw_len = raw.len() as u64;
        if raw_len > MAX_VALUE_BYTES {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("a value of {raw_len} bytes is over the limit of {MAX_VALUE_BYTES}"),
            ));
        }
        let config = &self.config;
        let compress = config.enable_compression
            && table.expires()
            && raw.len() >= config.compression_threshold;
        let (codec, smaller) = if compress {
            self.dictionaries()
                .compress(raw, config.compression_level)?
        } else {
            (Codec::Plain, None)
        };
        let stored = smaller.map_or_else(|| raw.into(), Into::into);
        Ok(Prepared {
            stored,
            codec,
            raw_len,
        })
    }

    fn accept_put<T: Stored>(
        &self,
        overlay: &mut Overlay,
        key: &str,
        Prepared {
            stored,
            codec,
            raw_len,
        }: Prepared,
    ) -> Result<Entry> {
        let now_us = self.config.clock.now_us();
        let written_ms = now_us.div_euclid(1_000);
        let entry = Entry {
            written_ms,
            accessed: self.stamps.next(now_us),
            expires_ms: self
                .config
                .expiry(written_ms)
                .filter(|_| T::TABLE.expires()),
            stored_len: stored.len() as u64,
            raw_len,
            codec,
            digest: entry::digest(&stored),
        };
        overlay.accept(Space::Known(T::TABLE), key, Op::Put { stored, entry })?;
        self.counters.count(T::TABLE, Event::Write);
        Ok(entry)
    }

    fn evict_over_limit(&self, overlay: &mut Overlay) -> Result<()> {
        while overlay.episodes > self.config.max_cache_size {
            let used = |key: &str| self.hot.used(key);
            let Some(key) = victims::next(overlay, used, || self.hot.episode_uses())? else {
                return Ok(());
            };
            self.drop_row(overlay, Table::Episodes, &key)?;
            self.counters.count(Table::Episodes, Event::Eviction);
        }
        Ok(())
    }

    /// Removes a row that is there, and with an episode its embedding and its summary.
    fn drop_row(&self, overlay: &mut Overlay, table: Table, key: &str) -> Result<()> {
        overlay.accept_removal(table, key);
        self.hot.remove(table, key);
        if table == Table::Episodes {
            for (table, key) in dependents(key) {
                if overlay.has(table, &key)? {
                    overlay.accept_removal(table, &key);
                }
                self.hot.remove(table, &key);
            }
        }
        Ok(())
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
