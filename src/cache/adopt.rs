//! Bringing what is recorded into line with the rows, after another program wrote them.

use std::collections::BTreeMap;
use std::ops::Bound;

use redb::{Database, ReadableDatabase};

use super::Table;
use super::config::RedbConfig;
use super::entry::{Entry, row_key};
use super::facts::{LIMITS_KEY, Limits, encode};
use super::ledger::Ledger;
use super::observe::observe;
use super::view::View;
use crate::error::Result;

/// Rows that are looked at between two commits.
const BATCH: usize = 10_000;

/// Gives every row that another program wrote an entry, drops entries of rows that are gone, and
/// follows a change of the TTL. Touches nothing when nothing of that happened, which it can tell
/// without looking at the rows.
pub(super) fn reconcile(db: &Database, config: &RedbConfig) -> Result<()> {
    let limits = Limits {
        max_cache_size: config.max_cache_size,
        ttl_seconds: config.ttl_seconds,
        compression: config.enable_compression,
    };
    let view = View::new(db.begin_read()?);
    let recorded: Option<Limits> = view.fact(LIMITS_KEY)?;
    // Without limits, entries are a sweep's, made before any program opened the cache.
    let ttl_changed = recorded.is_none_or(|recorded| recorded.ttl_seconds != limits.ttl_seconds);
    for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
        if !view.records_agree(table)? || (ttl_changed && table.expires()) {
            adopt(db, config, table)?;
        }
    }
    if recorded != Some(limits) {
        let txn = db.begin_write()?;
        let mut ledger = Ledger::open(&txn)?;
        ledger.put_plain(Table::Metadata, LIMITS_KEY, &encode(&limits)?)?;
        ledger.finish()?;
        txn.commit()?;
    }
    Ok(())
}

fn adopt(db: &Database, config: &RedbConfig, table: Table) -> Result<()> {
    let mut from = Bound::Unbounded;
    loop {
        let view = View::new(db.begin_read()?);
        let (changes, last) = differences(&view, config, table, &from)?;
        drop(view);
        if !changes.is_empty() {
            let txn = db.begin_write()?;
            let mut ledger = Ledger::open(&txn)?;
            for (key, entry) in &changes {
                match entry {
                    Some(entry) => ledger.record(table, key, entry)?,
                    None => ledger.forget(table, key)?,
                }
            }
            ledger.finish()?;
            txn.commit()?;
        }
        match last {
            Some(last) => from = Bound::Excluded(last),
            None => return Ok(()),
        }
    }
}

/// The entries to write for the next [`BATCH`] rows, `None` for one to drop, and the last key
/// looked at when there may be more.
type Differences = (BTreeMap<String, Option<Entry>>, Option<String>);

fn differences(
    view: &View,
    config: &RedbConfig,
    table: Table,
    from: &Bound<String>,
) -> Result<Differences> {
    let mut changes = BTreeMap::new();
    let mut last = None;
    let mut looked_at = 0;
    if let Some(rows) = view.rows(table)? {
        let start = from.as_ref().map(String::as_str);
        for row in rows.range::<&str>((start, Bound::Unbounded))?.take(BATCH) {
            let (key, stored) = row?;
            looked_at += 1;
            last = Some(key.value().to_owned());
            let recorded = view.entry(table, key.value())?;
            let is = recorded.filter(|entry| entry.describes(stored.value()));
            let should = match is {
                Some(entry) => entry,
                None => observe(
                    view,
                    table,
                    key.value(),
                    stored.value(),
                    config.clock.now_ms(),
                )?,
            };
            let should = Entry {
                expires_ms: expiry(config, table, should.written_ms),
                ..should
            };
            if recorded != Some(should) {
                changes.insert(key.value().to_owned(), Some(should));
            }
        }
    }
    let last = last.filter(|_| looked_at == BATCH);
    for key in dangling(view, table, from, last.as_deref())? {
        changes.insert(key, None);
    }
    Ok((changes, last))
}

/// Keys of entries in the range that have no row.
fn dangling(
    view: &View,
    table: Table,
    from: &Bound<String>,
    to: Option<&str>,
) -> Result<Vec<String>> {
    let Some(entries) = view.entries()? else {
        return Ok(Vec::new());
    };
    let start = match from {
        Bound::Excluded(key) | Bound::Included(key) => Bound::Excluded(row_key(table, key)),
        Bound::Unbounded => Bound::Included(vec![table.id()]),
    };
    let end = match to {
        Some(key) => Bound::Included(row_key(table, key)),
        None => Bound::Excluded(vec![table.id().saturating_add(1)]),
    };
    let range = (
        start.as_ref().map(Vec::as_slice),
        end.as_ref().map(Vec::as_slice),
    );
    let mut gone = Vec::new();
    for entry in entries.range::<&[u8]>(range)? {
        let (key, _) = entry?;
        let Some(key) = key
            .value()
            .split_first()
            .and_then(|(_, key)| std::str::from_utf8(key).ok())
        else {
            continue;
        };
        if view.row(table, key, |_| ())?.is_none() {
            gone.push(key.to_owned());
        }
    }
    Ok(gone)
}

fn expiry(config: &RedbConfig, table: Table, written_ms: i64) -> Option<i64> {
    config.expiry(written_ms).filter(|_| table.expires())
}
