//! `stats`: how large a cache is and how well it does.

mod advice;
mod exact;
mod measure;
mod report;
mod sample;
mod view;

use std::time::{Duration, Instant};

use chrono::Utc;

use super::{Context, values};
use crate::error::{ErrorKind, Result};
use crate::ui::Severity;
use report::{Rates, StatsReport};

/// Show the size of a cache, its activity, its limits, and what would improve it
///
/// Costs the same for a cache of any size, unless --exact is given. What the file does not record
/// is shown as `-`, in JSON as null.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache stats
  redb-cache stats --watch 2
  redb-cache stats --format json | jq .activity.hit_rate")]
pub struct Args {
    /// Show them again after this time, until interrupted
    #[arg(long, value_name = "SECS", value_parser = values::watch)]
    pub watch: Option<Duration>,

    /// Count every row instead of trusting what the file records about itself
    #[arg(long)]
    pub exact: bool,
}

/// Carries the command out.
///
/// # Errors
/// When the cache cannot be read, or is of a layout that this release does not know; with
/// `--watch`, also when it is interrupted.
pub fn run(args: &Args, context: &Context<'_>) -> Result<StatsReport> {
    match args.watch {
        None => measure::look(context, args.exact, context.now, None),
        Some(pause) => watch(args, context, pause),
    }
}

/// Looks again and again; only an error ends it, as Ctrl-C is one.
fn watch(args: &Args, context: &Context<'_>, pause: Duration) -> Result<StatsReport> {
    let mut last: Option<(Instant, StatsReport)> = None;
    loop {
        let began = Instant::now();
        // The sample is measured once: what is compressed again every second tells nothing new.
        let sample = last.as_ref().map(|(_, report)| report.compression.sample);
        match measure::look(context, args.exact, Utc::now(), sample) {
            Ok(mut report) => {
                report.rates = last.as_ref().and_then(|(before, earlier)| {
                    Rates::between(
                        &earlier.activity,
                        &report.activity,
                        began.duration_since(*before),
                    )
                });
                context.ui.refresh(&report)?;
                last = Some((began, report));
            }
            // A busy writer left no gap this time; it may the next.
            Err(error) if error.kind() == ErrorKind::InUse && last.is_some() => {
                context.ui.note(Severity::Warning, error.to_string());
            }
            Err(error) => return Err(error),
        }
        context.cancel.sleep(pause)?;
    }
}
