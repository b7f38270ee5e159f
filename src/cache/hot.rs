//! Decoded values in memory, and the uses that are not yet written down.

use std::any::Any;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use foldhash::fast::RandomState;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use super::Table;
use super::entry::Entry;
use super::victims::RecentUses;

/// Bytes that an entry costs beside its value: key, counters, the cache's own bookkeeping.
const OVERHEAD: u64 = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    table: Table,
    key: Arc<str>,
}

// The key and its borrowed form must hash alike, so both hash as the borrowed form does.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrowed(self.table, &self.key).hash(state);
    }
}

#[derive(Hash)]
struct Borrowed<'a>(Table, &'a str);

impl Equivalent<Key> for Borrowed<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == key.table && self.1 == key.key.as_ref()
    }
}

/// A decoded value.
pub(super) struct Hot {
    key: Arc<str>,
    value: Arc<dyn Any + Send + Sync>,
    bytes: u64,
    pub(super) expires_ms: Option<i64>,
    pub(super) loaded: Instant,
    accessed: AtomicU64,
    /// Whether the use is already noted in [`Uses`].
    noted: AtomicBool,
}

impl Hot {
    /// The value of a row that was the newest at `loaded`.
    pub(super) fn new(
        key: &str,
        value: Arc<dyn Any + Send + Sync>,
        entry: &Entry,
        loaded: Instant,
    ) -> Arc<Self> {
        Arc::new(Self {
            key: key.into(),
            value,
            // Decoded strings and vectors take about twice their encoded length.
            bytes: entry
                .raw_len
                .saturating_mul(2)
                .saturating_add(OVERHEAD + key.len() as u64),
            expires_ms: entry.expires_ms,
            loaded,
            accessed: AtomicU64::new(entry.accessed),
            noted: AtomicBool::new(false),
        })
    }

    /// The value as the type that its table holds.
    pub(super) fn value<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.value).downcast().ok()
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<Hot>> for Bytes {
    fn weight(&self, _: &Key, hot: &Arc<Hot>) -> u64 {
        hot.bytes
    }
}

/// What happened to a value since the last commit: when it was last used.
type Noted = HashMap<(Table, Arc<str>), Arc<Hot>, RandomState>;

/// The hot layer: bounded in bytes, and coherent because whoever changes a row holds the overlay's
/// write lock while changing it here, and whoever fills it from a read holds the read lock.
pub(super) struct HotLayer {
    cache: Cache<Key, Arc<Hot>, Bytes>,
    uses: Mutex<Uses>,
}

/// The uses since the last commit; those that are being written stay visible until they are.
#[derive(Default)]
struct Uses {
    current: Noted,
    writing: Arc<Noted>,
}

impl HotLayer {
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / 2_048)
            .unwrap_or(usize::MAX)
            .clamp(16, 1 << 20);
        Self {
            cache: Cache::with_weighter(items, bytes, Bytes),
            uses: Mutex::default(),
        }
    }

    pub(super) fn get(&self, table: Table, key: &str) -> Option<Arc<Hot>> {
        self.cache.get(&Borrowed(table, key))
    }

    pub(super) fn insert(&self, table: Table, hot: &Arc<Hot>) {
        let key = Key {
            table,
            key: Arc::clone(&hot.key),
        };
        self.cache.insert(key, Arc::clone(hot));
    }

    pub(super) fn remove(&self, table: Table, key: &str) {
        self.cache.remove(&Borrowed(table, key));
    }

    /// Notes that a value was used at `stamp`. Returns how many uses wait to be written when this
    /// one is new among them.
    pub(super) fn touch(&self, table: Table, hot: &Arc<Hot>, stamp: u64) -> Option<usize> {
        hot.accessed.fetch_max(stamp, Ordering::Relaxed);
        if hot.noted.swap(true, Ordering::AcqRel) {
            return None;
        }
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let other = uses
            .current
            .insert((table, Arc::clone(&hot.key)), Arc::clone(hot));
        // Two threads that read a row at once make two values of it. The one that is no longer
        // noted must be able to become so again.
        if let Some(other) = other.filter(|other| !Arc::ptr_eq(other, hot)) {
            other.noted.store(false, Ordering::Release);
            hot.accessed
                .fetch_max(other.accessed.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        Some(uses.current.len())
    }

    /// The stamp of an episode's use since the last commit.
    pub(super) fn used(&self, episode: &str) -> Option<u64> {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Table::Episodes, Arc::from(episode));
        let noted = uses.current.get(&key).or_else(|| uses.writing.get(&key))?;
        Some(noted.accessed.load(Ordering::Relaxed))
    }

    /// All uses of episodes since the last commit.
    pub(super) fn episode_uses(&self) -> RecentUses {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.writing
            .iter()
            .chain(uses.current.iter())
            .filter(|((table, _), _)| *table == Table::Episodes)
            .map(|((_, key), hot)| (key.to_string(), hot.accessed.load(Ordering::Relaxed)))
            .collect()
    }

    /// Sets the uses until now aside, to be written.
    pub(super) fn set_uses_aside(&self) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.writing = Arc::new(std::mem::take(&mut uses.current));
    }

    /// The uses that were set aside, in the order of their keys.
    pub(super) fn uses_aside(&self) -> Vec<(Table, Arc<str>, u64)> {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut aside: Vec<_> = uses
            .writing
            .iter()
            .map(|((table, key), hot)| {
                // Cleared before the stamp is read, which a store alone would not order: a use in
                // between is noted anew, one before is seen.
                hot.noted.swap(false, Ordering::AcqRel);
                (
                    *table,
                    Arc::clone(key),
                    hot.accessed.load(Ordering::Relaxed),
                )
            })
            .collect();
        aside.sort_unstable();
        aside
    }

    /// Forgets the uses that were set aside: they are committed.
    pub(super) fn uses_written(&self) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.writing = Arc::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Codec;

    fn value(accessed: u64) -> Arc<Hot> {
        let entry = Entry {
            written_ms: 0,
            accessed,
            expires_ms: None,
            stored_len: 1,
            raw_len: 1,
            codec: Codec::Plain,
            digest: 0,
        };
        Hot::new("k", Arc::new(()), &entry, Instant::now())
    }

    #[test]
    fn of_two_values_of_one_row_neither_stops_being_noted() {
        let layer = HotLayer::new(1 << 20);
        let (cached, other) = (value(1), value(1));
        layer.touch(Table::Episodes, &cached, 3);
        layer.touch(Table::Episodes, &other, 2);
        assert_eq!(layer.used("k"), Some(3), "the latest use of either");
        layer.set_uses_aside();
        layer.uses_aside();
        layer.uses_written();
        assert_eq!(layer.touch(Table::Episodes, &cached, 4), Some(1));
        assert_eq!(layer.used("k"), Some(4));
    }
}
