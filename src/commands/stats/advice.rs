//! What would improve a cache, judged by what it records.

use serde::Serialize;

use super::report::StatsReport;
use crate::cache::Table;

/// Fewer reads than this are no habit.
const ENOUGH_READS: u64 = 100;
const GOOD_HIT_RATE: f64 = 0.8;
/// A smaller saving is not worth that do-memory cannot read the rows.
const WORTH_COMPRESSING: f64 = 0.25;
/// redb grows a file by doubling it, so up to half of it is room to grow, and ordinary.
const ROOM_TO_GROW: f64 = 0.5;
/// Less than this is not worth a compaction.
const WORTH_COMPACTING: u64 = 1 << 20;

/// A remark, and what to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// What it is about, for programs.
    pub(super) kind: &'static str,
    pub(super) message: String,
    /// The limit of episodes that is suggested.
    pub(super) max_entries: Option<u64>,
    /// The command to run.
    pub(super) run: Option<&'static str>,
}

/// All that is to be said of a cache.
pub(super) fn of(report: &StatsReport) -> Vec<Advice> {
    let judges = [
        old_layout,
        larger_limit,
        hit_rate,
        expired_backlog,
        reclaimable,
        compression,
    ];
    judges.iter().filter_map(|judge| judge(report)).collect()
}

fn advice(kind: &'static str, message: String, run: Option<&'static str>) -> Advice {
    Advice {
        kind,
        message,
        max_entries: None,
        run,
    }
}

fn old_layout(report: &StatsReport) -> Option<Advice> {
    let message =
        "the cache is of an earlier do-memory, and records nothing of itself before it is migrated"
            .to_owned();
    report
        .old_layout
        .then(|| advice("migrate", message, Some("redb-cache migrate")))
}

/// The limit is one of episodes, so theirs are the counters that judge it.
fn larger_limit(report: &StatsReport) -> Option<Advice> {
    let episodes = Table::Episodes.name();
    let counts = report.activity.tables.get(episodes)?;
    if counts.evictions <= counts.writes / 2 || report.limits.max_entries == Some(0) {
        return None;
    }
    let held = report
        .entries
        .tables
        .iter()
        .find(|row| row.table == episodes)?;
    let larger = held.rows.saturating_mul(2);
    let message = format!(
        "{} of {} episodes written were evicted: raise max_cache_size to {larger}",
        counts.evictions, counts.writes
    );
    (larger > report.limits.max_entries.unwrap_or(0)).then(|| Advice {
        max_entries: Some(larger),
        ..advice("larger_limit", message, None)
    })
}

fn hit_rate(report: &StatsReport) -> Option<Advice> {
    let activity = &report.activity;
    let (rate, reads) = (activity.hit_rate?, activity.reads?);
    if reads < ENOUGH_READS || rate >= GOOD_HIT_RATE {
        return None;
    }
    let what = if activity.evictions > Some(0) {
        "a larger max_cache_size keeps more"
    } else if activity.expirations > Some(0) {
        "a longer time to live keeps more"
    } else {
        "what was asked for was never stored here"
    };
    let message = format!("{:.1}% of {reads} reads were hits: {what}", rate * 100.0);
    Some(advice("hit_rate", message, None))
}

fn expired_backlog(report: &StatsReport) -> Option<Advice> {
    let entries = &report.entries;
    let (least, words) = match (entries.expired_at_least, entries.expired) {
        (Some(least), _) => (least, "at least "),
        (None, expired) => (expired?, ""),
    };
    let message = format!(
        "{words}{least} of {} entries have expired and are still there",
        entries.total
    );
    let many = entries.expired_at_least.is_some() || least.saturating_mul(10) > entries.total;
    many.then(|| advice("sweep", message, Some("redb-cache sweep")))
}

fn reclaimable(report: &StatsReport) -> Option<Advice> {
    let reclaimable = report.storage.reclaimable?;
    let share = share(reclaimable, report.storage.length);
    let message = format!(
        "{:.0}% of the file holds nothing and could be given back",
        share * 100.0
    );
    // Of an old cache migrate writes a compact one.
    (!report.old_layout && share > ROOM_TO_GROW && reclaimable >= WORTH_COMPACTING)
        .then(|| advice("compact", message, Some("redb-cache compact")))
}

fn compression(report: &StatsReport) -> Option<Advice> {
    let sample = report.compression.sample?;
    let with = if sample.dictionary {
        " with a trained dictionary"
    } else {
        ""
    };
    let message = format!(
        "compressing a sample of {} episodes{with} saved {:.0}% of their bytes; do-memory itself \
         cannot read compressed rows",
        sample.rows,
        sample.saved_share * 100.0
    );
    let run = "redb-cache compact --recompress 6";
    (sample.saved_share >= WORTH_COMPRESSING).then(|| advice("compress", message, Some(run)))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more than 52 bits"
)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
