//! The view of one commit of a cache file.

mod open;

#[cfg(feature = "cli")]
use std::fs::File;
use std::fs::Metadata;
use std::ops::ControlFlow;
use std::sync::Arc;

pub(super) use open::Way;
use open::{Era, Proof};

use super::guard;
use super::header::{FileFormat, Header};
use super::read::{Source, Try};
use super::shadow::FirstError;
use super::space;
use super::tables::{PageUse, TableInfo, Tables, Value, ValueRef};
use crate::error::{Error, ErrorKind, Result};

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

impl ReadVia {
    /// How it is told, to people and to programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::LockFree => "snapshot without the lock",
            Self::Shared => "shared",
        }
    }
}

impl serde::Serialize for ReadVia {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
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
    /// Those of reading, and [`ErrorKind::UnknownLayout`] where there are more than
    /// [`MAX_TABLES`](super::MAX_TABLES).
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

    /// [`scan`](Self::scan) of all rows of a small table, and of a large one of so many that they
    /// tell about the others: see [`sample_size`](super::sample_size).
    ///
    /// # Errors
    /// As [`scan`](Self::scan).
    #[cfg(feature = "cli")]
    pub fn sample(
        &self,
        table: &str,
        visit: &mut dyn FnMut(&str, ValueRef<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.era().sample(table, visit)
    }

    /// The pages of a table. Reads all of them.
    ///
    /// # Errors
    /// Those of reading.
    pub fn measure(&self, table: &str) -> Result<PageUse> {
        self.era().measure(table)
    }

    /// Reads every page of redb's own tables, which checks it.
    ///
    /// # Errors
    /// Those of reading, and of a file that was not closed, in which only redb can check it.
    #[cfg(feature = "cli")]
    pub fn read_system_tables(&self) -> Result<()> {
        match &self.era {
            Era::Closed(walk, _) => walk.measure_system_tables().map(drop),
            _ => Err(Error::new(ErrorKind::Failed, "the file was not closed")),
        }
    }

    /// Reads every page of every table, which checks them where each is checked when it is read.
    pub(super) fn read_all(&self) -> Result<()> {
        // Before any page below: there may be too many of them.
        let tables = self.tables()?;
        if let Era::Closed(walk, _) = &self.era {
            return walk.measure_all().map(drop);
        }
        for table in tables {
            self.measure(&table.name)?;
        }
        Ok(())
    }

    /// The read transaction of a v3 file; `None` on an older one. There is only this one: where
    /// writers share the file, another might see a later commit.
    #[must_use]
    pub fn transaction(&self) -> Option<&Arc<redb::ReadTransaction>> {
        match &self.era {
            Era::V3(era) | Era::Closed(_, Some(era)) => Some(era.transaction()),
            #[cfg(feature = "cli")]
            Era::V2(_) => None,
            Era::Closed(_, None) => None,
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

    /// Runs `f`, and tells whether all that it read is of one commit.
    pub(super) fn run<T>(self, source: &Source, f: impl FnOnce(&Self) -> Result<T>) -> Try<T> {
        let failed = self.first_error();
        let result = guard::catch(|| f(&self));
        let disturbed = match &self.proof {
            Proof::Pages(torn) => torn.error(),
            Proof::SameHeader => match source.is_unchanged() {
                Ok(true) => None,
                Ok(false) => Some(in_between()),
                Err(error) => Some(error),
            },
            Proof::Own => None,
        };
        // redb may panic once more when it closes what it panicked over.
        let closed = guard::catch(|| {
            drop(self);
            Ok(())
        });
        // redb keeps to itself what fails when it closes, and of a second error tells only that
        // there was a first.
        let result = match (result, failed.error()) {
            (Err(error), _) if error.is_of_system() => Err(error),
            (_, Some(first)) => Err(first),
            (result, None) => result,
        };
        match (disturbed, result) {
            (None, Err(error)) if error.is_end_of_file() => Try::Disturbed(error),
            (None, result) => Try::Done(result.and_then(|value| closed.map(|()| value))),
            (Some(_), Err(error)) if error.is_of_system() => Try::Done(Err(error)),
            (Some(error), _) => Try::Disturbed(error),
        }
    }

    /// Of a file that redb may write to in memory.
    fn first_error(&self) -> FirstError {
        match &self.era {
            Era::V3(era) => era.first_error(),
            #[cfg(feature = "cli")]
            Era::V2(era) => era.first_error(),
            Era::Closed(..) => FirstError::default(),
        }
    }

    fn era(&self) -> &dyn Tables {
        match &self.era {
            Era::V3(era) => era,
            #[cfg(feature = "cli")]
            Era::V2(era) => era,
            Era::Closed(walk, _) => walk,
        }
    }

    pub(super) fn open(source: &Source, way: Way, verify: bool) -> Result<Self> {
        let file = source.file.try_clone()?;
        let opened = match way {
            Way::Verified => open::verified(file, &source.header)?,
            Way::Repaired => open::repaired(file, source.header.format(), verify)?,
            Way::Shared(mode) => open::shared(source, mode)?,
        };
        Ok(Self::new(source, opened, source.via()))
    }

    /// A snapshot of a copy that nobody else can reach, of the commit that the header of `source` names.
    #[cfg(feature = "cli")]
    pub(super) fn of_copy(copy: File, source: &Source) -> Result<Self> {
        let opened = open::verified(copy, &source.header)?;
        Ok(Self::new(source, opened, ReadVia::LockFree))
    }

    /// A snapshot of a copy of the whole file, for redb to repair, which nobody else can reach.
    #[cfg(feature = "cli")]
    pub(super) fn of_whole_copy(copy: File, source: &Source, verify: bool) -> Result<Self> {
        let (era, _) = open::repaired(copy, source.header.format(), verify)?;
        Ok(Self::new(source, (era, Proof::Own), ReadVia::LockFree))
    }

    fn new(source: &Source, (era, proof): (Era, Proof), via: ReadVia) -> Self {
        Self {
            era,
            header: source.header.clone(),
            metadata: source.metadata.clone(),
            via,
            proof,
        }
    }
}

pub(super) fn in_between() -> Error {
    Error::new(
        ErrorKind::InUse,
        "a writer changed the cache while it was read",
    )
}
