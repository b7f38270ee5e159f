//! Which rows a sweep removes, and removing them in short transactions.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;

use redb::{Database, ReadableTable};
use serde::Serialize;

use super::Table;
use super::entry::Entry;
use super::facts::{LIMITS_KEY, Limits};
use super::ledger::Ledger;
use super::observe::observe;
use super::table::dependents;
use super::view::View;
use crate::error::Result;

/// What a sweep keeps a cache to. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Milliseconds from writing to expiry; overrides the expiry recorded with a row.
    pub ttl_ms: Option<i64>,
    /// Episodes.
    pub max_episodes: Option<u64>,
    /// Stored bytes of all rows that may expire.
    pub max_bytes: Option<u64>,
}

/// Why a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its time is over.
    Expired,
    /// There are more episodes than the limit allows.
    OverEntries,
    /// There are more bytes than the limit allows.
    OverSize,
    /// The episode that it hangs on goes.
    Dependent,
}

/// A row that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// Its table.
    pub table: Table,
    /// Its key.
    pub key: String,
    /// Why it goes.
    pub reason: Reason,
    /// What is recorded of it, or would be.
    pub entry: Entry,
}

impl Doomed {
    /// Whether the episode that the row hangs on is there after all.
    fn is_still_needed(&self, ledger: &mut Ledger<'_>) -> Result<bool> {
        if self.reason != Reason::Dependent {
            return Ok(false);
        }
        Ok(ledger.stored(Table::Episodes, self.episode())?.is_some())
    }

    /// The episode that the row hangs on.
    fn episode(&self) -> &str {
        self.key.strip_prefix("episode_").unwrap_or(&self.key)
    }
}

/// What a sweep would do.
#[derive(Clone, Debug, Default)]
pub struct SweepPlan {
    /// The rows that go, least recently used first, each followed by what hangs on it.
    pub doomed: Vec<Doomed>,
    /// Rows without a record that stay: from now on their age is known.
    pub unrecorded: Vec<(Table, String, Entry)>,
    /// Rows looked at.
    pub rows: u64,
    /// Their stored bytes.
    pub bytes: u64,
}

/// A row that may be removed.
struct Candidate {
    table: Table,
    key: String,
    entry: Entry,
}

/// Decides which rows go. Reads only.
///
/// Its memory grows with the number of rows: about 150 bytes each.
///
/// # Errors
/// When the cache cannot be read.
pub fn plan(view: &View, bounds: &Bounds, now_ms: i64) -> Result<SweepPlan> {
    let mut plan = SweepPlan::default();
    let mut staying = Vec::new();
    let limits: Option<Limits> = view.fact(LIMITS_KEY)?;
    let recorded_ttl = limits.and_then(|limits| limits.ttl_seconds);
    for table in Table::ALL.into_iter().filter(|table| table.expires()) {
        let Some(rows) = view.rows(table)? else {
            continue;
        };
        for row in rows.iter()? {
            let (key, stored) = row?;
            let (key, stored) = (key.value(), stored.value());
            plan.rows += 1;
            plan.bytes = plan.bytes.saturating_add(stored.len() as u64);
            let recorded = view
                .entry(table, key)?
                .filter(|entry| entry.describes(stored));
            let known = match recorded {
                Some(entry) => entry,
                None => observe(view, table, key, stored, now_ms)?.expiring_after(recorded_ttl),
            };
            let entry = bounds.applied_to(known);
            if recorded.is_none() && !entry.is_expired(now_ms) {
                // The bounds are of this sweep only: what stays with the row is the cache's.
                plan.unrecorded.push((table, key.to_owned(), known));
            }
            staying.push(Candidate {
                table,
                key: key.to_owned(),
                entry,
            });
        }
    }
    staying.sort_by_key(|row| row.entry.accessed);
    doom_expired(&mut plan, &mut staying, now_ms);
    doom_over_entries(&mut plan, &mut staying, bounds.max_episodes);
    doom_over_size(&mut plan, staying, bounds.max_bytes);
    plan.put_in_order();
    plan.forget_records_of_doomed();
    Ok(plan)
}

impl Bounds {
    fn applied_to(&self, entry: Entry) -> Entry {
        match self.ttl_ms {
            Some(ttl) => Entry {
                expires_ms: Some(entry.written_ms.saturating_add(ttl)),
                ..entry
            },
            None => entry,
        }
    }
}

impl SweepPlan {
    fn doom(&mut self, row: Candidate, reason: Reason) {
        let Candidate { table, key, entry } = row;
        self.doomed.push(Doomed {
            table,
            key,
            reason,
            entry,
        });
    }

    /// What hangs on an episode goes after it: it stays if the episode turns out to stay.
    fn put_in_order(&mut self) {
        let doomed = std::mem::take(&mut self.doomed);
        let (hanging, mut rows): (Vec<_>, Vec<_>) = doomed
            .into_iter()
            .partition(|row| row.reason == Reason::Dependent);
        let mut hanging_on: HashMap<String, Vec<Doomed>> = HashMap::new();
        for row in hanging {
            let episode = row.episode().to_owned();
            hanging_on.entry(episode).or_default().push(row);
        }
        rows.sort_by_key(|row| row.entry.accessed);
        for row in rows {
            let hanging = match row.table {
                Table::Episodes => hanging_on.remove(&row.key),
                _ => None,
            };
            self.doomed.push(row);
            self.doomed.extend(hanging.into_iter().flatten());
        }
        self.doomed.extend(hanging_on.into_values().flatten());
    }

    /// The rows in portions of about `size`, to be removed in one transaction each. What hangs on
    /// an episode goes with it: once it is gone, no other sweep finds what hung on it.
    pub fn batches(&self, size: NonZeroUsize) -> impl Iterator<Item = &[Doomed]> {
        let mut rest = self.doomed.as_slice();
        std::iter::from_fn(move || {
            let more = rest.iter().skip(size.get());
            let more = more.take_while(|row| row.reason == Reason::Dependent);
            let len = rest.len().min(size.get() + more.count());
            let (batch, after) = rest.split_at(len);
            rest = after;
            (!batch.is_empty()).then_some(batch)
        })
    }

    fn forget_records_of_doomed(&mut self) {
        let gone: HashSet<(Table, &str)> = self
            .doomed
            .iter()
            .map(|row| (row.table, row.key.as_str()))
            .collect();
        self.unrecorded
            .retain(|(table, key, _)| !gone.contains(&(*table, key.as_str())));
    }
}

fn doom_expired(plan: &mut SweepPlan, staying: &mut Vec<Candidate>, now_ms: i64) {
    let (over, live): (Vec<_>, Vec<_>) = std::mem::take(staying)
        .into_iter()
        .partition(|row| row.entry.is_expired(now_ms));
    *staying = live;
    let episodes = episodes_among(&over);
    over.into_iter()
        .for_each(|row| plan.doom(row, Reason::Expired));
    doom_dependents(plan, staying, &episodes);
}

fn doom_over_entries(plan: &mut SweepPlan, staying: &mut Vec<Candidate>, limit: Option<u64>) {
    let Some(limit) = limit else { return };
    let episodes = staying
        .iter()
        .filter(|row| row.table == Table::Episodes)
        .count() as u64;
    let mut excess = episodes.saturating_sub(limit);
    let (over, live): (Vec<_>, Vec<_>) = std::mem::take(staying).into_iter().partition(|row| {
        let goes = row.table == Table::Episodes && excess > 0;
        excess = excess.saturating_sub(u64::from(goes));
        goes
    });
    *staying = live;
    let episodes = episodes_among(&over);
    over.into_iter()
        .for_each(|row| plan.doom(row, Reason::OverEntries));
    doom_dependents(plan, staying, &episodes);
}

fn doom_over_size(plan: &mut SweepPlan, staying: Vec<Candidate>, limit: Option<u64>) {
    let Some(limit) = limit else { return };
    let sizes: HashMap<(Table, String), u64> = staying
        .iter()
        .map(|row| ((row.table, row.key.clone()), row.entry.stored_len))
        .collect();
    let mut bytes: u64 = sizes.values().sum();
    let mut gone: HashSet<(Table, String)> = HashSet::new();
    for row in staying {
        let id = (row.table, row.key.clone());
        if gone.contains(&id) {
            plan.doom(row, Reason::Dependent);
            continue;
        }
        if bytes <= limit {
            continue;
        }
        bytes = bytes.saturating_sub(row.entry.stored_len);
        if row.table == Table::Episodes {
            for dependent in dependents(&row.key) {
                if let Some(size) = sizes.get(&dependent)
                    && gone.insert(dependent)
                {
                    bytes = bytes.saturating_sub(*size);
                }
            }
        }
        gone.insert(id);
        plan.doom(row, Reason::OverSize);
    }
}

fn episodes_among(rows: &[Candidate]) -> Vec<String> {
    let episodes = rows.iter().filter(|row| row.table == Table::Episodes);
    episodes.map(|row| row.key.clone()).collect()
}

fn doom_dependents(plan: &mut SweepPlan, staying: &mut Vec<Candidate>, episodes: &[String]) {
    let hanging: HashSet<(Table, String)> = episodes
        .iter()
        .flat_map(|episode| dependents(episode))
        .collect();
    if hanging.is_empty() {
        return;
    }
    let (gone, live): (Vec<_>, Vec<_>) = std::mem::take(staying)
        .into_iter()
        .partition(|row| hanging.contains(&(row.table, row.key.clone())));
    *staying = live;
    gone.into_iter()
        .for_each(|row| plan.doom(row, Reason::Dependent));
}

/// What one transaction of a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows.
    pub rows: u64,
    /// Their stored bytes.
    pub bytes: u64,
}

/// Removes rows in one transaction. A row that was written or used since the plan was made stays.
///
/// # Errors
/// When the transaction fails; nothing of it is then done.
pub fn remove(db: &Database, rows: &[Doomed]) -> Result<Removed> {
    let txn = db.begin_write()?;
    let mut ledger = Ledger::open(&txn)?;
    let mut removed = Removed::default();
    for row in rows {
        if !ledger.is_unchanged(row.table, &row.key, &row.entry)?
            || row.is_still_needed(&mut ledger)?
        {
            continue;
        }
        if let Some(bytes) = ledger.remove(row.table, &row.key)? {
            removed.rows += 1;
            removed.bytes = removed.bytes.saturating_add(bytes);
        }
    }
    ledger.finish()?;
    txn.commit()?;
    Ok(removed)
}

/// Records rows of which nothing was known, in one transaction.
///
/// # Errors
/// When the transaction fails; nothing of it is then done.
pub fn record(db: &Database, rows: &[(Table, String, Entry)]) -> Result<()> {
    let txn = db.begin_write()?;
    let mut ledger = Ledger::open(&txn)?;
    for (table, key, entry) in rows {
        let unrecorded = ledger.entry(*table, key)?.is_none();
        if unrecorded && ledger.is_unchanged(*table, key, entry)? {
            ledger.record(*table, key, entry)?;
        }
    }
    ledger.finish()?;
    txn.commit()?;
    Ok(())
}
