//! Where writers announce changes, wait for room and for durability, and where the thread that
//! commits waits for work.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// Bytes of values that may wait in memory before writers have to wait.
const ROOM: usize = 16 << 20;
/// The longest that a commit waits for more threads to join it.
const LINGER: Duration = Duration::from_millis(1);
#[derive(Debug, Default)]
struct State {
    /// When the oldest change that waits was accepted.
    waiting_since: Option<Instant>,
    waiting_bytes: usize,
    /// The count of changes that somebody waits for.
    requested: u64,
    /// When that was said, while it is not answered.
    requested_since: Option<Instant>,
    /// The counts of changes for whose durability threads wait.
    waiters: Vec<u64>,
    /// How many threads waited when the last commit ended, those that it served included.
    expected: usize,
    /// When the last commit began, and how long it took.
    began: Option<Instant>,
    took: Duration,
    /// The count of changes that are durable.
    committed: u64,
    /// Set for good by the first commit that failed: what is on disk is then unknown.
    failure: Option<(ErrorKind, String)>,
    woken: bool,
    closing: bool,
    wakers: Vec<Waker>,
}

#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
    done: Condvar,
}

/// What the committing thread is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Commit what waits.
    Commit,
    /// The time given has come.
    Tick,
    /// Commit what waits and end.
    Close,
}

impl Gate {
    /// Says that changes of `bytes` in all wait.
    pub(super) fn announce(&self, bytes: usize) -> Result<()> {
        let mut state = self.lock();
        check(&state)?;
        state.waiting_bytes = bytes;
        if state.waiting_since.is_none() {
            state.waiting_since = Some(Instant::now());
            self.work.notify_one();
        } else if bytes >= ROOM {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Blocks while too many bytes wait to be committed.
    pub(super) fn wait_for_room(&self) -> Result<()> {
        let mut state = self.lock();
        while state.waiting_bytes >= ROOM && state.failure.is_none() {
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        check(&state)
    }

    /// Blocks until the first `count` changes are durable.
    pub(super) fn wait_for(&self, count: u64) -> Result<()> {
        let mut state = self.lock();
        if state.committed < count {
            state.waiters.push(count);
            self.request(&mut state, count);
        }
        while state.committed < count && state.failure.is_none() {
            state = self
                .done
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        check(&state)
    }

    /// As [`Gate::wait_for`], without blocking.
    pub(super) fn poll_for(&self, count: u64, context: &Context<'_>) -> Poll<Result<()>> {
        let mut state = self.lock();
        if state.committed >= count || state.failure.is_some() {
            return Poll::Ready(check(&state));
        }
        self.request(&mut state, count);
        state.wakers.push(context.waker().clone());
        Poll::Pending
    }

    /// Has the committing thread look after what is not urgent.
    pub(super) fn wake(&self) {
        self.lock().woken = true;
        self.work.notify_one();
    }

    /// Has the committing thread end.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// Waits for work: changes that somebody waits for, that have waited for `window` or that fill
    /// the room, else the time `tick`.
    pub(super) fn next_work(&self, window: Duration, tick: Instant) -> Work {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.closing {
                return Work::Close;
            }
            if state.failure.is_none() && is_due(&mut state, window, now) {
                return Work::Commit;
            }
            if now >= tick {
                return Work::Tick;
            }
            // A window too long for the clock never ends.
            let until = state
                .waiting_since
                .filter(|_| state.failure.is_none())
                .and_then(|since| since.checked_add(window))
                .map_or(tick, |end| tick.min(end));
            let until = lingers_until(&state, now).map_or(until, |linger| until.min(linger));
            let wait = until.saturating_duration_since(now);
            state = self
                .work
                .wait_timeout(state, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Says that the waiting changes were taken, to be committed.
    pub(super) fn taken(&self) {
        let mut state = self.lock();
        state.waiting_since = None;
        state.waiting_bytes = 0;
        state.began = Some(Instant::now());
        self.room.notify_all();
    }

    /// Says that the first `count` changes are durable.
    pub(super) fn committed(&self, count: u64) {
        let mut state = self.lock();
        state.committed = count;
        state.took = state.began.map_or(Duration::ZERO, |began| began.elapsed());
        state.expected = state.waiters.len();
        state.waiters.retain(|waited_for| *waited_for > count);
        state.requested_since = (state.requested > count).then(Instant::now);
        self.answer(state);
    }

    /// Says that a commit failed. Nothing is accepted from here on.
    pub(super) fn fail(&self, error: &Error) {
        let mut state = self.lock();
        state
            .failure
            .get_or_insert_with(|| (error.kind(), error.to_string()));
        self.room.notify_all();
        self.answer(state);
    }

    /// Why a commit failed.
    pub(super) fn failure(&self) -> Option<String> {
        self.lock()
            .failure
            .as_ref()
            .map(|(_, message)| message.clone())
    }

    fn request(&self, state: &mut State, count: u64) {
        state.requested = state.requested.max(count);
        let first = state.requested_since.is_none();
        state.requested_since.get_or_insert_with(Instant::now);
        // While the others are waited for, one more of them changes nothing.
        if first || state.waiters.len() >= state.expected {
            self.work.notify_one();
        }
    }

    fn answer(&self, mut state: MutexGuard<'_, State>) {
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.done.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_due(state: &mut State, window: Duration, now: Instant) -> bool {
    let waited = state
        .waiting_since
        .is_some_and(|since| now.saturating_duration_since(since) >= window);
    std::mem::take(&mut state.woken)
        || waited
        || state.waiting_bytes >= ROOM
        || (state.requested > state.committed && lingers_until(state, now).is_none())
}

/// Until when a commit that is asked for waits for the threads that the last one served: most of
/// them come back at once with their next change, and would else have to wait for this commit to
/// end and for another. That is worth no more time than a commit takes.
fn lingers_until(state: &State, now: Instant) -> Option<Instant> {
    let until = state.requested_since? + state.took.min(LINGER);
    (state.waiters.len() < state.expected && now < until).then_some(until)
}

fn check(state: &State) -> Result<()> {
    match &state.failure {
        None => Ok(()),
        Some((kind, message)) => Err(Error::new(
            *kind,
            format!("an earlier commit failed, so the cache takes no more writes: {message}"),
        )
        .help("open the cache anew")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const FAR: Duration = Duration::from_secs(60);

    /// Commits what `count` changes ask for, in some time that is longer than the linger.
    fn commit(gate: &Gate, count: u64) {
        assert_eq!(gate.next_work(FAR, Instant::now() + FAR), Work::Commit);
        gate.taken();
        thread::sleep(2 * LINGER);
        gate.committed(count);
    }

    /// Whether that many threads wait.
    fn waiting(gate: &Gate) -> usize {
        gate.lock().waiters.len()
    }

    #[test]
    fn a_commit_waits_for_those_that_the_last_one_served_and_not_for_long() {
        let gate = Gate::default();
        thread::scope(|scope| {
            for count in [1, 2] {
                scope.spawn({
                    let gate = &gate;
                    move || gate.wait_for(count)
                });
            }
            while waiting(&gate) < 2 {
                thread::yield_now();
            }
            commit(&gate, 1);
            assert_eq!(waiting(&gate), 1, "the other change is not durable");
            // One is back of two: the commit lingers, and goes ahead without the other.
            let since = gate.lock().requested_since.unwrap();
            commit(&gate, 2);
            assert!(since.elapsed() >= LINGER);
            scope.spawn(|| gate.wait_for(3));
            commit(&gate, 3);
        });
        assert_eq!(waiting(&gate), 0);
    }
}
