//! Waiting for another process, with an end.

use std::thread;
use std::time::{Duration, Instant};

/// Short enough that a gap between two commits of a busy writer is met.
const POLL: Duration = Duration::from_millis(5);

/// When waiting ends; a timeout too long for the clock never does.
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        Self(Instant::now().checked_add(timeout))
    }

    /// Sleeps a moment. Answers `false`, at once, when the time is up.
    pub(super) fn pause(&self) -> bool {
        let left = self.0.map_or(POLL, |end| {
            end.saturating_duration_since(Instant::now()).min(POLL)
        });
        thread::sleep(left);
        !left.is_zero()
    }
}
