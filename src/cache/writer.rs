//! The thread that commits, removes what has expired, and writes down what is only in memory.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use redb::ReadableDatabase;

use super::Table;
use super::config::Concurrency;
use super::engine::Engine;
use super::facts::{self, ACTIVITY_KEY, Activity, Counts};
use super::gate::Work;
use super::ledger::{Ledger, Row, bytes_table};
use super::overlay::{Group, Op, Space};
use super::record::{self, RecommendationSession};
use super::training;
use super::view::View;
use crate::error::{Error, ErrorKind, Result};

/// How long uses and counters stay in memory when nothing is written.
const NOTES_INTERVAL: Duration = Duration::from_secs(10);
/// Expired rows that are removed under one hold of the overlay's lock.
const EXPIRY_BATCH: usize = 256;

/// Expired rows that are removed with one commit.
pub(super) const EXPIRY_GROUP: u64 = 32_768;

/// Runs until the engine is closed. Whatever ends it early is told to all who wait for it.
pub(super) fn run(engine: &Engine) {
    if panic::catch_unwind(AssertUnwindSafe(|| work(engine))).is_err() {
        engine.gate.fail(&Error::new(
            ErrorKind::Failed,
            "the committing thread panicked",
        ));
    }
}

fn work(engine: &Engine) {
    let clean_every = Duration::from_secs(engine.config.ttl_check_interval);
    let mut clean = after(clean_every);
    let mut notes = after(NOTES_INTERVAL);
    loop {
        let work = engine
            .gate
            .next_work(engine.config.commit_window, clean.min(notes));
        let must_clean = Instant::now() >= clean;
        if engine.gate.failure().is_none() {
            if must_clean {
                maintain(engine);
            }
            latch(engine, commit(engine));
        }
        if must_clean {
            clean = after(clean_every);
        }
        match work {
            Work::Close => return,
            Work::Commit => {}
            Work::Tick => notes = after(NOTES_INTERVAL),
        }
    }
}

/// The moment after `pause`, or a year from now where the clock cannot tell it.
fn after(pause: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(pause)
        .unwrap_or(now + Duration::from_secs(365 * 86_400))
}

fn latch(engine: &Engine, result: Result<()>) {
    if let Err(error) = result {
        engine.gate.fail(&error);
    }
}

/// A failure here harms no write: it is told by the health check, and tried again next time.
fn maintain(engine: &Engine) {
    let done = clean(engine).and_then(|()| training::train_if_due(engine));
    let mut trouble = engine
        .trouble
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    *trouble = done.err().map(|error| error.to_string());
}

fn clean(engine: &Engine) -> Result<()> {
    while drop_expired(engine)? >= EXPIRY_GROUP && engine.gate.failure().is_none() {
        latch(engine, commit(engine));
    }
    Ok(())
}

/// Accepts the removal of rows whose time is over, about [`EXPIRY_GROUP`] of them. Returns how many.
pub(super) fn drop_expired(engine: &Engine) -> Result<u64> {
    let now_ms = engine.config.clock.now_ms();
    if engine.config.concurrency == Concurrency::MultiWriter {
        // What another writer has renewed must not go by an older state's word.
        engine.follow_other_writers(Duration::ZERO)?;
    }
    let view = Arc::clone(&engine.overlay().view);
    let mut dropped = 0;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows = view.expired(now_ms, after.as_deref(), EXPIRY_BATCH)?;
        let (Some((at, table, key)), true) = (rows.last(), dropped < EXPIRY_GROUP) else {
            return Ok(dropped);
        };
        after = Some(super::entry::expiry_key(*at, *table, key));
        let mut overlay = engine.overlay_mut();
        for (_, table, key) in &rows {
            if engine.expire(&mut overlay, (*table, key), now_ms)? {
                dropped += 1;
            }
        }
        engine.gate.announce(overlay.current.bytes())?;
    }
}

/// Commits all that waits: changes, uses and counters.
fn commit(engine: &Engine) -> Result<()> {
    let (group, count) = {
        let mut overlay = engine.overlay_mut();
        let group = overlay.take();
        // With the group: a row that comes after it is not there yet for its use to be noted.
        engine.hot.set_uses_aside();
        engine.gate.taken();
        (group, overlay.accepted)
    };
    let uses = engine.hot.uses_aside();
    if group.is_empty() && uses.is_empty() && engine.counters.unrecorded().is_empty() {
        engine.overlay_mut().flushing = None;
        engine.gate.committed(count);
        return Ok(());
    }
    let counted = engine.counters.unrecorded();
    let txn = engine.db.begin_write()?;
    apply_to_user_tables(&txn, &group)?;
    let mut ledger = Ledger::open(&txn)?;
    apply(&mut ledger, &group)?;
    for (table, key, stamp) in uses {
        if let Some(entry) = ledger.entry(table, &key)? {
            ledger.touch(table, &key, &entry, stamp)?;
        }
    }
    let activity = record_activity(engine, &mut ledger, &counted)?;
    ledger.finish()?;
    txn.commit()?;
    {
        let mut overlay = engine.overlay_mut();
        // Taken under the lock, so that no older state follows a newer one.
        overlay.advance(Arc::new(View::new(engine.db.begin_read()?)));
        if engine.config.concurrency == Concurrency::MultiWriter {
            overlay.recount()?;
        }
    }
    engine.hot.uses_written();
    engine.counters.set_recorded(activity, &counted);
    engine.gate.committed(count);
    Ok(())
}

/// Adds what was counted to what the file says, which another writer may have added to as well.
fn record_activity(
    engine: &Engine,
    ledger: &mut Ledger<'_>,
    counted: &BTreeMap<String, Counts>,
) -> Result<Activity> {
    let recorded = ledger.stored(Table::Metadata, ACTIVITY_KEY)?;
    let mut activity: Activity = recorded
        .and_then(|text| facts::decode(&text))
        .unwrap_or_else(|| engine.counters.begun());
    activity.add(counted);
    activity.revision = ledger.last_revision();
    activity.last_access = activity.last_access.max(engine.stamps.last());
    ledger.put_plain(Table::Metadata, ACTIVITY_KEY, &facts::encode(&activity)?)?;
    Ok(activity)
}

fn apply(ledger: &mut Ledger<'_>, group: &Group) -> Result<()> {
    for (space, ops) in group.sorted() {
        let Space::Known(table) = *space else {
            continue;
        };
        let mut rows = Vec::new();
        for (key, op) in ops {
            match op {
                Op::Put { stored, entry } => rows.push(Row { key, stored, entry }),
                Op::Plain(bytes) => ledger.put_plain(table, key, bytes)?,
                Op::Remove => {
                    ledger.remove(table, key)?;
                }
            }
        }
        ledger.put_all(table, &rows)?;
        if table == Table::RecommendationSessions {
            for row in rows {
                ledger.index_session(&record::decode::<RecommendationSession>(row.stored)?)?;
            }
        }
    }
    Ok(())
}

fn apply_to_user_tables(txn: &redb::WriteTransaction, group: &Group) -> Result<()> {
    for (space, ops) in group.sorted() {
        let Space::User(name) = space else { continue };
        let mut table = txn.open_table(bytes_table(name))?;
        for (key, op) in ops {
            match op {
                Op::Put { stored: bytes, .. } | Op::Plain(bytes) => {
                    table.insert(key, bytes.as_ref())?;
                }
                Op::Remove => {
                    table.remove(key)?;
                }
            }
        }
    }
    Ok(())
}
