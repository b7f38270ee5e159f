//! Hits, misses and the rest, counted without a lock and continued over restarts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Table;
use super::facts::{Activity, Counts};

#[derive(Debug, Default)]
struct Cells {
    hits: AtomicU64,
    misses: AtomicU64,
    writes: AtomicU64,
    evictions: AtomicU64,
    expirations: AtomicU64,
}

/// One thing that is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Hit,
    Miss,
    Write,
    Eviction,
    Expiration,
}

/// The counters of every table since this process opened the cache.
#[derive(Debug)]
pub(super) struct Counters {
    cells: [Cells; Table::ALL.len()],
    recorded: Mutex<Recorded>,
}

#[derive(Debug)]
struct Recorded {
    /// What the file said when we last wrote it.
    activity: Activity,
    /// Our part of it.
    ours: BTreeMap<String, Counts>,
}

impl Counters {
    /// Continues from what the cache has recorded.
    pub(super) fn continue_from(activity: Activity) -> Self {
        Self {
            cells: std::array::from_fn(|_| Cells::default()),
            recorded: Mutex::new(Recorded {
                activity,
                ours: BTreeMap::new(),
            }),
        }
    }

    pub(super) fn count(&self, table: Table, event: Event) {
        let Some(cells) = self.cells.get(usize::from(table.id()).saturating_sub(1)) else {
            return;
        };
        let cell = match event {
            Event::Hit => &cells.hits,
            Event::Miss => &cells.misses,
            Event::Write => &cells.writes,
            Event::Eviction => &cells.evictions,
            Event::Expiration => &cells.expirations,
        };
        cell.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything counted so far, by this process and before.
    pub(super) fn activity(&self) -> Activity {
        let unrecorded = self.unrecorded();
        let mut activity = self.recorded().activity.clone();
        activity.add(&unrecorded);
        activity
    }

    /// No counts yet, since when they began.
    pub(super) fn begun(&self) -> Activity {
        let since_ms = self.recorded().activity.since_ms;
        Activity {
            since_ms,
            ..Activity::default()
        }
    }

    /// What the file does not say yet, table by table.
    pub(super) fn unrecorded(&self) -> BTreeMap<String, Counts> {
        let recorded = self.recorded();
        let mut unrecorded = BTreeMap::new();
        for (table, cells) in Table::ALL.iter().filter_map(|table| {
            let cells = self.cells.get(usize::from(table.id()).saturating_sub(1))?;
            Some((table.name(), cells))
        }) {
            let ours = recorded.ours.get(table).copied().unwrap_or_default();
            let more = cells.read().minus(&ours);
            if more != Counts::default() {
                unrecorded.insert(table.to_owned(), more);
            }
        }
        unrecorded
    }

    /// Notes that the file says `activity` now, which holds `added`.
    pub(super) fn set_recorded(&self, activity: Activity, added: &BTreeMap<String, Counts>) {
        let mut recorded = self.recorded();
        recorded.activity = activity;
        for (table, counts) in added {
            let ours = recorded.ours.entry(table.clone()).or_default();
            *ours = ours.plus(counts);
        }
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cells {
    fn read(&self) -> Counts {
        Counts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            expirations: self.expirations.load(Ordering::Relaxed),
        }
    }
}
