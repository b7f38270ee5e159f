//! Reading a cache of any era, whoever holds it, without writing a byte or taking a lock that
//! could be in anybody's way.
//!
//! | file | held | way | what makes it consistent |
//! |---|---|---|---|
//! | v3, closed cleanly | - | [`Verified`] | every page read has its checksum |
//! | v3 | exclusively | [`Verified`] | the same; a page reused meanwhile fails, and one tries again |
//! | v3 | by a redb that shares | redb's own read-only handle | redb's reader lock |
//! | v3, left by a killed process | - | repair over a [`Shadow`] | redb verifies all; the header stays the same |
//! | v2 | - or exclusively | redb 2.6 over a [`Shadow`] | the header stays the same |

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::Duration;

use redb as engine;
use redb::{ConcurrencyMode, ReadableDatabase};

use super::guard;
use super::header::{FileFormat, Header, open_regular};
use super::holder::{self, Holding};
use super::lock;
use super::shadow::Shadow;
use super::space;
use super::tables::tables_of_engine;
use super::verified::{Torn, Verified};
use super::wait::Deadline;

/// redb's page cache for one snapshot; its default is 1 GiB.
const CACHE: usize = 16 << 20;

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

/// How a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadVia {
    /// Nobody else has the file open.
    Quiet,
    /// Another process holds it for itself: a snapshot without the lock.
    LockFree,
    /// Another process holds it and shares it.
    Shared,
}

enum Keep {
    Written(redb::Database),
    Read(redb::ReadOnlyDatabase),
}

/// One commit of a v3 file. Fields drop in this order.
struct Era3 {
    transaction: redb::ReadTransaction,
    database: Keep,
}

tables_of_engine!(Era3);

impl Era3 {
    fn repaired(file: File, verify: bool) -> Result<Self> {
        let database = builder()
            .set_check_integrity_on_open(verify)
            .create_with_backend(Shadow::new(file)?)?;
        Ok(Self {
            transaction: database.begin_read()?,
            database: Keep::Written(database),
        })
    }

    fn read_only(database: redb::ReadOnlyDatabase) -> Result<Self> {
        Ok(Self {
            transaction: database.begin_read()?,
            database: Keep::Read(database),
        })
    }

    fn transaction(&self) -> &ReadTransaction {
        &self.transaction
    }

    fn begin_read(&self) -> Result<ReadTransaction> {
        Ok(match &self.database {
            Keep::Written(database) => database.begin_read()?,
            Keep::Read(database) => database.begin_read()?,
        })
    }
}

fn builder() -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

enum Era {
    #[cfg(feature = "cli")]
    V2(super::era2::Era2),
    V3(Era3),
}

/// What must hold for what was read to be one commit.
enum Proof {
    /// Every page that was read belongs to the commit of the header.
    Pages(Torn),
    /// No commit came in between.
    SameHeader,
    /// redb's own lock, or a file that nobody else can reach.
    Lock,
}

/// The read-only view of one commit of a cache.
pub struct Snapshot {
    era: Era,
    header: Header,
    metadata: Metadata,
    via: ReadVia,
    proof: Proof,
}

impl Snapshot {
    /// Every table, in the order of their names, multimap tables last.
    ///
    /// # Errors
    /// Those of reading.
    pub fn tables(&self) -> Result<Vec<TableInfo>> {
        self.era().list()
    }

    /// The table of that name, if there is one.
    ///
    /// # Errors
    /// Those of reading.
    pub fn table(&self, name: &str) -> Result<Option<TableInfo>> {
        self.era().info(name)
    }

    /// One row's value. A table that is not there has no rows.
    ///
    /// # Errors
    /// Those of reading, and a table whose rows cannot be read.
    pub fn get(&self, table: &str, key: &str) -> Result<Option<Value>> {
        self.era().get(table, key)
    }

    /// Calls `visit` for each row in key order, beginning at the key `from`, until it breaks. One
    /// row at a time is in memory. A table that is not there has no rows.
    ///
    /// # Errors
    /// Those of reading and of `visit`, and a table whose rows cannot be read.
    pub fn scan(
        &self,
        table: &str,
        from: Option<&str>,
        visit: &mut dyn FnMut(&str, ValueRef<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.era().scan(table, from, visit)
    }

    /// The pages of a table. Reads all of them.
    ///
    /// # Errors
    /// Those of reading.
    pub fn measure(&self, table: &str) -> Result<PageUse> {
        self.era().measure(table)
    }

    /// A read transaction of one's own on a v3 file; `None` on an older one.
    ///
    /// # Errors
    /// When redb fails.
    pub fn begin_read(&self) -> Result<Option<redb::ReadTransaction>> {
        match &self.era {
            Era::V3(era) => era.begin_read().map(Some),
            #[cfg(feature = "cli")]
            Era::V2(_) => Ok(None),
        }
    }

    /// The read transaction of a v3 file, for tables whose keys are not strings.
    #[must_use]
    pub fn transaction(&self) -> Option<&redb::ReadTransaction> {
        match &self.era {
            Era::V3(era) => Some(era.transaction()),
            #[cfg(feature = "cli")]
            Era::V2(_) => None,
        }
    }

    /// The file format.
    #[must_use]
    pub fn format(&self) -> FileFormat {
        self.header.format()
    }

    /// The header as it was when the snapshot was taken.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.metadata.len()
    }

    /// Bytes that the file takes on the disk.
    #[must_use]
    pub fn bytes_on_disk(&self) -> u64 {
        space::on_disk(&self.metadata)
    }

    /// What the file system says of the file.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether the last writer closed the file. While one has it open the answer is no.
    #[must_use]
    pub fn was_clean(&self) -> bool {
        self.header.closed_cleanly()
    }

    /// How it was taken.
    #[must_use]
    pub fn via(&self) -> ReadVia {
        self.via
    }

    fn era(&self) -> &dyn Tables {
        match &self.era {
            Era::V3(era) => era,
            #[cfg(feature = "cli")]
            Era::V2(era) => era,
        }
    }

    /// A snapshot of a copy that nobody else can reach, of the commit that `header` names.
    #[cfg(feature = "cli")]
    pub(super) fn of_copy(copy: File, source: &Source) -> Result<Self> {
        let (era, _) = verified(copy, &source.header)?;
        Ok(Self {
            era,
            header: source.header.clone(),
            metadata: source.metadata.clone(),
            via: ReadVia::LockFree,
            proof: Proof::Lock,
        })
    }

    pub(super) fn open(source: &Source, way: Way, verify: bool) -> Result<Self> {
        let file = source.file.try_clone()?;
        let (era, proof) = match way {
            Way::Verified => verified(file, &source.header)?,
            Way::Repaired => repaired(file, source.header.format(), verify)?,
            Way::Shared(mode) => shared(&source.path, mode)?,
        };
        Ok(Self {
            era,
            header: source.header.clone(),
            metadata: source.metadata.clone(),
            via: source.via(),
            proof,
        })
    }
}

fn verified(file: File, header: &Header) -> Result<(Era, Proof)> {
    let backend = Verified::new(file, header.clone());
    let torn = backend.torn();
    let opened = builder()
        .set_concurrency_mode(ConcurrencyMode::SingleWriter)
        .open_read_only_with_backend(backend)
        .map_err(Error::from)
        .and_then(Era3::read_only)
        .map_err(|error| torn.error().unwrap_or(error))?;
    Ok((Era::V3(opened), Proof::Pages(torn)))
}

fn repaired(file: File, format: FileFormat, verify: bool) -> Result<(Era, Proof)> {
    let era = match format {
        FileFormat::V3 => Era::V3(Era3::repaired(file, verify)?),
        #[cfg(feature = "cli")]
        FileFormat::V2 => Era::V2(super::era2::Era2::open(file, verify)?),
        _ => return Err(redb::DatabaseError::UpgradeRequired(2).into()),
    };
    Ok((era, Proof::SameHeader))
}

fn shared(path: &Path, mode: ConcurrencyMode) -> Result<(Era, Proof)> {
    let database = builder().set_concurrency_mode(mode).open_read_only(path)?;
    Ok((Era::V3(Era3::read_only(database)?), Proof::Lock))
}

/// How a file is opened for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Verified,
    Repaired,
    Shared(ConcurrencyMode),
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

    fn via(&self) -> ReadVia {
        match self.holding {
            Holding::Nobody => ReadVia::Quiet,
            Holding::Shared(_) => ReadVia::Shared,
            Holding::Unknown if self.header.closed_cleanly() => ReadVia::Quiet,
            Holding::Exclusive | Holding::Unknown => ReadVia::LockFree,
        }
    }

    pub(super) fn way(&self, verify: bool) -> Way {
        if verify || self.header.format() != FileFormat::V3 {
            return Way::Repaired;
        }
        match self.holding {
            Holding::Shared(mode) => Way::Shared(mode),
            Holding::Nobody if !self.header.closed_cleanly() => Way::Repaired,
            _ => Way::Verified,
        }
    }

    pub(super) fn is_unchanged(&self) -> bool {
        Header::of(&self.file).is_ok_and(|now| now == self.header)
    }
}

/// What came of one try.
pub(super) enum Try<T> {
    /// The result counts, be it an error.
    Done(Result<T>),
    /// A writer may have come in between; the error counts if none did.
    Disturbed(Error),
}

fn attempt<T>(
    source: &Source,
    way: Way,
    verify: bool,
    f: impl FnOnce(&Snapshot) -> Result<T>,
) -> Try<T> {
    match guard::catch(|| Snapshot::open(source, way, verify)) {
        Ok(snapshot) => snapshot.run(source, f),
        Err(error) => Try::Disturbed(error),
    }
}

impl Snapshot {
    /// Runs `f`, and tells whether all that it read is of one commit.
    pub(super) fn run<T>(self, source: &Source, f: impl FnOnce(&Self) -> Result<T>) -> Try<T> {
        let result = guard::catch(|| f(&self));
        let disturbed = match &self.proof {
            Proof::Pages(torn) => torn.error(),
            Proof::SameHeader => (!source.is_unchanged()).then(in_between),
            Proof::Lock => None,
        };
        // redb may panic once more when it closes what it panicked over.
        let closed = guard::catch(|| {
            drop(self);
            Ok(())
        });
        match disturbed {
            None => Try::Done(result.and_then(|value| closed.map(|()| value))),
            Some(error) => Try::Disturbed(error),
        }
    }
}

fn in_between() -> Error {
    Error::new(
        ErrorKind::InUse,
        "a writer changed the cache while it was read",
    )
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
            Try::Disturbed(error) => error,
        };
        let quiet = source.is_unchanged() && holder::holding(&source.file) == Holding::Nobody;
        let settled = again && source.is_unchanged() && error.kind() != ErrorKind::InUse;
        if settled || (quiet && way != Way::Verified) || (quiet && source.header.closed_cleanly()) {
            return Err(as_damage(error).at(path));
        }
        stuck = source.is_unchanged().then(|| source.header.clone());
        if !deadline.pause() {
            return Err(lock::in_use(path, &source.file).caused_by(error));
        }
    }
}

/// Where redb is led to a place that the file does not have, the system's answer says so little.
fn as_damage(error: Error) -> Error {
    use std::error::Error as _;
    let beyond = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof);
    if beyond {
        return Error::new(ErrorKind::Damaged, "the cache is damaged").caused_by(error);
    }
    error
}
