//! Ctrl-C and SIGTERM end a command at its next safe point.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{Error, ErrorKind, Result};

/// Asked by a command at each point where it can stop without leaving anything half done.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    /// The number of the signal, or 0.
    signal: Arc<AtomicUsize>,
}

impl Cancel {
    /// A token that nothing sets, for tests.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// A token that the signal of that number has set, for tests.
    #[cfg(test)]
    pub(super) fn by(signal: usize) -> Self {
        Self {
            signal: Arc::new(AtomicUsize::new(signal)),
        }
    }

    /// A token that SIGINT and SIGTERM set. A second signal ends the process at once.
    ///
    /// # Errors
    /// If the signals cannot be caught.
    pub fn on_signals() -> Result<Self> {
        let cancel = Self::default();
        let asked = Arc::new(AtomicBool::new(false));
        for (signal, number) in [(SIGINT, 2), (SIGTERM, 15)] {
            // In this order: the first signal finds `asked` unset, the second does not.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
            flag::register_usize(signal, Arc::clone(&cancel.signal), number)?;
        }
        Ok(cancel)
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] after Ctrl-C, [`ErrorKind::Terminated`] after SIGTERM.
    pub fn check(&self) -> Result<()> {
        match self.signal.load(Ordering::Relaxed) {
            0 => Ok(()),
            15 => Err(Error::new(ErrorKind::Terminated, "terminated")),
            _ => Err(Error::new(ErrorKind::Interrupted, "interrupted")),
        }
    }

    /// Waits, unless told to stop.
    ///
    /// # Errors
    /// As [`Cancel::check`].
    pub fn sleep(&self, duration: Duration) -> Result<()> {
        const STEP: Duration = Duration::from_millis(20);
        let started = Instant::now();
        loop {
            self.check()?;
            let rest = duration.saturating_sub(started.elapsed());
            if rest.is_zero() {
                return Ok(());
            }
            std::thread::sleep(rest.min(STEP));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_its_exit_code() {
        assert!(Cancel::never().check().is_ok());
        assert_eq!(Cancel::by(2).check().unwrap_err().kind().exit_code(), 130);
        assert_eq!(Cancel::by(15).check().unwrap_err().kind().exit_code(), 143);
    }

    #[test]
    fn a_signal_ends_the_longest_sleep() {
        assert!(Cancel::never().sleep(Duration::from_millis(1)).is_ok());
        assert!(Cancel::by(2).sleep(Duration::MAX).is_err());
    }
}
