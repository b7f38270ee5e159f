//! Having a cache for oneself, or for writing.

use std::fs::{File, OpenOptions};
use std::ops::Bound;
use std::path::Path;
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{ConcurrencyMode, Database, DatabaseError, StorageBackend};

use super::gather::Gather;
use super::guard;
use super::header::{Header, Identity, open_regular};
use super::holder::{self, Holding};
use super::new::is_begun;
use super::replace::sync_folder_of;
use super::wait::Deadline;
use super::waiting::KEPT;
use crate::error::{Error, ErrorKind, Result};
use crate::sabotage::Bug;

/// The error of whoever could not have `file`, naming the one who has it.
pub(super) fn in_use(path: &Path, file: &File) -> Error {
    Error::new(ErrorKind::InUse, "the cache is in use by another process")
        .at(path)
        .held_by(holder::find(file).map(|holder| holder.to_string()))
        .help("wait for it with --lock-timeout 1m")
}

/// Opens an existing v3 cache for writing, in `mode`, with a redb page cache of `cache_bytes`.
/// Waits for another process until the lock timeout; zero answers at once.
///
/// # Errors
/// [`ErrorKind::NotFound`], [`ErrorKind::InUse`] with the holder, [`ErrorKind::OldFormat`],
/// [`ErrorKind::UnknownLayout`], [`ErrorKind::Damaged`].
pub fn open_for_writing(
    path: impl AsRef<Path>,
    mode: ConcurrencyMode,
    lock_timeout: Duration,
    cache_bytes: usize,
) -> Result<Database> {
    let path = path.as_ref();
    wait_for(path, lock_timeout, |file| {
        Header::of(file)?.require_current()?;
        if !may_join(holder::holding(file), mode) {
            return Ok(None);
        }
        let file = file.try_clone()?;
        guard::catch(
            || match database(file, mode, cache_bytes, cache_bytes / 2) {
                Ok(database) => Ok(Some(database)),
                Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch) => {
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            },
        )
    })
}

/// Makes a cache where [`is_new`](super::is_new) says that there is none yet, in `mode`. A file that
/// another process has made meanwhile is opened as it is.
///
/// # Errors
/// [`ErrorKind::InUse`], and when the file cannot be made.
pub fn create_for_writing(
    path: impl AsRef<Path>,
    mode: ConcurrencyMode,
    cache_bytes: usize,
) -> Result<Database> {
    let path = path.as_ref();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    // The name must be durable before anything that is written is said to be.
    sync_folder_of(path)?;
    if is_begun(&file)? {
        begin_anew(path, &file)?;
    }
    Ok(database(file, mode, cache_bytes, cache_bytes / 2)?)
}

/// Empties a file that redb had only begun to make: it takes no other for a new one.
fn begin_anew(path: &Path, file: &File) -> Result<()> {
    let lock = ExclusiveLock::acquire(path, Duration::ZERO)?;
    if lock.identity() != Identity::of(&file.metadata()?) {
        return Err(in_use(path, file));
    }
    // Until the lock was ours, another process may have made it.
    if is_begun(file)? {
        file.set_len(0)?;
    }
    Ok(())
}

/// Opens a file of our own, empty or a copy of a cache, that nobody else knows of.
///
/// # Errors
/// When redb cannot open it.
pub fn open_stage(file: File, cache_bytes: usize) -> Result<Database> {
    // Most of it is written in its order, so that more would not make the runs longer.
    Ok(database(
        file,
        ConcurrencyMode::default(),
        cache_bytes,
        KEPT,
    )?)
}

/// redb keeps at most half of its cache for pages that it has to write; so much may wait.
fn database(
    file: File,
    mode: ConcurrencyMode,
    cache_bytes: usize,
    waiting_bytes: usize,
) -> std::result::Result<Database, DatabaseError> {
    let backend = Gather::new(FileBackend::new(file)?, waiting_bytes);
    Database::builder()
        .set_cache_size(cache_bytes)
        .set_concurrency_mode(mode)
        .create_with_backend(backend)
}

/// Whether an open in `mode` has a chance. One that has none is not tried: on its way to being
/// refused it takes locks for a moment, and could refuse somebody else.
fn may_join(holding: Holding, mode: ConcurrencyMode) -> bool {
    match holding {
        Holding::Nobody | Holding::Unknown => true,
        Holding::Shared(theirs) => theirs == mode && mode == ConcurrencyMode::MultiWriter,
        Holding::Exclusive => false,
    }
}

/// Calls `once` on the file that `path` names until it gives a lock on it.
fn wait_for<T>(
    path: &Path,
    lock_timeout: Duration,
    mut once: impl FnMut(&File) -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Deadline::after(lock_timeout);
    loop {
        let (file, metadata) = open_regular(path, true)?;
        let locked = once(&file).map_err(|error| error.at(path))?;
        let replaced = !Identity::of(&metadata).is_at(path);
        match locked {
            // Another process swapped the file before the lock was ours: it is of no use.
            Some(_) if replaced => {}
            Some(locked) => return Ok(locked),
            None => {
                if !deadline.pause() {
                    return Err(in_use(path, &file));
                }
            }
        }
    }
}

/// Holds off every writer and every locking reader, of every release of redb, without writing a
/// byte: `flock` keeps off redb before 4.3, the ranges keep off the later ones. Released on drop.
#[derive(Debug)]
pub struct ExclusiveLock {
    identity: Identity,
    backend: FileBackend,
}

impl ExclusiveLock {
    /// Waits for it until the lock timeout.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] with the holder; those of opening.
    pub fn acquire(path: impl AsRef<Path>, lock_timeout: Duration) -> Result<Self> {
        let path = path.as_ref();
        wait_for(path, lock_timeout, |file| {
            let may_join = may_join(holder::holding(file), ConcurrencyMode::ExclusiveWriter);
            if !may_join && !Bug::NotLocked.is_planted() {
                return Ok(None);
            }
            Self::try_acquire(file)
        })
    }

    fn try_acquire(file: &File) -> Result<Option<Self>> {
        let identity = Identity::of(&file.metadata()?);
        match file.try_lock() {
            Ok(()) => {}
            Err(_) if Bug::NotLocked.is_planted() => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        // The copy is of the same open file: `flock` is the pair's and ends with the last of them.
        let backend = FileBackend::new(file.try_clone()?)?;
        let locked = backend.try_lock_range(Bound::Unbounded, Bound::Unbounded);
        if !matches!(locked, Ok(true)) {
            file.unlock()?;
        }
        match locked {
            Ok(true) => Ok(Some(Self { identity, backend })),
            _ if Bug::NotLocked.is_planted() => Ok(Some(Self { identity, backend })),
            Ok(false) => Ok(None),
            Err(error) => Err(Error::new(ErrorKind::Failed, "the cache cannot be locked")
                .caused_by(redb::StorageError::from(error))),
        }
    }

    /// The file that is locked.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }
}

impl Drop for ExclusiveLock {
    fn drop(&mut self) {
        // Closing the last descriptor releases whatever this leaves.
        let _ = self.backend.close();
    }
}
