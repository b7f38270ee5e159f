//! Writing in long runs. redb writes a commit page by page and in no order of place; the pages
//! wait here and go to the file as contiguous runs when they have to be there.
//!
//! Invariants. Whoever reads sees the file as if every write had gone through. What waits is in
//! the file before a sync, before a write to the header, before any lock is released and before
//! the backend is closed: other processes and a process killed at any point see the writes in the
//! order on which redb relies. Nothing that waits reaches beyond the end of the file.
//!
//! Only the header makes pages count. A sync before which no header was written, such as the one
//! each time redb makes the file longer, is therefore owed, and made before the next header is
//! written: the header still names nothing that is not durable.

use std::fmt::Debug;
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::{BackendError, StorageBackend};

use super::waiting::Waiting;
use crate::sabotage::Bug;

/// Writes that begin before here touch the header and never wait.
const HEADER_END: u64 = 4_096;

/// A backend that gathers the writes to another.
#[derive(Debug)]
pub(super) struct Gather<B> {
    inner: B,
    /// Bytes that may wait.
    limit: usize,
    /// Held by whoever changes the file or what waits; taken before `waiting`.
    turn: Mutex<Turn>,
    waiting: RwLock<Waiting>,
}

impl<B: StorageBackend> Gather<B> {
    /// Lets up to about `limit` bytes wait before they go to `inner`.
    pub(super) fn new(inner: B, limit: usize) -> Self {
        Self {
            inner,
            limit,
            turn: Mutex::default(),
            waiting: RwLock::default(),
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> RwLockReadGuard<'_, Waiting> {
        self.waiting.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting_mut(&self) -> RwLockWriteGuard<'_, Waiting> {
        self.waiting.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits. Reads go on meanwhile: nothing is forgotten before all is written.
    fn pass_on(&self, turn: &mut Turn) -> io::Result<()> {
        turn.check()?;
        if self.waiting().is_empty() {
            return Ok(());
        }
        let written = self
            .waiting()
            .each_run(|offset, data| self.inner.write(offset, data));
        turn.note(written)?;
        self.waiting_mut().clear();
        Ok(())
    }

    /// Writes what waits, and makes the sync that is owed.
    fn settle(&self, turn: &mut Turn) -> io::Result<()> {
        self.pass_on(turn)?;
        if turn.sync_owed {
            self.sync(turn)?;
        }
        Ok(())
    }

    fn sync(&self, turn: &mut Turn) -> io::Result<()> {
        turn.note(self.sync_inner())?;
        turn.sync_owed = false;
        turn.header_written = false;
        Ok(())
    }

    fn sync_inner(&self) -> io::Result<()> {
        if Bug::SyncSkipped.is_planted() {
            return Ok(());
        }
        let synced = self.inner.sync_data();
        if synced.is_err() && Bug::FailedSyncRetried.is_planted() {
            return self.inner.sync_data();
        }
        synced
    }

    /// Whether a write can wait: not one to the header, nor one that makes the file longer.
    fn can_wait(&self, turn: &mut Turn, offset: u64, len: usize) -> io::Result<bool> {
        if offset < HEADER_END || len >= self.limit {
            return Ok(false);
        }
        let file_len = if self.waiting().is_empty() {
            turn.file_len = self.inner.len()?;
            turn.file_len
        } else {
            turn.file_len
        };
        Ok(offset.saturating_add(len as u64) <= file_len)
    }
}

impl<B: StorageBackend> StorageBackend for Gather<B> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let waiting = self.waiting();
        if waiting.touches(offset, out.len()) {
            self.inner.read(offset, out)?;
            waiting.copy_over(offset, out);
            return Ok(());
        }
        drop(waiting);
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut turn = self.turn();
        turn.check()?;
        let set = self.inner.set_len(len);
        turn.note(set)?;
        turn.file_len = len;
        // Were they kept, they would come back when the file grows again.
        self.waiting_mut().cut(len, u64::MAX);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut turn = self.turn();
        turn.check()?;
        if !turn.header_written {
            turn.sync_owed = true;
            return Ok(());
        }
        self.pass_on(&mut turn)?;
        self.sync(&mut turn)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut turn = self.turn();
        turn.check()?;
        if !self.can_wait(&mut turn, offset, data.len())? {
            if offset < HEADER_END {
                self.settle(&mut turn)?;
                turn.header_written = true;
            }
            self.pass_on(&mut turn)?;
            let written = self.inner.write(offset, data);
            return turn.note(written);
        }
        self.waiting_mut().add(offset, data);
        if self.waiting().len() >= self.limit {
            self.pass_on(&mut turn)?;
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        let settled = self.settle(&mut self.turn());
        self.inner.close().and(settled)
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        let settled = self.settle(&mut self.turn());
        self.inner.unlock_range(start, end)?;
        settled.map_err(BackendError::Io)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

/// What only the one who changes the file needs.
#[derive(Debug, Default)]
struct Turn {
    /// The length of the file, while writes wait.
    file_len: u64,
    /// Whether the header was written since the last sync.
    header_written: bool,
    /// Whether a sync was asked for that could wait.
    sync_owed: bool,
    /// The first failure. It is final: what the file holds of the writes before is unknown.
    failure: Option<(io::ErrorKind, String)>,
}

impl Turn {
    fn check(&self) -> io::Result<()> {
        match &self.failure {
            None => Ok(()),
            Some((kind, message)) => Err(io::Error::new(
                *kind,
                format!("an earlier write failed: {message}"),
            )),
        }
    }

    fn note(&mut self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            self.failure
                .get_or_insert_with(|| (error.kind(), error.to_string()));
        }
        result
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
