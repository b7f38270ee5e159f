//! Accepting changes: they are visible at once, and wait to be committed with their group.

use std::borrow::Borrow;
use std::sync::Arc;
use std::time::Instant;

use super::Table;
use super::compression::MAX_VALUE_BYTES;
use super::config::Concurrency;
use super::counters::Event;
use super::engine::Engine;
use super::entry::{self, Codec, Entry};
use super::hot::Hot;
use super::observe::observe;
use super::overlay::{Op, Overlay, Space};
use super::record::{self, Stored};
use super::table::dependents;
use super::victims;
use crate::error::{Error, ErrorKind, Result};

/// Rows of a batch that are accepted under one hold of the overlay's lock.
const BATCH: usize = 256;
/// Bytes of a batch that are encoded before any of it is accepted. Rows that are accepted close to
/// each other are committed together, and their neighbours in the file are written once.
const BATCH_BYTES: usize = 16 << 20;

/// A value as it will be stored.
struct Prepared {
    stored: Arc<[u8]>,
    codec: Codec,
    raw_len: u64,
}

impl Engine {
    /// Accepts a value. It is visible at once, and committed with its group.
    pub(super) fn put<T: Stored>(&self, key: &str, value: Arc<T>) -> Result<u64> {
        let prepared = self.prepare(value.as_ref())?;
        self.gate.wait_for_room()?;
        let mut overlay = self.overlay_mut();
        let entry = self.accept_put::<T>(&mut overlay, key, prepared)?;
        let hot = Hot::new(key, value, &entry, Instant::now());
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

    /// Accepts a change to bytes of which nothing is recorded.
    pub(super) fn set_plain(&self, space: Space, key: &str, op: Op) -> Result<()> {
        self.gate.wait_for_room()?;
        let mut overlay = self.overlay_mut();
        let pending = overlay.pending(&space, key).is_some();
        // Also refuses a table of other types here, where it harms nobody else's write.
        let there = pending || overlay.view.plain_row(&space, key)?.is_some();
        if there || !matches!(op, Op::Remove) {
            overlay.accept(space, key, op)?;
            self.gate.announce(overlay.current.bytes())?;
        }
        Ok(())
    }

    /// Removes a row that was found to be expired, unless it was written anew since, by this or by
    /// another program. Returns whether it went.
    pub(super) fn expire(
        &self,
        overlay: &mut Overlay,
        (table, key): (Table, &str),
        now_ms: i64,
    ) -> Result<bool> {
        let pending = overlay.pending(&Space::Known(table), key);
        let (over, there) = match pending {
            Some(Op::Put { entry, .. }) => (entry.is_expired(now_ms), true),
            Some(_) => return Ok(false),
            None => {
                let recorded = overlay.view.entry(table, key)?;
                let recorded = recorded.filter(|entry| entry.is_expired(now_ms));
                let describes =
                    |stored: &[u8]| recorded.is_some_and(|entry| entry.describes(stored));
                match overlay.view.row(table, key, describes)? {
                    Some(describes) => (describes, true),
                    // A record without a row goes too.
                    None => (recorded.is_some(), false),
                }
            }
        };
        if over && there {
            self.drop_row(overlay, table, key)?;
            self.counters.count(table, Event::Expiration);
        } else if over {
            overlay.accept(Space::Known(table), key, Op::Remove)?;
        } else if pending.is_none() {
            self.record_anew(overlay, table, key)?;
        }
        Ok(over)
    }

    /// Records the age of a row that another program has replaced. An episode waits for the next
    /// open, which its revision tells: written here, it would get a new one.
    fn record_anew(&self, overlay: &mut Overlay, table: Table, key: &str) -> Result<()> {
        // Where others write too, the row may be newer by the time this is committed.
        if table == Table::Episodes || self.config.concurrency == Concurrency::MultiWriter {
            return Ok(());
        }
        let Some(stored) = overlay
            .view
            .row(table, key, |stored: &[u8]| Arc::<[u8]>::from(stored))?
        else {
            return Ok(());
        };
        let now_ms = self.config.clock.now_ms();
        let observed = observe(&overlay.view, table, key, &stored, now_ms)?;
        let entry = observed.expiring_after(self.config.ttl_seconds);
        overlay.accept(Space::Known(table), key, Op::Put { stored, entry })
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
        while overlay.is_over_limit()? {
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
}
