//! A durable copy of a file under a name that was free.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::replace::{folder_of, sync_folder_of};
use super::space;
use crate::error::{Error, ErrorKind, Result};

/// Copies `from` to `to`, open to nobody but its owner, and returns when the copy is durable. It
/// gets its name when it is whole.
///
/// # Errors
/// [`ErrorKind::Failed`] when there is something at `to`, [`ErrorKind::NoSpace`].
pub fn copy_new(from: &Path, to: &Path) -> Result<()> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(refused(io::ErrorKind::AlreadyExists.into(), to));
    }
    let mut source = File::open(from).map_err(|error| Error::from(error).at(from))?;
    let metadata = source.metadata()?;
    if folder_of(to).is_dir() {
        space::require(folder_of(to), space::on_disk(&metadata))?;
    }
    let part = Part::beside(to)?;
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(metadata.mode() & 0o600)
        .open(&part.0)
        .map_err(|error| refused(error, to))?;
    io::copy(&mut source, &mut copy)
        .and_then(|_| copy.sync_all())
        .and_then(|()| part.become_named(to))
        .map_err(|error| refused(error, to))?;
    drop(part);
    sync_folder_of(to)
}

/// A copy that is not whole yet. Its name goes when it is dropped.
struct Part(PathBuf);

impl Part {
    /// The name beside `to`, free of what a killed run left.
    fn beside(to: &Path) -> Result<Self> {
        let mut name = OsString::from(".");
        name.push(to.file_name().unwrap_or_default());
        name.push(".redb-cache-part");
        let part = to.with_file_name(name);
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused(error, to)),
            _ => Ok(Self(part)),
        }
    }

    fn become_named(&self, to: &Path) -> io::Result<()> {
        match fs::hard_link(&self.0, to) {
            // A file system without hard links.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
                ) && fs::symlink_metadata(to).is_err() =>
            {
                fs::rename(&self.0, to)
            }
            linked => linked,
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // The next run removes what this cannot.
        drop(fs::remove_file(&self.0));
    }
}

/// Why there can be no backup at `to`.
pub(super) fn refused(error: io::Error, to: &Path) -> Error {
    let error = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::new(ErrorKind::Failed, "the backup would overwrite a file")
                .help("name a path that does not exist")
        }
        // Not the cache is missing, and so this is no `NotFound`.
        io::ErrorKind::NotFound => Error::new(
            ErrorKind::Failed,
            "the folder for the backup does not exist",
        )
        .help("make it, or name another path"),
        _ => Error::from(error),
    };
    error.at(to)
}
