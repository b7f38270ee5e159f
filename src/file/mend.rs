//! Having redb repair a file, of whichever format.

use std::fs::File;
use std::path::Path;

use redb2 as engine2;

use super::guard;
use super::header::{FileFormat, Header, open_regular};
use super::read::as_damage;
use super::shadow::Shadow;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of pages that redb keeps in memory.
const CACHE: usize = 16 << 20;

/// Has redb check every page of a copy that nobody else knows of, repair it, and close it. `step` is
/// told how far that has come, from 0 to 1, and ends it with `false`.
///
/// # Errors
/// [`ErrorKind::Damaged`] when redb cannot; those of the file system.
pub fn mend(
    copy: File,
    format: FileFormat,
    step: impl Fn(f64) -> bool + Send + 'static,
) -> Result<()> {
    guard::catch(|| match format {
        FileFormat::V3 => current(redb::backends::FileBackend::new(copy)?, step),
        FileFormat::V2 => {
            let backend = engine2::backends::FileBackend::new(copy)?;
            old(backend, step).map(drop)
        }
        FileFormat::Unknown(version) => Err(super::header::unknown(version)),
    })
    .map_err(as_damage)
}

/// Whether redb found all well in the file at `path`, of which no byte is written; or, as [`mend`],
/// why it could not repair it.
///
/// # Errors
/// When the file cannot be opened, or is of a later release.
pub fn rehearse(path: &Path) -> Result<Result<bool>> {
    let opened = || {
        let (file, _) = open_regular(path, false)?;
        let header = Header::of(&file)?;
        header.require_known()?;
        Ok((header, Shadow::new(file)?))
    };
    let (header, shadow) = opened().map_err(|error: Error| error.at(path))?;
    let failed = shadow.first_error();
    let clean = guard::catch(|| match header.format() {
        FileFormat::V3 => current(shadow, |_| true).map(|()| true),
        _ => old(shadow, |_| true),
    });
    if let (true, Some(error)) = (clean.is_ok(), failed.error()) {
        return Ok(Err(error));
    }
    Ok(clean
        .map(|clean| clean && header.closed_cleanly())
        .map_err(as_damage))
}

fn current(backend: impl redb::StorageBackend, step: impl Fn(f64) -> bool + 'static) -> Result<()> {
    let database = redb::Builder::new()
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(true)
        .set_repair_callback(move |session| {
            if !step(session.progress()) {
                session.abort();
            }
        })
        .create_with_backend(backend)?;
    Ok(database.close()?)
}

/// Says whether all was well.
fn old(
    backend: impl engine2::StorageBackend,
    step: impl Fn(f64) -> bool + 'static,
) -> Result<bool> {
    let mut database = engine2::Builder::new()
        .set_cache_size(CACHE)
        .set_repair_callback(move |session| {
            if !step(session.progress()) {
                session.abort();
            }
        })
        .create_with_backend(backend)?;
    let clean = database.check_integrity()?;
    // What it has repaired must be found well.
    if clean || database.check_integrity()? {
        return Ok(clean);
    }
    Err(Error::new(
        ErrorKind::Damaged,
        "the cache is damaged: redb 2.6 cannot repair it",
    ))
}
