//! Putting a new file in the place of a cache, so that the path names a complete cache, old or
//! new, whenever the process dies.
//!
//! | step | | after a crash here |
//! |---|---|---|
//! | S0, S1 | the link is resolved, the file locked | the old file |
//! | S2 - S5 | the caller reads the old file, writes the stage and verifies it | the old file, and a stage that the next run removes |
//! | S6 | the stage is made durable | the same |
//! | S7 | the backup is linked and made durable | the same; the next run finds its backup |
//! | S8 | the stage is renamed over the path | old or new |
//! | S9, S10 | the folder is made durable, the lock released | the new file |

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::copy::{copy_new, refused, same_bytes};
use super::header::{Identity, open_regular};
use super::lock::ExclusiveLock;
use super::numbered::{next_numbered, numbered};
use super::space;
use crate::error::{Error, ErrorKind, Result};

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

/// A replacement in progress. Dropped before its end, it leaves the old file and no trace.
///
/// Another hard link to the old file keeps naming the old file.
#[derive(Debug)]
pub struct Replacement {
    lock: ExclusiveLock,
    target: PathBuf,
    folder: PathBuf,
    original: Metadata,
    stage: PathBuf,
    finished: bool,
}

impl Replacement {
    /// Resolves the link, locks the file, and removes the stage that a killed run left.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`]; those of opening the file for writing.
    pub fn begin(path: impl AsRef<Path>, lock_timeout: Duration) -> Result<Self> {
        open_regular(path.as_ref(), true)?;
        let target = fs::canonicalize(path.as_ref()).map_err(|error| at(error, path.as_ref()))?;
        let lock = ExclusiveLock::acquire(&target, lock_timeout)?;
        let original = fs::metadata(&target).map_err(|error| at(error, &target))?;
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Error::new(ErrorKind::Failed, "the path names no file").at(target));
        };
        let mut stage = OsString::from(".");
        stage.push(name);
        stage.push(".redb-cache-stage");
        let replacement = Self {
            stage: folder.join(stage),
            folder: folder.to_owned(),
            finished: false,
            lock,
            original,
            target,
        };
        replacement.require_in_place()?;
        replacement.remove_stage()?;
        Ok(replacement)
    }

    /// The file to be replaced, its links resolved.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where the new file is built.
    #[must_use]
    pub fn stage_path(&self) -> &Path {
        &self.stage
    }

    /// Refuses to begin without room for the new file.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`].
    pub fn require_space(&self, bytes: u64) -> Result<()> {
        space::require(&self.folder, bytes)
    }

    /// Refuses to begin where the old file can never be kept. Whether a file that has the name may
    /// stay there is for the end to say: after a swap it is the backup of the run before.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] for the cache's own name, a name that no file has, a missing folder.
    pub fn require_backup(&self, backup: &Backup) -> Result<()> {
        let Backup::At(path) = backup else {
            return Ok(());
        };
        let kind = match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() && !self.is_own_name(path) => return Ok(()),
            Ok(_) => io::ErrorKind::AlreadyExists,
            Err(_) if folder_of(path).is_dir() => return Ok(()),
            Err(_) => io::ErrorKind::NotFound,
        };
        Err(refused(kind.into(), path, "backup"))
    }

    /// Refuses, besides, a name that is taken by anything but the original itself, which a run that
    /// was killed before the swap has kept there.
    ///
    /// # Errors
    /// As [`Replacement::require_backup`].
    pub fn require_new_backup(&self, backup: &Backup) -> Result<()> {
        self.require_backup(backup)?;
        match backup {
            Backup::At(path) if path.exists() && !self.is_kept_at(path)? => {
                Err(refused(io::ErrorKind::AlreadyExists.into(), path, "backup"))
            }
            _ => Ok(()),
        }
    }

    /// Creates the stage, empty, open to nobody who could not open the original.
    ///
    /// # Errors
    /// Those of creating a file.
    pub fn create_stage(&self) -> Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&self.stage)
            .map_err(|error| at(error, &self.stage))?;
        self.copy_owner(&file)
            .map_err(|error| at(error, &self.stage))?;
        Ok(file)
    }

    /// Only root may give files away; for others the stage stays theirs, and narrow.
    fn copy_owner(&self, file: &File) -> io::Result<()> {
        let mode = self.original.mode() & 0o777;
        let ours = file.metadata()?;
        let (uid, gid) = (self.original.uid(), self.original.gid());
        let group_kept =
            ours.gid() == gid || std::os::unix::fs::fchown(file, None, Some(gid)).is_ok();
        let owner_kept =
            ours.uid() == uid || std::os::unix::fs::fchown(file, Some(uid), None).is_ok();
        // Another group must not gain what was given to the original's.
        let mode = if group_kept && owner_kept {
            mode
        } else {
            mode & 0o700
        };
        file.set_permissions(fs::Permissions::from_mode(mode))
    }

    /// Swaps the stage in, durably, and answers where the old file is kept. The caller has
    /// closed the stage and verified it.
    ///
    /// # Errors
    /// Those of the file system; the old file is then still in place, unless the very last
    /// step failed, which the message says. A failed fsync is final and never tried again.
    pub fn finish(mut self, backup: Backup) -> Result<Option<PathBuf>> {
        let stage = File::open(&self.stage).map_err(|error| at(error, &self.stage))?;
        stage.sync_all().map_err(|error| at(error, &self.stage))?;
        drop(stage);
        self.require_in_place()?;
        let backup = self.keep_original(backup)?;
        self.sync_folder()?;
        self.require_in_place()?;
        fs::rename(&self.stage, &self.target).map_err(|error| at(error, &self.target))?;
        self.finished = true;
        self.sync_folder().map_err(|error| {
            Error::new(
                ErrorKind::Failed,
                "the new cache is in place, but may not survive a power loss",
            )
            .at(&self.target)
            .caused_by(error)
        })?;
        Ok(backup)
    }

    /// Gives up: the old file stays, the stage goes.
    pub fn abandon(self) {
        drop(self);
    }

    fn keep_original(&self, backup: Backup) -> Result<Option<PathBuf>> {
        match backup {
            Backup::None => Ok(None),
            Backup::At(path) => match self.link_to(&path)? {
                Some(path) => Ok(Some(path)),
                None => Err(refused(
                    io::ErrorKind::AlreadyExists.into(),
                    &path,
                    "backup",
                )),
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
            None => Err(refused(
                io::ErrorKind::AlreadyExists.into(),
                &path,
                "backup",
            )),
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

    /// The path must still name the file that is locked.
    fn require_in_place(&self) -> Result<()> {
        let now = fs::symlink_metadata(&self.target).map_err(|error| at(error, &self.target))?;
        if Identity::of(&now) == self.lock.identity() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InUse,
            "another file took the cache's place meanwhile",
        )
        .at(&self.target)
        .help("run the same command again"))
    }

    /// Whoever holds the lock is the only one to build a stage: one that is there is left over.
    fn remove_stage(&self) -> Result<()> {
        match fs::symlink_metadata(&self.stage) {
            Ok(found) if found.is_file() => {
                fs::remove_file(&self.stage).map_err(|error| at(error, &self.stage))
            }
            Ok(_) => Err(Error::new(
                ErrorKind::Failed,
                "something that is no file of ours has the name of the stage",
            )
            .at(&self.stage)
            .help("move it out of the way")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(at(error, &self.stage)),
        }
    }

    fn sync_folder(&self) -> Result<()> {
        sync_folder_of(&self.target)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.finished {
            // The next run removes what this cannot.
            let _ = self.remove_stage();
        }
    }
}

/// The folder that a path lies in, also of a path without one.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

pub(super) fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    let sync = || File::open(folder)?.sync_all();
    sync().map_err(|error| at(error, folder))
}

fn at(error: io::Error, path: &Path) -> Error {
    Error::from(error).at(path)
}
