//! Times of calls, and what they boil down to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Case;

/// Times in microseconds an episode.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Half of the calls took no longer.
    pub p50: f64,
    /// 99 of 100 calls took no longer.
    pub p99: f64,
    /// The time of the whole work by the number of episodes.
    pub mean: f64,
}

/// One figure a case.
pub type Figures = BTreeMap<Case, Figure>;

/// Collects the times of calls while the work goes on.
#[derive(Debug)]
pub struct Stopwatch {
    started: Instant,
    calls: Vec<Duration>,
    episodes_per_call: usize,
}

impl Stopwatch {
    /// Starts the clock of the whole work. A call covers that many episodes.
    #[must_use]
    pub fn start(episodes_per_call: usize) -> Self {
        Self {
            started: Instant::now(),
            calls: Vec::new(),
            episodes_per_call: episodes_per_call.max(1),
        }
    }

    /// Notes a call that began at `since` and is over now.
    pub fn note(&mut self, since: Instant) {
        self.calls.push(since.elapsed());
    }

    /// Takes over the calls that a thread noted on a watch of its own.
    pub fn absorb(&mut self, other: Self) {
        self.calls.extend(other.calls);
    }

    /// Stops the clock.
    #[must_use]
    pub fn stop(mut self) -> Figure {
        let whole = self.started.elapsed();
        self.calls.sort_unstable();
        let per_episode = |time: Duration| time.as_secs_f64() * 1e6 / self.episodes_per_call as f64;
        Figure {
            p50: per_episode(percentile(&self.calls, 50)),
            p99: per_episode(percentile(&self.calls, 99)),
            mean: per_episode(whole) / self.calls.len().max(1) as f64,
        }
    }
}

/// The smallest time that `percent` of the sorted calls do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::percentile;
    use std::time::Duration;

    #[test]
    fn a_percentile_is_a_time_that_occurred() {
        let calls: Vec<_> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!(percentile(&calls, 50), Duration::from_micros(100));
        assert_eq!(percentile(&calls, 99), Duration::from_micros(198));
        assert_eq!(percentile(&calls[..1], 99), Duration::from_micros(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
