//! Hits, misses and the rest, counted without a lock and continued over restarts.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// The counters of every table since this process opened the cache, over what was recorded before.
#[derive(Debug)]
pub(super) struct Counters {
    cells: [Cells; Table::ALL.len()],
    before: Activity,
    recorded: Mutex<Activity>,
}

impl Counters {
    /// Continues from what the cache has recorded.
    pub(super) fn continue_from(before: Activity) -> Self {
        Self {
            cells: std::array::from_fn(|_| Cells::default()),
            recorded: Mutex::new(before.clone()),
            before,
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

    /// Everything counted so far.
    pub(super) fn activity(&self) -> Activity {
        let mut activity = self.before.clone();
        for table in Table::ALL {
            let Some(cells) = self.cells.get(usize::from(table.id()).saturating_sub(1)) else {
                continue;
            };
            let counts = Counts {
                hits: cells.hits.load(Ordering::Relaxed),
                misses: cells.misses.load(Ordering::Relaxed),
                writes: cells.writes.load(Ordering::Relaxed),
                evictions: cells.evictions.load(Ordering::Relaxed),
                expirations: cells.expirations.load(Ordering::Relaxed),
            };
            if counts != Counts::default() {
                let sum = activity.tables.entry(table.name().to_owned()).or_default();
                *sum = sum.plus(&counts);
            }
        }
        activity
    }

    /// Whether there is something that the file does not say yet.
    pub(super) fn is_unrecorded(&self) -> bool {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.tables != self.activity().tables
    }

    /// Notes what the file says now.
    pub(super) fn set_recorded(&self, activity: Activity) {
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) = activity;
    }
}
