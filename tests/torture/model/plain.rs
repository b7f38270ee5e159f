//! What a cache is to do, in plain maps: no layers, no files, no commits.

use std::collections::BTreeMap;

use redb_cache::cache::Table;
use redb_cache::cache::facts::Counts;
use redb_cache::cache::sweep::Bounds;

pub type Slot = (Table, String);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The value is its number.
    pub value: u32,
    pub written_ms: i64,
    /// The stamp of the write, which no use changes.
    pub born: u64,
    pub accessed: u64,
    pub expires_ms: Option<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct Plain {
    pub rows: BTreeMap<Slot, Row>,
    /// The caller's own bytes.
    pub raw: BTreeMap<String, u32>,
    pub counts: BTreeMap<Table, Counts>,
    pub now_ms: i64,
    limit: u64,
    ttl_seconds: Option<u64>,
    pub last_stamp: u64,
}

impl Plain {
    /// An empty cache, when the clock shows that.
    pub fn at_ms(now_ms: i64) -> Self {
        Self {
            now_ms,
            ..Self::default()
        }
    }

    /// Opened anew, to be kept to these limits.
    pub fn open(&mut self, limit: u64, ttl_seconds: Option<u64>) {
        (self.limit, self.ttl_seconds) = (limit, ttl_seconds);
        for ((table, _), row) in &mut self.rows {
            row.expires_ms = expiry(*table, row.written_ms, ttl_seconds);
        }
    }

    pub fn get(&mut self, slot: &Slot) -> Option<u32> {
        let now_ms = self.now_ms;
        let live = self.rows.get(slot).is_some_and(|row| !is_over(row, now_ms));
        let counts = self.counts.entry(slot.0).or_default();
        if !live {
            counts.misses += 1;
            return None;
        }
        counts.hits += 1;
        let stamp = self.stamp();
        let row = self.rows.get_mut(slot)?;
        row.accessed = stamp;
        Some(row.value)
    }

    /// Writes values together, and then evicts what is over the limit.
    pub fn put(&mut self, rows: impl IntoIterator<Item = (Slot, u32)>) {
        for ((table, key), value) in rows {
            let stamp = self.stamp();
            let row = Row {
                value,
                written_ms: self.now_ms,
                born: stamp,
                accessed: stamp,
                expires_ms: expiry(table, self.now_ms, self.ttl_seconds),
            };
            self.rows.insert((table, key), row);
            self.counts.entry(table).or_default().writes += 1;
        }
        let episodes = self.least_recent();
        let over = episodes
            .len()
            .saturating_sub(usize::try_from(self.limit).unwrap());
        for slot in &episodes[..over] {
            self.remove(slot);
            self.counts.entry(Table::Episodes).or_default().evictions += 1;
        }
    }

    /// Removes a row, and with an episode what hangs on it.
    pub fn remove(&mut self, (table, key): &Slot) -> bool {
        let was = self.rows.remove(&(*table, key.clone())).is_some();
        if was && *table == Table::Episodes {
            self.rows
                .remove(&(Table::Embeddings, format!("episode_{key}")));
            self.rows.remove(&(Table::Summaries, key.clone()));
        }
        was
    }

    /// Removes what has expired, the oldest first.
    pub fn expire(&mut self) -> u64 {
        let mut removed = 0;
        for slot in self.by_expiry(self.now_ms) {
            if self.remove(&slot) {
                removed += 1;
                self.counts.entry(slot.0).or_default().expirations += 1;
            }
        }
        removed
    }

    /// What a sweep does, which counts nothing: `bytes` tells the length of each row.
    pub fn sweep(&mut self, bounds: &Bounds, bytes: &BTreeMap<Slot, u64>) {
        for (slot, row) in self.rows.clone() {
            let bound = bounds.ttl_ms.map(|ttl| row.written_ms.saturating_add(ttl));
            let expires_ms = bound.filter(|_| slot.0.expires()).or(row.expires_ms);
            if expires_ms.is_some_and(|at| at <= self.now_ms) {
                self.remove(&slot);
            }
        }
        let episodes = self.least_recent();
        let limit = bounds
            .max_episodes
            .map_or(usize::MAX, |n| usize::try_from(n).unwrap());
        for slot in &episodes[..episodes.len().saturating_sub(limit)] {
            self.remove(slot);
        }
        let mut rows: Vec<_> = self.rows.keys().filter(|(of, _)| of.expires()).collect();
        rows.sort_by_key(|slot| (self.rows[slot].accessed, place(slot.0), &slot.1));
        let rows: Vec<_> = rows.into_iter().cloned().collect();
        let max_bytes = bounds.max_bytes.unwrap_or(u64::MAX);
        for slot in &rows {
            let left = rows.iter().filter(|slot| self.rows.contains_key(slot));
            if left.map(|slot| bytes[slot]).sum::<u64>() > max_bytes {
                self.remove(slot);
            }
        }
    }

    /// The episodes, least recently used first.
    pub fn least_recent(&self) -> Vec<Slot> {
        let episodes = self
            .rows
            .iter()
            .filter(|(slot, _)| slot.0 == Table::Episodes);
        let mut episodes: Vec<_> = episodes.collect();
        episodes.sort_by_key(|(_, row)| row.accessed);
        episodes.into_iter().map(|(slot, _)| slot.clone()).collect()
    }

    /// The rows that have expired by then, in the order of their expiry.
    pub fn by_expiry(&self, now_ms: i64) -> Vec<Slot> {
        let mut over: Vec<_> = self
            .rows
            .iter()
            .filter(|(_, row)| is_over(row, now_ms))
            .collect();
        over.sort_by_key(|(slot, row)| (row.expires_ms, slot.0.id(), &slot.1));
        over.into_iter().map(|(slot, _)| slot.clone()).collect()
    }

    /// Stamps only grow, whatever the clock does.
    fn stamp(&mut self) -> u64 {
        let now_us = u64::try_from(self.now_ms * 1_000).unwrap();
        self.last_stamp = now_us.max(self.last_stamp + 1);
        self.last_stamp
    }
}

fn is_over(row: &Row, now_ms: i64) -> bool {
    row.expires_ms.is_some_and(|at| at <= now_ms)
}

fn expiry(table: Table, written_ms: i64, ttl_seconds: Option<u64>) -> Option<i64> {
    let ttl_ms = i64::try_from(ttl_seconds?).unwrap() * 1_000;
    table.expires().then_some(written_ms + ttl_ms)
}

/// Rows that were used at once are taken in the order of the tables.
fn place(table: Table) -> Option<usize> {
    Table::ALL.iter().position(|it| *it == table)
}
