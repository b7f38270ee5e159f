//! A durable copy of a file under a name that was free.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::replace::sync_folder_of;
use super::space;
use crate::error::{Error, ErrorKind, Result};

/// Copies `from` to `to`, open to nobody but its owner, and returns when the copy is durable.
///
/// # Errors
/// [`ErrorKind::Failed`] when there is something at `to`, [`ErrorKind::NoSpace`].
pub fn copy_new(from: &Path, to: &Path) -> Result<()> {
    let mut source = File::open(from).map_err(|error| Error::from(error).at(from))?;
    let metadata = source.metadata()?;
    if let Some(folder) = to.parent().filter(|folder| folder.is_dir()) {
        space::require(folder, space::on_disk(&metadata))?;
    }
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(metadata.mode() & 0o600)
        .open(to)
        .map_err(|error| refused(error, to))?;
    let copied = io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all());
    if copied.is_err() {
        // Ours, as `create_new` says. What failed is told; this is only tidying.
        drop(fs::remove_file(to));
    }
    copied.map_err(|error| Error::from(error).at(to))?;
    sync_folder_of(to)
}

fn refused(error: io::Error, to: &Path) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Error::new(ErrorKind::Failed, "the backup would overwrite a file")
            .at(to)
            .help("name a path that does not exist");
    }
    Error::from(error).at(to)
}
