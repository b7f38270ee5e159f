//! The `redb-cache` binary under test, and all that these tests know about how it is used and what it prints.

mod export;
mod holder;
mod run;

pub use export::{Export, check_truth, check_truth_but};
pub use holder::{Held, Holder};
pub use run::{Run, reported_rows};

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Exit codes that scripts rely on.
pub mod exit {
    /// Done, or nothing to do.
    pub const DONE: i32 = 0;
    /// The cache is in use.
    pub const IN_USE: i32 = 11;
}

/// The binary, run on one cache.
#[derive(Clone, Debug)]
pub struct RedbCache {
    binary: PathBuf,
    cache: PathBuf,
}

impl RedbCache {
    /// Finds the binary: `REDB_CACHE_BIN`, else the release build, else the debug build of the repository.
    ///
    /// # Errors
    /// When there is none, saying how to build it.
    pub fn on(cache: &Path) -> Result<Self> {
        let built = |profile: &str| {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../target")
                .join(profile)
        };
        let named = env::var_os("REDB_CACHE_BIN").map(PathBuf::from);
        let candidates = match named {
            Some(binary) => vec![binary],
            None => vec![
                built("release").join("redb-cache"),
                built("debug").join("redb-cache"),
            ],
        };
        let binary = candidates.iter().find(|binary| binary.is_file()).cloned();
        let binary = binary.with_context(|| {
            format!("there is no redb-cache: build it with `cargo build --release` in the repository, or set \
                     REDB_CACHE_BIN (looked for {candidates:?})")
        })?;
        Ok(Self {
            binary,
            cache: cache.to_owned(),
        })
    }

    /// Runs `redb-cache --cache CACHE ARGUMENTS…`, untouched by settings in the environment of the test.
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub fn run(&self, arguments: &[&str]) -> Result<Run> {
        let mut command = Command::new(&self.binary);
        command.arg("--cache").arg(&self.cache).args(arguments);
        for variable in [
            "REDB_CACHE_PATH",
            "REDB_MAX_CACHE_SIZE",
            "REDB_TTL_SECONDS",
            "TURSO_DATABASE_URL",
            "TURSO_AUTH_TOKEN",
        ] {
            command.env_remove(variable);
        }
        command.env("NO_COLOR", "1").stdin(Stdio::null());
        let name = format!("redb-cache {}", arguments.join(" "));
        run::run_to_end(command, name)
    }

    /// Runs a command that has to succeed.
    ///
    /// # Errors
    /// When it exits with anything but 0.
    pub fn succeed(&self, arguments: &[&str]) -> Result<Run> {
        let run = self.run(arguments)?;
        ensure!(run.code == Some(exit::DONE), "{}", run.describe());
        Ok(run)
    }

    /// The rows of all tables, as `export` writes them.
    ///
    /// # Errors
    /// When the export fails or is not JSON Lines of rows.
    pub fn export(&self) -> Result<Export> {
        Export::parse(&self.succeed(&["export"])?.stdout)
    }
}
