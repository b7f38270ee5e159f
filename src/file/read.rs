//! Reading a cache of any era, whoever holds it, without writing a byte or taking a lock that
//! could be in anybody's way.
//!
//! | file | held | way | what makes it consistent |
//! |---|---|---|---|
//! | v2 or v3, closed cleanly | - | verified pages, without redb | every page read has its checksum |
//! | v3 | exclusively | verified pages | the same; a page reused meanwhile fails, and one tries again |
//! | v3 | by a redb that shares | redb's own read-only handle | redb's reader lock |
//! | v3, left by a killed process | - | repair over a shadow | redb verifies all; the header stays the same |
//! | v2, else | - or exclusively | redb 2.6 over a shadow | the header stays the same |

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::guard;
use super::header::{FileFormat, Header, open_regular};
use super::holder::{self, Holding};
use super::lock;
use super::snapshot::{ReadVia, Snapshot, Way};
use super::wait::Deadline;
use crate::error::{Error, ErrorKind, Result, SEE_REPAIR};

/// How patient and how thorough a reader is.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// How long to try again when a writer came in between.
    pub lock_timeout: Duration,
    /// Check every page of the file first. Reads the whole file.
    pub verify: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(5),
            verify: false,
        }
    }
}

/// What came of one try.
pub(super) enum Try<T> {
    /// The result counts, be it an error.
    Done(Result<T>),
    /// A writer may have come in between; the error counts if none did.
    Disturbed(Error),
}

/// A file as it was found: what is read must fit this header.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) metadata: Metadata,
    pub(super) header: Header,
    pub(super) holding: Holding,
}

impl Source {
    pub(super) fn find(path: &Path) -> Result<Self> {
        let (file, metadata) = open_regular(path, false)?;
        let header = Header::of(&file)?;
        header.require_known()?;
        Ok(Self {
            path: path.to_owned(),
            holding: holder::holding(&file),
            metadata,
            header,
            file,
        })
    }

    #[cfg(feature = "cli")]
    pub(super) fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            path: self.path.clone(),
            file: self.file.try_clone()?,
            metadata: self.metadata.clone(),
            header: self.header.clone(),
            holding: self.holding,
        })
    }

    pub(super) fn via(&self) -> ReadVia {
        match self.holding {
            Holding::Nobody => ReadVia::Quiet,
            Holding::Shared(_) => ReadVia::Shared,
            Holding::Unknown if self.header.closed_cleanly() => ReadVia::Quiet,
            Holding::Exclusive | Holding::Unknown => ReadVia::LockFree,
        }
    }

    pub(super) fn way(&self, verify: bool) -> Way {
        if !self.header.is_checked_when_read() {
            return Way::Repaired;
        }
        match self.holding {
            Holding::Nobody | Holding::Unknown if verify && !self.names_all() => Way::Repaired,
            _ if verify => Way::Verified,
            // Whoever holds an old file does so for itself: redb 2 knows no sharing.
            Holding::Shared(mode) if self.header.format() == FileFormat::V3 => Way::Shared(mode),
            Holding::Nobody if !self.header.closed_cleanly() => Way::Repaired,
            _ => Way::Verified,
        }
    }

    /// Whether every page can be found from the header. redb 2 had a list of free pages, too, and
    /// only redb knows what is free in a file that was not closed.
    fn names_all(&self) -> bool {
        self.header.format() == FileFormat::V3 && self.header.is_at_rest()
    }

    /// Whether nothing was committed since.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn is_unchanged(&self) -> Result<bool> {
        match Header::of(&self.file) {
            Err(error) if error.is_of_system() => Err(error),
            now => Ok(now.is_ok_and(|now| now == self.header)),
        }
    }
}

fn attempt<T>(
    source: &Source,
    way: Way,
    verify: bool,
    f: impl FnOnce(&Snapshot) -> Result<T>,
) -> Try<T> {
    match guard::catch(|| Snapshot::open(source, way, verify)) {
        Ok(snapshot) => snapshot.run(source, |snapshot| {
            // redb checks every page when it opens a file that nobody has, and no other.
            if verify && way != Way::Repaired {
                snapshot.read_all()?;
            }
            f(snapshot)
        }),
        Err(error) => Try::Disturbed(error),
    }
}

/// Runs `f` on a snapshot of the cache at `path`. When a writer was faster, `f` runs again on a
/// newer one; what it returns is of one commit.
///
/// # Errors
/// Those of `f`; [`ErrorKind::NotFound`], [`ErrorKind::Damaged`], [`ErrorKind::UnknownLayout`];
/// [`ErrorKind::InUse`] when writers left no gap until the lock timeout.
pub fn read<T>(
    path: impl AsRef<Path>,
    options: &ReadOptions,
    mut f: impl FnMut(&Snapshot) -> Result<T>,
) -> Result<T> {
    retry(path.as_ref(), options, |source, way| {
        attempt(source, way, options.verify, &mut f)
    })
}

/// Tries until one try is not disturbed, or the time is up.
pub(super) fn retry<T>(
    path: &Path,
    options: &ReadOptions,
    mut once: impl FnMut(&Source, Way) -> Try<T>,
) -> Result<T> {
    let deadline = Deadline::after(options.lock_timeout);
    // The header of the try before, if nothing was committed since and yet it failed.
    let mut stuck: Option<Header> = None;
    // Whether its pages, read one by one, were not all of it.
    let mut torn = false;
    loop {
        let source = Source::find(path).map_err(|error| error.at(path))?;
        let again = stuck.as_ref() == Some(&source.header);
        let way = match source.way(options.verify) {
            // Half of a commit may be in the file, of a writer that sleeps or was killed.
            Way::Verified if again && !source.header.closed_cleanly() => Way::Repaired,
            // A generation of redb's locks that ours does not share with.
            Way::Shared(_) if again => Way::Verified,
            way => way,
        };
        let error = match once(&source, way) {
            Try::Done(result) => return result.map_err(|error| error.at(path)),
            Try::Disturbed(error) if error.is_of_system() => return Err(error.at(path)),
            Try::Disturbed(error) => error,
        };
        let unchanged = source.is_unchanged().map_err(|error| error.at(path))?;
        torn = way == Way::Verified || again && torn;
        // Either nobody could have disturbed it, or the same came of the same commit twice. What
        // redb reads of a file in use it does not check, and so it proves nothing.
        let nobody = holder::holding(&source.file) == Holding::Nobody
            && (way == Way::Repaired || source.header.closed_cleanly());
        if unchanged && (nobody || again && torn && error.kind() != ErrorKind::InUse) {
            return Err(as_damage(error).at(path));
        }
        stuck = unchanged.then(|| source.header.clone());
        if !deadline.pause() {
            return Err(lock::in_use(path, &source.file).caused_by(error));
        }
    }
}

/// Where redb is led to a place that the file does not have, the system's answer says so little.
pub(super) fn as_damage(error: Error) -> Error {
    if error.is_end_of_file() {
        return Error::new(ErrorKind::Damaged, "the cache is damaged")
            .caused_by(error)
            .help(SEE_REPAIR);
    }
    error
}
