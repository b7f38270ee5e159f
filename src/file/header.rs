//! The first 320 bytes of a redb file, which every commit rewrites.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::bytes::{size_at, u32_at};
use super::geometry::Geometry;
use super::pages::Link;
use super::slot;
use crate::error::{Error, ErrorKind, Result, SEE_REPAIR};

/// Magic number, flags, geometry and the two commit slots.
pub(super) const LEN: usize = 320;

pub(super) const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";
const FLAGS: usize = 9;
const PRIMARY_IS_SLOT_1: u8 = 1;
const RECOVERY_REQUIRED: u8 = 2;
/// A shared-mode writer died between writing a commit and flushing it: the other slot counts.
const PRIMARY_UNFLUSHED: u8 = 8;
const SLOT_0: usize = 64;
const SLOT_1: usize = 192;

/// The version of redb's file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// redb 1.x and 2.x: every cache of do-memory 0.1.16 and earlier.
    V2,
    /// redb 3 and later.
    V3,
    /// None that this release knows.
    Unknown(u8),
}

/// Which file it is, whatever its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Of a file or folder.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    pub(super) fn inode(self) -> u64 {
        self.inode
    }

    pub(super) fn device(self) -> u64 {
        self.device
    }

    /// Whether `path` leads to this very file.
    pub(super) fn is_at(self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| Self::of(&metadata) == self)
    }
}

/// A redb file's header. Two that are equal say that no commit came between them.
#[derive(Clone, PartialEq, Eq)]
pub struct Header([u8; LEN]);

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Header({:?}, flags {:#x})", self.format(), self.flags())
    }
}

impl Header {
    /// Reads the header at `path`; creates nothing, waits for nothing.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Damaged`] for anything but a redb file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (file, _) = open_regular(path, false)?;
        Self::of(&file).map_err(|error| error.at(path))
    }

    /// Reads the header of an open file.
    pub(super) fn of(file: &File) -> Result<Self> {
        let length = file.metadata()?.len();
        if length == 0 {
            return Err(damaged("the file is empty"));
        }
        let mut raw = [0; LEN];
        let truncated = length < LEN as u64;
        match file.read_exact_at(&mut raw, 0) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            _ if !raw.starts_with(MAGIC) => return Err(damaged("this is not a redb file")),
            Err(_) => return Err(broken("the file is truncated")),
            Ok(()) if truncated => return Err(broken("the file is truncated")),
            Ok(()) => {}
        }
        let header = Self(raw);
        header.check(length)?;
        Ok(header)
    }

    fn check(&self, length: u64) -> Result<()> {
        let (first, second) = self.versions();
        // redb 2 upgrades one slot after the other; a slot that fails its checksum says nothing.
        let is_whole = |at| self.0.get(at..).and_then(slot::commit).is_some();
        let upgrading = matches!((first, second), (2, 3) | (3, 2));
        if first != second && !(upgrading && is_whole(SLOT_0) && is_whole(SLOT_1)) {
            return Err(broken("its two commit slots disagree about the format"));
        }
        if self.require_known().is_err() {
            return Ok(());
        }
        let geometry = self
            .geometry()
            .ok_or_else(|| broken("its header holds impossible sizes"))?;
        // A live writer's file grows and shrinks; only a clean close settles the length.
        let stored = self.stored_length(geometry);
        if self.closed_cleanly() && stored.is_none_or(|stored| length < stored) {
            return Err(broken("the file is truncated"));
        }
        Ok(())
    }

    fn stored_length(&self, geometry: Geometry) -> Option<u64> {
        let full = u64::from(u32_at(&self.0, 24)?);
        let trailing = u64::from(u32_at(&self.0, 28)?);
        geometry.file_length(full, trailing)
    }

    fn flags(&self) -> u8 {
        self.0.get(FLAGS).copied().unwrap_or_default()
    }

    fn versions(&self) -> (u8, u8) {
        let at = |slot| self.0.get(slot).copied().unwrap_or_default();
        (at(SLOT_0), at(SLOT_1))
    }

    /// The file format. redb 2 upgrades a file slot by slot; one old slot makes it an old file.
    #[must_use]
    pub fn format(&self) -> FileFormat {
        match self.versions() {
            (3, 3) => FileFormat::V3,
            (2 | 3, 2 | 3) => FileFormat::V2,
            (other, _) => FileFormat::Unknown(other),
        }
    }

    /// Whether the last writer closed the file. While one has it open the answer is no.
    #[must_use]
    pub fn closed_cleanly(&self) -> bool {
        self.flags() & (RECOVERY_REQUIRED | PRIMARY_UNFLUSHED) == 0
    }

    /// Refuses a format that this release cannot write.
    ///
    /// # Errors
    /// [`ErrorKind::OldFormat`], [`ErrorKind::UnknownLayout`].
    pub fn require_current(&self) -> Result<()> {
        match self.format() {
            FileFormat::V3 => Ok(()),
            FileFormat::V2 => Err(redb::DatabaseError::UpgradeRequired(2).into()),
            FileFormat::Unknown(version) => Err(unknown(version)),
        }
    }

    /// Refuses a format that this release cannot read.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownLayout`].
    pub fn require_known(&self) -> Result<()> {
        match self.format() {
            FileFormat::V2 | FileFormat::V3 => Ok(()),
            FileFormat::Unknown(version) => Err(unknown(version)),
        }
    }

    /// The tree of tables of the commit that another process may read. `None` is an empty file.
    pub(super) fn root(&self) -> Option<Link> {
        slot::root(self.readable_slot()?)
    }

    /// The tree of redb's own tables of that commit, if it has any.
    pub(super) fn system_root(&self) -> Option<Link> {
        slot::system_root(self.readable_slot()?)
    }

    fn readable_slot(&self) -> Option<&[u8]> {
        let primary_is_1 = self.flags() & PRIMARY_IS_SLOT_1 != 0;
        let unflushed = self.flags() & PRIMARY_UNFLUSHED != 0;
        let slot = if primary_is_1 == unflushed {
            SLOT_0
        } else {
            SLOT_1
        };
        self.0.get(slot..)
    }

    /// What is there instead of a header, unchecked; what is missing at its end is zero.
    #[cfg(feature = "cli")]
    pub(super) fn remains_of(file: &File) -> Result<Self> {
        let mut raw = [0; LEN];
        let mut filled = 0;
        while let Some(rest) = raw.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(Self(raw))
    }

    /// Whether it begins as the header of a redb file.
    #[cfg(feature = "cli")]
    pub(super) fn has_magic(&self) -> bool {
        self.0.starts_with(MAGIC)
    }

    /// The two commit slots, the one first that the flags call the primary.
    #[cfg(feature = "cli")]
    pub(super) fn slots(&self) -> [(u8, &[u8]); 2] {
        let at = |number, start| (number, self.0.get(start..).unwrap_or_default());
        match self.flags() & PRIMARY_IS_SLOT_1 {
            0 => [at(0, SLOT_0), at(1, SLOT_1)],
            _ => [at(1, SLOT_1), at(0, SLOT_0)],
        }
    }

    /// Whether every page can be checked when it is read. redb 2.6 cannot do so, and a v2 file that
    /// was not closed is for it to repair.
    #[must_use]
    pub fn is_checked_when_read(&self) -> bool {
        match self.format() {
            FileFormat::V3 => true,
            FileFormat::V2 => self.is_at_rest(),
            FileFormat::Unknown(_) => false,
        }
    }

    /// Whether the last writer closed the file, and left no doubt of its last commit.
    pub(super) fn is_at_rest(&self) -> bool {
        self.closed_cleanly() && self.names_newest_commit()
    }

    /// Whether the commit slot that counts is whole, and no newer one beside it is.
    fn names_newest_commit(&self) -> bool {
        let (primary, other) = match self.flags() & PRIMARY_IS_SLOT_1 {
            0 => (SLOT_0, SLOT_1),
            _ => (SLOT_1, SLOT_0),
        };
        let commit = |at| self.0.get(at..).and_then(slot::commit);
        commit(primary).is_some_and(|number| commit(other) <= Some(number))
    }

    /// Where pages lie in the file.
    pub(super) fn geometry(&self) -> Option<Geometry> {
        Geometry::new(
            size_at(&self.0, 12)?,
            u32_at(&self.0, 16)?,
            u32_at(&self.0, 20)?,
        )
    }

    pub(super) fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

/// Of a file that once was one of redb's.
fn broken(what: &str) -> Error {
    damaged(what).help(SEE_REPAIR)
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Damaged, what)
}

pub(super) fn unknown(version: u8) -> Error {
    Error::new(
        ErrorKind::UnknownLayout,
        format!("the cache has file format v{version}, which this release does not know"),
    )
    .help("use the release of redb-cache that belongs to the program that wrote it")
}

/// Demands that a file begins as one of redb's, in whatever state the rest of it is.
///
/// # Errors
/// [`ErrorKind::Damaged`]; those of opening it.
#[cfg(feature = "cli")]
pub fn require_redb(path: &Path) -> Result<()> {
    let (file, _) = open_regular(path, false)?;
    if Header::remains_of(&file)?.has_magic() {
        return Ok(());
    }
    Err(damaged("this is not a redb file").at(path))
}

/// What has this name, be it a link; `None` where the name is free. A name that could not be looked
/// at is neither.
pub(crate) fn look_up(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        // Below a file there is nothing.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Opens a regular file, and nothing else: a FIFO would block, a device may act.
pub(crate) fn open_regular(path: &Path, write: bool) -> Result<(File, Metadata)> {
    let open = || -> Result<(File, Metadata)> {
        require_regular(&fs::metadata(path)?)?;
        let file = OpenOptions::new()
            .read(true)
            .write(write)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(path)?;
        let metadata = file.metadata()?;
        require_regular(&metadata)?;
        Ok((file, metadata))
    };
    open().map_err(|error| explain_missing(error).at(path))
}

fn require_regular(metadata: &Metadata) -> Result<()> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(damaged(&format!("this is {what}, not a cache")))
}

fn explain_missing(error: Error) -> Error {
    use std::error::Error as _;
    let below_a_file = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|io| io.kind() == io::ErrorKind::NotADirectory);
    if error.kind() == ErrorKind::NotFound || below_a_file {
        return Error::new(ErrorKind::NotFound, "there is no such cache")
            .help("name it with --cache PATH or REDB_CACHE_PATH");
    }
    error
}
