//! Being the only run that builds the file of a name.
//!
//! The part itself cannot carry the lock: redb takes `flock` on it and gives it up when it closes
//! it, which is before the part is verified and named. A process number in its name would tell
//! nothing across containers that share a folder. So there is an empty file beside it, which says
//! nothing by being there, only by being locked: the lock of a killed run ends with it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::copy::refused;
use super::header::Identity;
use super::{holder, unfinished};
use crate::error::{Error, ErrorKind, Result};

/// The right to build the file of a name, until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    /// Its closing is what ends the lock.
    _locked: File,
}

impl Claim {
    /// Claims the name `to` for a `what`.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] when another run has it; those of making a file beside `to`.
    pub(super) fn on(to: &Path, what: &str) -> Result<Self> {
        let path = unfinished::claim_of(to);
        loop {
            let file = open(&path).map_err(|error| refused(error, to, what))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(taken(to, what, &file)),
                Err(TryLockError::Error(error)) => return Err(Error::from(error).at(&path)),
            }
            let identity = Identity::of(&file.metadata()?);
            // Whoever had it removes the file while it is locked: a lock on one that is gone, or
            // that another one has followed, keeps nobody off.
            let found = fs::symlink_metadata(&path);
            if found.is_ok_and(|found| Identity::of(&found) == identity) {
                return Ok(Self {
                    path,
                    _locked: file,
                });
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Without a lock it is in nobody's way.
        drop(fs::remove_file(&self.path));
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
}

fn taken(to: &Path, what: &str, claim: &File) -> Error {
    Error::new(
        ErrorKind::InUse,
        format!("another run is writing the {what}"),
    )
    .at(to)
    .held_by(holder::find(claim).map(|holder| holder.to_string()))
    .help("let it finish, or name another path")
}
