//! Keeping the file that is replaced.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::copy::{copy_new, refused, require_folder_of, same_bytes};
use super::super::header::{Identity, look_up};
use super::super::numbered::{next_numbered, numbered};
use super::{Replacement, at, sync_folder_of};
use crate::error::{Error, Result};

/// What becomes of the file that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// It goes.
    None,
    /// It stays under this name, which must be free.
    At(PathBuf),
    /// It stays beside, as `<name>.backup-1` or with the number after the last one.
    Beside,
    /// The same with another word than `backup`.
    BesideAs(&'static str),
}

impl Backup {
    /// At a path where one is named; else beside, unless none is wanted.
    #[must_use]
    pub fn of(named: Option<&Path>, unwanted: bool) -> Self {
        match named {
            Some(path) => Self::At(path.to_owned()),
            None if unwanted => Self::None,
            None => Self::Beside,
        }
    }
}

impl Replacement {
    /// Refuses to begin where the old file can never be kept. Whether a file that has the name may
    /// stay there is for the end to say: after a swap it is the backup of the run before.
    ///
    /// # Errors
    /// [`Failed`](crate::error::ErrorKind::Failed) for the cache's own name, a name that no file has,
    /// a missing folder.
    pub fn require_backup(&self, backup: &Backup) -> Result<()> {
        let Backup::At(path) = backup else {
            return Ok(());
        };
        let usable = look_up(path).and_then(|found| match found {
            Some(found) if found.is_file() && !self.is_own_name(path) => Ok(()),
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            None => require_folder_of(path),
        });
        usable.map_err(|error| refused(error, path, "backup"))
    }

    /// Refuses, besides, a name that is taken by anything but the original itself, which a run that
    /// was killed before the swap has kept there.
    ///
    /// # Errors
    /// As [`Replacement::require_backup`].
    pub fn require_new_backup(&self, backup: &Backup) -> Result<()> {
        self.require_backup(backup)?;
        let Backup::At(path) = backup else {
            return Ok(());
        };
        let found = look_up(path).map_err(|error| at(error, path))?;
        if found.is_some() && !self.is_kept_at(path)? {
            return Err(taken(path));
        }
        Ok(())
    }

    pub(super) fn keep_original(&self, backup: Backup) -> Result<Option<PathBuf>> {
        match backup {
            Backup::None => Ok(None),
            Backup::At(path) => match self.link_to(&path)? {
                Some(path) => Ok(Some(path)),
                None => Err(taken(&path)),
            },
            Backup::Beside => self.keep_beside("backup"),
            Backup::BesideAs(what) => self.keep_beside(what),
        }
    }

    fn keep_beside(&self, what: &str) -> Result<Option<PathBuf>> {
        // The run before linked it, and was killed before it came to the swap.
        for (_, path) in numbered(&self.target, what)? {
            if self.is_kept_at(&path)? {
                return Ok(Some(path));
            }
        }
        let path = next_numbered(&self.target, what)?;
        match self.link_to(&path)? {
            Some(path) => Ok(Some(path)),
            None => Err(taken(&path)),
        }
    }

    /// Keeps the original as `path`. `None` is a name that something else has.
    fn link_to(&self, path: &Path) -> Result<Option<PathBuf>> {
        match fs::hard_link(&self.target, path) {
            Ok(()) => {}
            // The run before linked it, and was killed before it came to the swap.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(self.is_kept_at(path)?.then(|| path.to_owned()));
            }
            // Another file system, or one without hard links.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::CrossesDevices
                        | io::ErrorKind::Unsupported
                        | io::ErrorKind::PermissionDenied
                ) =>
            {
                copy_new(&self.target, path)?;
            }
            Err(error) => return Err(refused(error, path, "backup")),
        }
        sync_folder_of(path)?;
        Ok(Some(path.to_owned()))
    }

    /// Whether what has the name is the original, under another name than its own, which the new
    /// file takes. On another file system it is a copy.
    fn is_kept_at(&self, path: &Path) -> Result<bool> {
        let taken = fs::symlink_metadata(path).map_err(|error| at(error, path))?;
        if taken.is_file() && taken.dev() != self.original.dev() {
            return same_bytes(&self.target, path);
        }
        Ok(Identity::of(&taken) == self.lock.identity() && !self.is_own_name(path))
    }

    fn is_own_name(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|path| path == self.target)
    }
}

fn taken(path: &Path) -> Error {
    refused(io::ErrorKind::AlreadyExists.into(), path, "backup")
}
