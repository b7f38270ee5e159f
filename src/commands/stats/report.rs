//! What `stats` gives back. A field that is `None` is not recorded, or was not counted.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::access::Space;
use super::advice::Advice;
use super::sample::Sample;
use crate::cache::facts::{self, Counts};
use crate::file::ReadVia;

/// How large a cache is and how well it does.
#[derive(Debug, Serialize)]
pub struct StatsReport {
    pub(super) cache: String,
    pub(super) at: DateTime<Utc>,
    /// `v2` or `v3`.
    pub(super) file_format: &'static str,
    pub(super) schema_version: Option<u64>,
    /// Whether the rows are of a layout before the current one.
    pub(super) old_layout: bool,
    /// How the cache was read.
    pub(super) snapshot: ReadVia,
    /// Whether every row was counted.
    pub(super) exact: bool,
    pub(super) storage: Space,
    pub(super) entries: Entries,
    pub(super) activity: Activity,
    /// Since the look before, with `--watch`.
    pub(super) rates: Option<Rates>,
    pub(super) limits: Limits,
    pub(super) compression: Compression,
    pub(super) last_sweep: Option<LastSweep>,
    pub(super) advice: Vec<Advice>,
}

/// The rows of a cache.
#[derive(Debug, Default, Serialize)]
pub struct Entries {
    /// Rows of the tables that hold records.
    pub(super) total: u64,
    pub(super) live: Option<u64>,
    pub(super) expired: Option<u64>,
    /// Where they were too many to be counted, a number that there are at least.
    pub(super) expired_at_least: Option<u64>,
    pub(super) tables: Vec<TableRows>,
}

/// The rows of one table.
#[derive(Clone, Debug, Serialize)]
pub struct TableRows {
    pub(super) table: String,
    pub(super) rows: u64,
    pub(super) live: Option<u64>,
    pub(super) expired: Option<u64>,
    /// Rows that another program wrote and of which the cache knows no age yet.
    pub(super) unrecorded: Option<u64>,
    /// Bytes of the values as stored, without their keys.
    pub(super) value_bytes: Option<u64>,
}

/// What was done with the cache.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Activity {
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) reads: Option<u64>,
    pub(super) hits: Option<u64>,
    pub(super) misses: Option<u64>,
    pub(super) hit_rate: Option<f64>,
    pub(super) writes: Option<u64>,
    pub(super) evictions: Option<u64>,
    pub(super) expirations: Option<u64>,
    pub(super) tables: BTreeMap<String, Counts>,
}

impl Activity {
    pub(super) fn of(recorded: facts::Activity) -> Self {
        let total = recorded.total();
        Self {
            since: DateTime::from_timestamp_millis(recorded.since_ms),
            reads: Some(total.reads()),
            hits: Some(total.hits),
            misses: Some(total.misses),
            hit_rate: total.hit_rate(),
            writes: Some(total.writes),
            evictions: Some(total.evictions),
            expirations: Some(total.expirations),
            tables: recorded.tables,
        }
    }
}

/// What was recorded between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    pub(super) interval_ms: u64,
    pub(super) reads_per_s: f64,
    pub(super) writes_per_s: f64,
    /// Of the reads between the two looks.
    pub(super) hit_rate: Option<f64>,
}

impl Rates {
    /// `None` where nothing is recorded, or the counters began anew.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate needs no more than 52 bits"
    )]
    pub(super) fn between(before: &Activity, now: &Activity, elapsed: Duration) -> Option<Self> {
        if before.since != now.since || elapsed.is_zero() {
            return None;
        }
        let reads = now.reads?.checked_sub(before.reads?)?;
        let hits = now.hits?.checked_sub(before.hits?)?;
        let writes = now.writes?.checked_sub(before.writes?)?;
        Some(Self {
            interval_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            reads_per_s: reads as f64 / elapsed.as_secs_f64(),
            writes_per_s: writes as f64 / elapsed.as_secs_f64(),
            hit_rate: (reads > 0).then(|| hits as f64 / reads as f64),
        })
    }
}

/// The limits that the embedding program recorded.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Limits {
    /// Whether there are any.
    pub(super) recorded: bool,
    pub(super) max_entries: Option<u64>,
    /// `None` with `recorded` is never.
    pub(super) ttl_ms: Option<u64>,
    pub(super) compression: Option<bool>,
}

impl Limits {
    pub(super) fn of(limits: facts::Limits) -> Self {
        Self {
            recorded: true,
            max_entries: Some(limits.max_cache_size),
            ttl_ms: limits.ttl_seconds.map(|ttl| ttl.saturating_mul(1_000)),
            compression: Some(limits.compression),
        }
    }
}

/// What compression saves, and would save.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Compression {
    /// Rows that are compressed, with `--exact`.
    pub(super) rows: Option<u64>,
    pub(super) saved_bytes: Option<u64>,
    pub(super) dictionaries: Option<u64>,
    /// Rows compressed on trial, where compression is off.
    pub(super) sample: Option<Sample>,
}

/// When rows were last swept.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LastSweep {
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) removed: u64,
}

impl LastSweep {
    pub(super) fn of(sweep: facts::LastSweep) -> Self {
        Self {
            at: DateTime::from_timestamp_millis(sweep.at_ms),
            removed: sweep.removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(since_ms: i64, hits: u64, misses: u64, writes: u64) -> Activity {
        let counts = Counts {
            hits,
            misses,
            writes,
            ..Counts::default()
        };
        Activity::of(facts::Activity {
            since_ms,
            revision: 0,
            last_access: 0,
            tables: BTreeMap::from([("episodes".to_owned(), counts)]),
        })
    }

    #[test]
    fn rates_are_of_what_was_done_between_two_looks() {
        let rates = Rates::between(
            &activity(1, 90, 10, 5),
            &activity(1, 99, 21, 9),
            Duration::from_secs(2),
        );
        let expected = Rates {
            interval_ms: 2_000,
            reads_per_s: 10.0,
            writes_per_s: 2.0,
            hit_rate: Some(0.45),
        };
        assert_eq!(rates, Some(expected));
    }

    #[test]
    fn counters_that_began_anew_give_no_rates() {
        let second = Duration::from_secs(1);
        let before = activity(1, 90, 10, 5);
        assert_eq!(
            Rates::between(&before, &activity(2, 99, 21, 9), second),
            None
        );
        assert_eq!(Rates::between(&before, &activity(1, 1, 0, 0), second), None);
        assert_eq!(Rates::between(&before, &Activity::default(), second), None);
    }
}
