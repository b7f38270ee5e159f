//! What the cache tells of itself to the program that embeds it.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Table;
use super::engine::Engine;
use super::facts::Counts;
use crate::error::Result;
use crate::file;

/// What a cache holds and how it is used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CacheStats {
    /// Hits in a read, 0-1; 0 before the first read.
    pub hit_rate: f64,
    /// Rows of records, those included that have expired and are not removed yet.
    pub total_entries: u64,
    /// Bytes of those rows as stored.
    pub cache_size_bytes: u64,
    /// Hits and misses.
    pub total_reads: u64,
    /// Values written.
    pub total_writes: u64,
    /// Values removed to keep the limit.
    pub total_evictions: u64,
    /// Reads that found a live value.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Values removed because their time was over.
    pub expirations: u64,
    /// Since when is counted; the counters survive a restart.
    pub since: DateTime<Utc>,
    /// The same for each table.
    pub tables: BTreeMap<&'static str, TableStats>,
}

/// One table's part of [`CacheStats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableStats {
    /// Rows.
    pub entries: u64,
    /// Bytes of the rows as stored.
    pub stored_bytes: u64,
    /// Bytes of the values before compression.
    pub raw_bytes: u64,
    /// What was done with them.
    pub activity: Counts,
}

/// Whether a cache can do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheHealth {
    /// Nothing was found.
    pub is_healthy: bool,
    /// Bytes that the file system has for this user; 0 for a cache in memory, which uses none.
    pub available_disk_space: u64,
    /// Length of the file in bytes; 0 for a cache in memory.
    pub cache_file_size: u64,
    /// What stands against it, a sentence each.
    pub findings: Vec<String>,
}

/// Collects the statistics of the committed state.
pub(super) fn collect(engine: &Engine) -> Result<CacheStats> {
    let view = std::sync::Arc::clone(&engine.overlay().view);
    let activity = engine.counters.activity();
    let mut tables = BTreeMap::new();
    for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
        let totals = view.totals(table)?;
        let stats = TableStats {
            entries: view.len(table)?,
            stored_bytes: totals.stored_bytes,
            raw_bytes: totals.raw_bytes,
            activity: activity
                .tables
                .get(table.name())
                .copied()
                .unwrap_or_default(),
        };
        tables.insert(table.name(), stats);
    }
    let total = activity.total();
    Ok(CacheStats {
        hit_rate: total.hit_rate().unwrap_or(0.0),
        total_entries: tables.values().map(|table| table.entries).sum(),
        cache_size_bytes: tables.values().map(|table| table.stored_bytes).sum(),
        total_reads: total.reads(),
        total_writes: total.writes,
        total_evictions: total.evictions,
        hits: total.hits,
        misses: total.misses,
        expirations: total.expirations,
        since: DateTime::from_timestamp_millis(activity.since_ms).unwrap_or_default(),
        tables,
    })
}

/// Looks for what keeps the cache from its work.
pub(super) fn check(engine: &Engine) -> Result<CacheHealth> {
    let mut findings = Vec::new();
    if let Some(failure) = engine.gate.failure() {
        findings.push(format!(
            "a commit failed, and nothing is written since: {failure}"
        ));
    }
    let trouble = engine
        .trouble
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(trouble) = trouble.as_deref() {
        findings.push(format!("what has expired could not be cleaned: {trouble}"));
    }
    drop(trouble);
    let (mut free, mut length) = (0, 0);
    if let Some(path) = &engine.path {
        let space = file::space::free_bytes(path)?;
        let bytes = std::fs::metadata(path)?.len();
        if space < bytes {
            findings.push(format!(
                "{space} bytes are free on the disk, less than the {bytes} that compacting needs"
            ));
        }
        (free, length) = (space, bytes);
    }
    Ok(CacheHealth {
        is_healthy: findings.is_empty(),
        available_disk_space: free,
        cache_file_size: length,
        findings,
    })
}
