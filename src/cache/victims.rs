//! The next episode to evict: exactly the least recently used one, at amortised O(log n).
//!
//! Stamps only grow, so an episode that was neither written nor used since the last commit is
//! older than every one that was. The committed order is therefore read from its front, skipping
//! what has changed since; only when it is used up do the pending episodes come into question.

use std::collections::{HashMap, VecDeque};

use super::Table;
use super::entry::access_key;
use super::overlay::{Op, Overlay, Space};
use crate::error::Result;

/// How many episodes are read from the committed order at a time.
const READ_AHEAD: usize = 128;

/// Candidates for eviction, oldest first.
#[derive(Debug, Default)]
pub(super) struct Victims {
    queue: VecDeque<(u64, String)>,
    /// The last key read from the committed order.
    position: Option<Vec<u8>>,
    /// The committed order is used up; the queue holds pending episodes.
    pending_only: bool,
}

impl Victims {
    /// Begins again, as the committed order has changed.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The uses of episodes since the last commit: episode -> stamp.
pub(super) type RecentUses = HashMap<String, u64>;

/// The least recently used episode; `None` when there is none. `used` tells the stamp of an
/// episode's use since the last commit, `uses` all of them.
pub(super) fn next(
    overlay: &mut Overlay,
    used: impl Fn(&str) -> Option<u64>,
    uses: impl Fn() -> RecentUses,
) -> Result<Option<String>> {
    let mut refills = 0;
    loop {
        while let Some((stamp, key)) = overlay.victims.queue.pop_front() {
            if is_still(overlay, &key, stamp, used(&key), refills > 1)? {
                return Ok(Some(key));
            }
        }
        if overlay.victims.pending_only {
            refills += 1;
            refill_from_pending(overlay, &uses())?;
            if overlay.victims.queue.is_empty() {
                return Ok(None);
            }
        } else {
            refill_from_committed(overlay)?;
        }
    }
}

/// Whether the candidate is live and has not been used since it was queued. After two refills
/// other threads are using everything all the time, and any live one is as good.
fn is_still(
    overlay: &Overlay,
    key: &str,
    stamp: u64,
    used: Option<u64>,
    any: bool,
) -> Result<bool> {
    let space = Space::Known(Table::Episodes);
    let written = match overlay.pending(&space, key) {
        Some(Op::Remove) => return Ok(false),
        Some(Op::Put { entry, .. }) => Some(entry.accessed),
        Some(Op::Plain(_)) | None => None,
    };
    let newest = written.max(used);
    if !any && newest.is_some_and(|newest| newest > stamp) {
        return Ok(false);
    }
    overlay.has_episode(key)
}

fn refill_from_committed(overlay: &mut Overlay) -> Result<()> {
    let after = overlay.victims.position.as_deref();
    let rows = overlay.view.least_recent(after, READ_AHEAD)?;
    match rows.last() {
        Some((stamp, key)) => overlay.victims.position = Some(access_key(*stamp, key)),
        None => overlay.victims.pending_only = true,
    }
    overlay.victims.queue.extend(rows);
    Ok(())
}

fn refill_from_pending(overlay: &mut Overlay, uses: &RecentUses) -> Result<()> {
    let space = Space::Known(Table::Episodes);
    let mut stamps: HashMap<&str, u64> = HashMap::new();
    for (key, stamp) in uses {
        stamps.insert(key, *stamp);
    }
    let flushing = overlay.flushing.iter().flat_map(|group| group.of(&space));
    for (key, op) in flushing.chain(overlay.current.of(&space)) {
        if let Op::Put { entry, .. } = op {
            let stamp = stamps.entry(key).or_default();
            *stamp = entry.accessed.max(*stamp);
        }
    }
    let mut live = Vec::new();
    for (key, stamp) in stamps {
        if overlay.has_episode(key)? {
            live.push((stamp, key.to_owned()));
        }
    }
    live.sort_unstable();
    overlay.victims.queue = live.into();
    Ok(())
}
