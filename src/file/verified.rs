//! Reading one commit of a file while its writer goes on, without a lock.
//!
//! redb opens a file beside a live writer, as its shared modes do, when the backend says that it
//! has the locks. No reader's lock keeps this writer from reusing pages, so every page is checked
//! against the checksum by which its parent, and in the end the header as first read, names it.
//! A page that is not that page fails the read: the snapshot is of exactly that commit, or it is
//! no snapshot. The same catches damage that redb itself would trust.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use redb::BackendError;

use super::geometry::Geometry;
use super::header::Header;
use super::pages::{self, Link};
use crate::error::{Error, ErrorKind, SEE_REPAIR};

/// The lock byte by which a redb writer says that its recovery flag only means that it is alive.
const CONSISTENT_BYTE: u64 = (1 << 62) + 4;

/// The first page met, by its offset, that does not belong to the commit.
#[derive(Clone, Debug, Default)]
pub(super) struct Torn(Arc<OnceLock<u64>>);

impl Torn {
    /// Notes that the page there does not belong to the commit.
    pub(super) fn at(&self, offset: u64) -> Error {
        let first = self.0.get_or_init(|| offset);
        torn(*first)
    }

    /// What that page means if no writer explains it.
    pub(super) fn error(&self) -> Option<Error> {
        self.0.get().copied().map(torn)
    }
}

fn torn(offset: u64) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("the cache is damaged: the page at byte {offset} fails its checksum"),
    )
    .help(SEE_REPAIR)
}

#[derive(Debug)]
pub(super) struct Verified {
    file: File,
    /// The one commit that is read; later ones do not show.
    header: Header,
    geometry: Option<Geometry>,
    /// Offset -> page, of those that a page read so far, or the header, names.
    named: Mutex<HashMap<u64, Link>>,
    torn: Torn,
}

impl Verified {
    /// Notes in `torn` the first page that does not belong to the commit of `header`.
    pub(super) fn new(file: File, header: Header, torn: Torn) -> Self {
        let backend = Self {
            file,
            geometry: header.geometry(),
            named: Mutex::default(),
            torn,
            header,
        };
        backend.name(backend.header.root().as_slice());
        backend
    }

    fn name(&self, links: &[Link]) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        for link in links {
            if let Some(extent) = self.geometry.and_then(|sizes| sizes.extent(link.page)) {
                named.insert(extent.offset, *link);
            }
        }
    }

    fn named(&self, offset: u64) -> Option<Link> {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.get(&offset).copied()
    }

    fn read_page(&self, offset: u64, out: &mut [u8]) -> Option<io::Result<()>> {
        let link = self.named(offset)?;
        match self.file.read_exact_at(out, offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
            Err(error) => return Some(Err(error)),
            Ok(()) => {}
        }
        let mut links = Vec::new();
        pages::check(out, &link, &mut |link| links.push(link))?;
        self.name(&links);
        Some(Ok(()))
    }

    fn read_header(&self, offset: u64, out: &mut [u8]) -> Option<()> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(out.len())?;
        out.copy_from_slice(self.header.as_bytes().get(start..end)?);
        Some(())
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl redb::StorageBackend for Verified {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.read_header(offset, out).is_some() {
            return Ok(());
        }
        self.read_page(offset, out).unwrap_or_else(|| {
            self.torn.0.get_or_init(|| offset);
            Err(io::ErrorKind::InvalidData.into())
        })
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        read_only()
    }

    fn sync_data(&self) -> io::Result<()> {
        read_only()
    }

    fn write(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        read_only()
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, start: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(start == Bound::Included(CONSISTENT_BYTE))
    }
}
