//! A bar for work that takes longer than a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that finishes sooner shows no bar: a flash would only disturb.
const PATIENCE: Duration = Duration::from_secs(1);

/// Says how far some work has come. A clone speaks of the same work; all of it may be called from
/// any thread. The bar goes away when the work is finished or the last handle dropped.
#[derive(Clone, Debug)]
pub struct Progress(Option<Arc<Bar>>);

#[derive(Debug)]
struct Bar {
    bar: ProgressBar,
    started: Instant,
    shown: AtomicBool,
}

impl Progress {
    /// Progress that nobody sees.
    #[must_use]
    pub fn silent() -> Self {
        Self(None)
    }

    /// Progress on stderr, as soon as the work takes long.
    pub(super) fn on_stderr(label: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_message(super::text::escape(label).into_owned());
        bar.set_style(ProgressStyle::default_spinner());
        Self(Some(Arc::new(Bar {
            bar,
            started: Instant::now(),
            shown: AtomicBool::new(false),
        })))
    }

    /// Sets how many steps there are in all.
    pub fn set_total(&self, total: u64) {
        let Some(progress) = &self.0 else { return };
        progress.bar.set_length(total);
        // The template is a constant that a test parses; without it there is the plain bar.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            progress.bar.set_style(style);
        }
    }

    /// Says that `steps` more are done.
    pub fn advance(&self, steps: u64) {
        let Some(progress) = &self.0 else { return };
        progress.bar.inc(steps);
        if progress.started.elapsed() >= PATIENCE && !progress.shown.swap(true, Ordering::Relaxed) {
            progress
                .bar
                .set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(progress) = &self.0 {
            progress.bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

const TEMPLATE: &str = "{msg} {wide_bar} {percent:>3}%  {human_pos}/{human_len}  {per_sec}  {eta}";

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(progress: &Progress) -> &Bar {
        progress.0.as_ref().unwrap()
    }

    #[test]
    fn short_work_shows_no_bar() {
        let progress = Progress::on_stderr("copying");
        progress.set_total(10);
        progress.advance(10);
        assert!(!bar(&progress).shown.load(Ordering::Relaxed));
        assert_eq!(bar(&progress).bar.position(), 10);
    }

    #[test]
    fn long_work_shows_one() {
        let Progress(Some(inner)) = Progress::on_stderr("copying") else {
            panic!("a bar")
        };
        let mut inner = Arc::into_inner(inner).unwrap();
        inner.started = Instant::now().checked_sub(PATIENCE).unwrap();
        let progress = Progress(Some(Arc::new(inner)));
        progress.advance(1);
        assert!(bar(&progress).shown.load(Ordering::Relaxed));
        progress.finish();
    }

    #[test]
    fn silent_progress_takes_every_call() {
        let progress = Progress::silent();
        progress.set_total(1);
        progress.advance(u64::MAX);
        progress.finish();
    }

    #[test]
    fn the_template_is_understood() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
