//! Where the engine takes the time from, so that a test can set it.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of the current time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Microseconds since the epoch. It may go back.
    fn now_us(&self) -> i64;

    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64 {
        self.now_us().div_euclid(1_000)
    }
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
        }
    }
}

/// A clock that stands still until it is set: for tests of code that embeds the cache.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `ms` milliseconds since the epoch.
    #[must_use]
    pub fn at_ms(ms: i64) -> Self {
        Self(AtomicI64::new(ms.saturating_mul(1_000)))
    }

    /// Moves the clock by `ms` milliseconds, back when negative.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms.saturating_mul(1_000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Hands out access stamps that never repeat nor go back: they are the LRU order.
#[derive(Debug)]
pub(super) struct Stamps(AtomicU64);

impl Stamps {
    /// Continues after `last`, the greatest stamp given out before.
    pub(super) fn after(last: u64) -> Self {
        Self(AtomicU64::new(last))
    }

    /// The last stamp given out.
    pub(super) fn last(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The time now, or the last stamp plus one where the clock has not moved on.
    pub(super) fn next(&self, now_us: i64) -> u64 {
        let now = u64::try_from(now_us).unwrap_or(0);
        let mut last = self.0.load(Ordering::Relaxed);
        loop {
            let stamp = now.max(last.saturating_add(1));
            match self
                .0
                .compare_exchange_weak(last, stamp, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return stamp,
                Err(newer) => last = newer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_grow_while_the_clock_goes_back() {
        let stamps = Stamps::after(100);
        assert_eq!(stamps.next(50), 101);
        assert_eq!(stamps.next(-1), 102);
        assert_eq!(stamps.next(500), 500);
        assert_eq!(stamps.next(500), 501);
    }

    #[test]
    fn a_manual_clock_shows_what_it_was_set_to() {
        let clock = ManualClock::at_ms(10);
        clock.advance_ms(-15);
        assert_eq!(clock.now_ms(), -5);
    }
}
