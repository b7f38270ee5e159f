//! Writes that are visible but not yet committed, laid over the last committed state.
//!
//! Invariants. What a reader sees of a row is the newest of: `current`, `flushing`, `view`. Every
//! change to a row is first an [`Op`] in `current`; the writer moves the whole group to `flushing`,
//! commits it, and then exchanges the view and drops the group in one step.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::Table;
use super::entry::Entry;
use super::victims::Victims;
use super::view::View;
use crate::error::Result;

/// Where a row lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Space {
    /// A table of do-memory.
    Known(Table),
    /// A table of the user.
    User(Arc<str>),
}

/// A change to one row.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// Write a record.
    Put { stored: Arc<[u8]>, entry: Entry },
    /// Write bytes of which nothing is recorded.
    Plain(Arc<[u8]>),
    /// Remove the row.
    Remove,
}

impl Op {
    /// Whether this writes the row that `entry` describes.
    pub(super) fn is(&self, entry: &Entry) -> bool {
        matches!(self, Self::Put { entry: own, .. } if own == entry)
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Put { stored, .. } | Self::Plain(stored) => stored.len(),
            Self::Remove => 0,
        }
    }
}

/// Changes that are committed together.
#[derive(Debug, Default)]
pub(super) struct Group {
    spaces: HashMap<Space, HashMap<Box<str>, Op, RandomState>, RandomState>,
    bytes: usize,
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    /// Bytes of values that wait in memory.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, space: &Space, key: &str) -> Option<&Op> {
        self.spaces.get(space)?.get(key)
    }

    pub(super) fn of(&self, space: &Space) -> impl Iterator<Item = (&str, &Op)> {
        let rows = self.spaces.get(space).into_iter().flatten();
        rows.map(|(key, op)| (key.as_ref(), op))
    }

    /// The changes by table, in the order of their keys, which is the cheapest to write.
    pub(super) fn sorted(&self) -> Vec<(&Space, Vec<(&str, &Op)>)> {
        let mut all: Vec<_> = self
            .spaces
            .keys()
            .map(|space| {
                let mut ops: Vec<_> = self.of(space).collect();
                ops.sort_unstable_by_key(|(key, _)| *key);
                (space, ops)
            })
            .collect();
        all.sort_unstable_by_key(|(space, _)| *space);
        all
    }

    fn set(&mut self, space: Space, key: &str, op: Op) {
        self.bytes = self.bytes.saturating_add(op.bytes() + key.len());
        self.spaces.entry(space).or_default().insert(key.into(), op);
    }
}

/// The state that readers see.
pub(super) struct Overlay {
    pub(super) view: Arc<View>,
    /// Counts the exchanges of `view`.
    pub(super) generation: u64,
    pub(super) current: Group,
    pub(super) flushing: Option<Arc<Group>>,
    /// Counts the changes ever accepted; a group is durable up to the count at which it was taken.
    pub(super) accepted: u64,
    /// Live episodes, pending changes included; at most that many where `guessed`.
    episodes: u64,
    /// Whether episodes were counted as new without looking.
    guessed: bool,
    /// The most episodes that may stay.
    limit: u64,
    pub(super) victims: Victims,
}

impl Overlay {
    pub(super) fn over(view: Arc<View>, limit: u64) -> Result<Self> {
        let episodes = view.len(Table::Episodes)?;
        Ok(Self {
            view,
            generation: 0,
            current: Group::default(),
            flushing: None,
            accepted: 0,
            episodes,
            guessed: false,
            limit,
            victims: Victims::default(),
        })
    }

    /// The newest pending change to a row.
    pub(super) fn pending(&self, space: &Space, key: &str) -> Option<&Op> {
        self.current
            .get(space, key)
            .or_else(|| self.flushing.as_ref()?.get(space, key))
    }

    /// Whether the episode is there, pending changes included.
    pub(super) fn has_episode(&self, key: &str) -> Result<bool> {
        self.has(Table::Episodes, key)
    }

    /// Accepts a change and keeps count of the episodes.
    pub(super) fn accept(&mut self, space: Space, key: &str, op: Op) -> Result<()> {
        if space == Space::Known(Table::Episodes) {
            let removes = matches!(op, Op::Remove);
            let there = if !removes && self.may_guess() && self.pending(&space, key).is_none() {
                self.guessed = true;
                false
            } else {
                self.has_episode(key)?
            };
            match (there, removes) {
                (true, true) => self.episodes = self.episodes.saturating_sub(1),
                (false, false) => self.episodes = self.episodes.saturating_add(1),
                _ => {}
            }
        }
        self.set(space, key, op);
        Ok(())
    }

    /// Whether the limit is so far away that a written episode may count as a new one: whether it
    /// is there already costs reading its page.
    fn may_guess(&self) -> bool {
        self.episodes < self.limit - self.limit / 8
    }

    /// Whether there are more episodes than may stay.
    pub(super) fn is_over_limit(&mut self) -> Result<bool> {
        if self.guessed && self.episodes > self.limit {
            self.recount()?;
        }
        Ok(self.episodes > self.limit)
    }

    /// Accepts the removal of a row that is known to be there, pending changes included.
    pub(super) fn accept_removal(&mut self, table: Table, key: &str) {
        if table == Table::Episodes {
            self.episodes = self.episodes.saturating_sub(1);
        }
        self.set(Space::Known(table), key, Op::Remove);
    }

    /// Whether the row is there, pending changes included.
    pub(super) fn has(&self, table: Table, key: &str) -> Result<bool> {
        match self.pending(&Space::Known(table), key) {
            Some(Op::Remove) => Ok(false),
            Some(_) => Ok(true),
            None => Ok(self.view.row(table, key, |_| ())?.is_some()),
        }
    }

    fn set(&mut self, space: Space, key: &str, op: Op) {
        self.current.set(space, key, op);
        self.accepted = self.accepted.saturating_add(1);
    }

    /// Hands the waiting changes to the writer.
    pub(super) fn take(&mut self) -> Arc<Group> {
        let group = Arc::new(std::mem::take(&mut self.current));
        self.flushing = Some(Arc::clone(&group));
        group
    }

    /// Exchanges the committed state, which holds what was being flushed.
    pub(super) fn advance(&mut self, view: Arc<View>) {
        self.view = view;
        self.generation = self.generation.wrapping_add(1);
        self.flushing = None;
        self.victims.reset();
    }

    /// Takes a newer committed state, which another process has written. What waits still does.
    pub(super) fn follow(&mut self, view: Arc<View>) {
        let flushing = self.flushing.take();
        self.advance(view);
        self.flushing = flushing;
    }

    /// Counts the episodes anew, for when another process may have written or some were guessed.
    pub(super) fn recount(&mut self) -> Result<()> {
        let mut count = self.view.len(Table::Episodes)?;
        let space = Space::Known(Table::Episodes);
        let flushing = self.flushing.iter().flat_map(|group| group.of(&space));
        let overridden = |key: &str| self.current.get(&space, key).is_some();
        let flushing = flushing.filter(|(key, _)| !overridden(key));
        for (key, op) in flushing.chain(self.current.of(&space)) {
            let on_disk = self.view.row(Table::Episodes, key, |_| ())?.is_some();
            match (on_disk, matches!(op, Op::Remove)) {
                (true, true) => count = count.saturating_sub(1),
                (false, false) => count = count.saturating_add(1),
                _ => {}
            }
        }
        self.episodes = count;
        self.guessed = false;
        Ok(())
    }
}
