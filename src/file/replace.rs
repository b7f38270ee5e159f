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

mod keep;

use std::cell::Cell;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::claim::Claim;
use super::header::{Identity, look_up, open_regular};
use super::lock::ExclusiveLock;
use super::{space, unfinished};
use crate::error::{Error, ErrorKind, Result};
use crate::sabotage::Bug;

pub use keep::Backup;

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
    /// The file that this run has built, or goes on with.
    made: Cell<Option<Identity>>,
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
        let replacement = Self {
            stage: unfinished::stage_of(&target),
            folder: folder_of(&target).to_owned(),
            made: Cell::new(None),
            finished: false,
            lock,
            original,
            target,
        };
        replacement.require_in_place()?;
        replacement.remove_stage()?;
        replacement.remove_former_name()?;
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

    /// Creates the stage, empty, open to nobody who could not open the original.
    ///
    /// # Errors
    /// Those of creating a file.
    pub fn create_stage(&self) -> Result<File> {
        let (exclusive, flags) = match Bug::StageNotExclusive.is_planted() {
            false => (true, OFlags::NOFOLLOW),
            true => (false, OFlags::empty()),
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .create_new(exclusive)
            .mode(0o600)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.stage)
            .map_err(|error| {
                at(error, &self.stage).help(
                    "the new file is built in the folder of the cache: make sure that it can be \
                     written, and by whom you are",
                )
            })?;
        self.copy_owner(&file)
            .map_err(|error| at(error, &self.stage))?;
        self.made.set(Some(Identity::of(&file.metadata()?)));
        Ok(file)
    }

    /// Leaves the stage for a later run to go on with, under another name: a stage that is there
    /// when a run begins counts as left over.
    ///
    /// # Errors
    /// Those of the file system; the stage is then removed.
    pub fn keep(mut self) -> Result<()> {
        let part = unfinished::part_of(&self.target);
        fs::rename(&self.stage, &part).map_err(|error| at(error, &part))?;
        self.finished = true;
        Ok(())
    }

    /// Makes what [`Replacement::keep`] left the stage; `None` where there is none.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn reopen(&self) -> Result<Option<File>> {
        let part = unfinished::part_of(&self.target);
        let opened = unfinished::open_ours(&part).map_err(|error| at(error, &part))?;
        let Some(file) = opened else {
            return Ok(None);
        };
        self.copy_owner(&file).map_err(|error| at(error, &part))?;
        fs::rename(&part, &self.stage).map_err(|error| at(error, &self.stage))?;
        self.made.set(Some(Identity::of(&file.metadata()?)));
        Ok(Some(file))
    }

    /// Removes what [`Replacement::keep`] left.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget_kept(&self) -> Result<()> {
        let part = unfinished::part_of(&self.target);
        match unfinished::open_ours(&part) {
            Ok(Some(_)) => fs::remove_file(&part).map_err(|error| at(error, &part)),
            // Nothing of ours is in nobody's way.
            _ => Ok(()),
        }
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
        let stage = self.open_stage()?;
        if !Bug::SyncSkipped.is_planted() {
            stage.sync_all().map_err(|error| at(error, &self.stage))?;
        }
        drop(stage);
        self.require_in_place()?;
        let backup = self.keep_original(backup)?;
        self.sync_folder()?;
        self.require_in_place()?;
        fs::rename(&self.stage, &self.target).map_err(|error| at(error, &self.target))?;
        self.finished = true;
        self.sync_folder().map_err(|error| {
            Error::new(
                error.kind(),
                "the new cache is in place, but may not survive a power loss",
            )
            .at(&self.target)
            .caused_by(error)
        })?;
        Ok(backup)
    }

    /// The stage, if it is still the file that this run has made: whatever took its place must not
    /// take that of the cache.
    fn open_stage(&self) -> Result<File> {
        let (stage, found) = open_regular(&self.stage, false)?;
        let named = fs::symlink_metadata(&self.stage).map_err(|error| at(error, &self.stage))?;
        let made = self.made.get();
        if made == Some(Identity::of(&found)) && made == Some(Identity::of(&named)) {
            return Ok(stage);
        }
        Err(Error::new(
            ErrorKind::InUse,
            "another process replaced the new file before it was in place",
        )
        .at(&self.stage)
        .help("the cache is unchanged; run the same command again"))
    }

    /// Gives up: the old file stays, the stage goes.
    pub fn abandon(self) {
        drop(self);
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
        match look_up(&self.stage).map_err(|error| at(error, &self.stage))? {
            None => Ok(()),
            Some(found) if found.is_file() => {
                fs::remove_file(&self.stage).map_err(|error| at(error, &self.stage))
            }
            Some(_) => Err(Error::new(
                ErrorKind::Failed,
                "something that is no file of ours has the name of the stage",
            )
            .at(&self.stage)
            .help("move it out of the way")),
        }
    }

    /// Removes what a run has left that had just made the file and was killed before it had
    /// removed the name that the file had until then.
    fn remove_former_name(&self) -> Result<()> {
        let is_left = fs::symlink_metadata(unfinished::claim_of(&self.target)).is_ok();
        let Some(_claim) = is_left
            .then(|| Claim::on(&self.target, "cache").ok())
            .flatten()
        else {
            return Ok(());
        };
        let part = unfinished::part_of(&self.target);
        let found = fs::symlink_metadata(&part);
        if !found.is_ok_and(|found| Identity::of(&found) == self.lock.identity()) {
            return Ok(());
        }
        fs::remove_file(&part).map_err(|error| at(error, &part))
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
    if Bug::FolderSyncSkipped.is_planted() {
        return Ok(());
    }
    let folder = folder_of(path);
    let sync = || File::open(folder)?.sync_all();
    sync().map_err(|error| at(error, folder))
}

fn at(error: io::Error, path: &Path) -> Error {
    Error::from(error).at(path)
}
