//! Room on the disk.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, ErrorKind, MAKE_ROOM, Result};

/// Bytes that a file takes on the disk, which for a sparse one are fewer than its length.
#[must_use]
pub fn on_disk(metadata: &Metadata) -> u64 {
    metadata.blocks().saturating_mul(512)
}

/// Bytes free for us on the file system that holds `path`.
///
/// # Errors
/// When the file system does not say.
pub fn free_bytes(path: impl AsRef<Path>) -> Result<u64> {
    let path = path.as_ref();
    let status = rustix::fs::statvfs(path)
        .map_err(|errno| Error::from(std::io::Error::from(errno)).at(path))?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}

/// Refuses to begin what cannot end for lack of room.
///
/// # Errors
/// [`ErrorKind::NoSpace`].
pub fn require(path: impl AsRef<Path>, bytes: u64) -> Result<()> {
    let path = path.as_ref();
    let free = free_bytes(path)?;
    if free >= bytes {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NoSpace,
        format!("the disk has {free} bytes free, and {bytes} are needed"),
    )
    .at(path)
    .help(MAKE_ROOM))
}
