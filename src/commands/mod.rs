//! The verbs: one file each, with its arguments and the function that carries it out.
//!
//! A verb is added by its file, its `mod` and its line in the list below. Its `Args` are the help, the
//! completion and the manual page; `run` gives back a plain [`Report`], which `ui` prints.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use clap::Subcommand;

use crate::error::{ErrorKind, Result};
use crate::ui::{Cancel, Ui};

pub use crate::ui::Report;

pub mod access;
mod clear;
mod compact;
mod compare;
mod demo;
mod diff;
mod doubts;
mod export;
mod health;
mod inspect;
mod list;
mod migrate;
mod names;
mod rebuild;
mod records;
mod repair;
mod staging;
mod stats;
mod steps;
pub mod store;
mod sweep;
pub mod values;

/// How long a wait for another process is deaf to Ctrl-C.
const DEAF: Duration = Duration::from_millis(250);

/// What every command gets.
pub struct Context<'a> {
    /// The cache file.
    pub cache: PathBuf,
    /// How long to wait for a cache that is in use.
    pub lock_timeout: Duration,
    /// The moment at which the command began.
    pub now: DateTime<Utc>,
    /// Whether to stop.
    pub cancel: Cancel,
    /// Questions, progress, and the output of what streams.
    pub ui: &'a Ui,
}

impl Context<'_> {
    /// Asks a person whether to go on, unless `--yes` has said so already.
    ///
    /// # Errors
    /// As [`Ui::confirm`].
    pub fn confirm(&self, question: &str, yes: bool) -> Result<()> {
        self.ui.confirm(question, yes, &self.cancel)
    }

    /// Calls `lock` with a part of the lock timeout until it has what it waits for, the whole of
    /// it is over, or somebody interrupts it.
    ///
    /// # Errors
    /// Those of `lock`, and when it is interrupted.
    pub fn wait_for<T>(&self, mut lock: impl FnMut(Duration) -> Result<T>) -> Result<T> {
        let began = Instant::now();
        loop {
            self.cancel.check()?;
            let left = self.lock_timeout.saturating_sub(began.elapsed());
            match lock(left.min(DEAF)) {
                Err(error) if error.kind() == ErrorKind::InUse && left > DEAF => {}
                done => return done,
            }
        }
    }
}

/// Makes the list of verbs: the subcommands of the parser, in the order of the help, and which
/// function runs each.
macro_rules! verbs {
    ($($name:ident => $module:ident),+ $(,)?) => {
        /// The verbs.
        #[derive(Debug, Subcommand)]
        #[expect(missing_docs, reason = "each verb is documented by its arguments")]
        pub enum Command {
            $($name($module::Args),)+
        }

        impl Command {
            /// Runs the command, prints its report and gives back the verdict.
            ///
            /// # Errors
            /// What keeps the command from doing its work.
            pub fn run(&self, context: &Context<'_>) -> Result<u8> {
                match self {
                    $(Self::$name(args) => context.ui.report(&$module::run(args, context)?),)+
                }
            }
        }
    };
}

verbs! {
    Inspect => inspect,
    Stats => stats,
    Health => health,
    Sweep => sweep,
    Clear => clear,
    Compact => compact,
    Migrate => migrate,
    Repair => repair,
    Rebuild => rebuild,
    Diff => diff,
    Export => export,
    Demo => demo,
}
