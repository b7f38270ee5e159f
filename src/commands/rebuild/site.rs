//! Where the new cache is built, and where it goes.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::super::{Context, staging};
use super::Args;
use crate::error::Result;
use crate::file::{Backup, NewFile, Replacement};

/// What it is where there is no cache yet, in errors.
const WHAT: &str = "cache";
/// Who may open a cache that is new.
const MODE: u32 = 0o600;

/// A new cache in the place of an old one, or of none.
pub(super) enum Site {
    Instead(Box<Replacement>, Backup),
    New(NewFile),
}

/// The file to fill.
pub(super) struct Stage {
    pub(super) file: File,
    /// Whether it is what an earlier run has left to go on with.
    pub(super) is_begun: bool,
}

impl Stage {
    fn begun(file: File) -> Self {
        Self {
            file,
            is_begun: true,
        }
    }

    fn empty(file: File) -> Self {
        Self {
            file,
            is_begun: false,
        }
    }
}

impl Site {
    /// Locks the place, and makes the stage or finds the one that a run before has kept.
    pub(super) fn open(
        args: &Args,
        context: &Context<'_>,
        replaces: bool,
    ) -> Result<(Self, Stage)> {
        if replaces {
            Self::instead(args, context)
        } else {
            Self::new(args, context)
        }
    }

    fn new(args: &Args, context: &Context<'_>) -> Result<(Self, Stage)> {
        let cache = &context.cache;
        if args.resume
            && let Some((new, file)) = NewFile::reopen(cache, WHAT)?
        {
            return Ok((Self::New(new), Stage::begun(file)));
        }
        let (new, file) = NewFile::create(cache, WHAT, MODE)?;
        Ok((Self::New(new), Stage::empty(file)))
    }

    fn instead(args: &Args, context: &Context<'_>) -> Result<(Self, Stage)> {
        let replacement = staging::begin(context)?;
        let backup = Backup::of(args.backup.as_deref(), args.no_backup);
        replacement.require_new_backup(&backup)?;
        let stage = if args.resume
            && let Some(file) = replacement.reopen()?
        {
            Stage::begun(file)
        } else {
            replacement.forget_kept()?;
            Stage::empty(replacement.create_stage()?)
        };
        Ok((Self::Instead(Box::new(replacement), backup), stage))
    }

    /// The old cache; `None` where there is none.
    pub(super) fn old(&self) -> Option<&Path> {
        match self {
            Self::Instead(replacement, _) => Some(replacement.target()),
            Self::New(_) => None,
        }
    }

    pub(super) fn stage(&self) -> &Path {
        match self {
            Self::Instead(replacement, _) => replacement.stage_path(),
            Self::New(new) => new.path(),
        }
    }

    pub(super) fn require_space(&self, bytes: u64) -> Result<()> {
        match self {
            Self::Instead(replacement, _) => replacement.require_space(bytes),
            Self::New(new) => new.require_space(bytes),
        }
    }

    /// Puts the new cache where it goes, and answers where the old one is kept.
    pub(super) fn finish(self) -> Result<Option<PathBuf>> {
        match self {
            Self::Instead(replacement, backup) => replacement.finish(backup),
            Self::New(new) => new.finish().map(|()| None),
        }
    }

    /// Leaves what is built for a later run to go on with.
    pub(super) fn keep(self) -> Result<()> {
        match self {
            Self::Instead(replacement, _) => replacement.keep(),
            Self::New(new) => {
                new.keep();
                Ok(())
            }
        }
    }
}
