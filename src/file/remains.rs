//! What is left of a damaged file, read page by page and without redb.
//!
//! Every page is named together with the checksum of its content. A page that has its checksum is
//! the one that was meant, even where the page that names it is damaged: what is lost with a page is
//! what lies in it, and not what lies below it.

mod trees;

use std::fs::{File, Metadata};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::geometry::Geometry;
use super::header::{FileFormat, Header, open_regular};
use super::holder::{self, Holding};
use super::pages::{self, Link};
use super::tables::ValueKind;
use super::{lock, slot};
use crate::error::{Error, ErrorKind, Result};

/// Geometries that redb gives the files of caches, for a header that has none.
const USUAL_HEADER_PAGES: [u32; 2] = [0, 130];
const USUAL_DATA_PAGES: u32 = 1 << 20;
const PAGE: usize = 4096;

/// A file as it was found. Nothing of it is ever written.
pub struct Remains {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    header: Header,
    geometry: Option<Geometry>,
    commits: Vec<Commit>,
    /// The first place that could not be read, and why.
    unreadable: OnceLock<String>,
}

/// A commit that the header names, be it legible or not.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// The slot in the header, 0 or 1.
    pub slot: u8,
    /// Its number, where the slot has its checksum.
    pub number: Option<u64>,
    /// How many tables it has, likewise.
    tables: Option<u64>,
    root: Option<Link>,
}

/// A table of which something is left.
#[derive(Clone, Debug)]
pub struct Remnant {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ValueKind,
    /// How many rows the file says that it has; `None` where no page that says so is whole.
    pub rows: Option<u64>,
    /// Rows in pages that are whole.
    pub readable: u64,
    /// Rows that are legible in pages that are not.
    pub doubtful: u64,
    /// Whether every page of it is whole.
    pub is_whole: bool,
    root: Option<Link>,
    /// What the page says that names it, whether or not it is whole.
    claimed: Option<u64>,
}

/// A row that was found.
pub struct FoundRow<'a> {
    /// Its table.
    pub table: &'a Remnant,
    /// Its key, in the bytes of its type.
    pub key: &'a [u8],
    /// Its value, likewise.
    pub value: &'a [u8],
    /// Where its page lies in the file.
    pub page: u64,
    /// Whether the page has its checksum.
    pub is_whole: bool,
}

/// What there is of one commit.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The tables, in the order of their names.
    pub tables: Vec<Remnant>,
    /// Tables of which nothing is left; `None` where nobody can tell.
    pub missing_tables: Option<u64>,
    /// Where the pages lie that are damaged.
    pub damaged_pages: Vec<u64>,
}

impl Account {
    /// Whether all of the commit is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damaged_pages.is_empty() && self.missing_tables == Some(0)
    }

    /// Rows in pages that are whole.
    #[must_use]
    pub fn readable(&self) -> u64 {
        self.tables.iter().map(|table| table.readable).sum()
    }
}

impl Remains {
    /// Looks at the header of the file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::UnknownLayout`] for what redb did not write, or a later
    /// release of it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (file, metadata) = open_regular(path, false)?;
        let header = Header::remains_of(&file).map_err(|error| error.at(path))?;
        let commits = commits(&header).map_err(|error| error.at(path))?;
        let mut remains = Self {
            path: path.to_owned(),
            file,
            metadata,
            geometry: None,
            commits,
            unreadable: OnceLock::new(),
            header,
        };
        remains.geometry = remains.likely_geometry();
        Ok(remains)
    }

    /// The commits, the one first that counts if it is there.
    #[must_use]
    pub fn commits(&self) -> &[Commit] {
        &self.commits
    }

    /// The file format, as far as the header tells.
    #[must_use]
    pub fn format(&self) -> FileFormat {
        self.header.format()
    }

    /// The commit that counts.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when there is none.
    pub fn newest(&self) -> Result<Commit> {
        let newest = self.commits.first().copied();
        newest.ok_or_else(|| Error::new(ErrorKind::Damaged, "the header names no commit"))
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file system says of the file.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Where the disk failed first while pages were read, and what the system said; `None` where it
    /// did not.
    #[must_use]
    pub fn unreadable(&self) -> Option<&str> {
        self.unreadable.get().map(String::as_str)
    }

    /// Refuses a file that somebody writes.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`].
    pub fn require_quiet(&self) -> Result<()> {
        let held = !matches!(
            holder::holding(&self.file),
            Holding::Nobody | Holding::Unknown
        );
        let changed = Header::remains_of(&self.file)? != self.header;
        if held || changed {
            return Err(lock::in_use(&self.path, &self.file));
        }
        Ok(())
    }

    /// The commit of which most is left, and what that is: the newest if it is whole, else the one
    /// with the most rows.
    ///
    /// # Errors
    /// As [`Remains::read`].
    pub fn best(&self, step: &mut dyn FnMut() -> Result<()>) -> Result<(Commit, Account)> {
        let newest = self.newest()?;
        let mut best = (newest, self.read(&newest, &mut |_| step())?);
        for commit in self.commits.iter().skip(1) {
            if best.1.is_whole() {
                break;
            }
            let account = self.read(commit, &mut |_| step())?;
            if account.readable() > best.1.readable() {
                best = (*commit, account);
            }
        }
        Ok(best)
    }

    /// That of the geometries with which a commit can be found.
    fn likely_geometry(&self) -> Option<Geometry> {
        let usual = USUAL_HEADER_PAGES.map(|pages| Geometry::new(PAGE, pages, USUAL_DATA_PAGES));
        let mut likely = std::iter::once(self.header.geometry())
            .chain(usual)
            .flatten();
        let roots = || self.commits.iter().filter_map(|commit| commit.root);
        let leads = |geometry: &Geometry| roots().any(|root| self.is_whole(*geometry, &root));
        likely.find(leads).or(self.header.geometry())
    }

    fn is_whole(&self, geometry: Geometry, link: &Link) -> bool {
        let page = self.bytes_in(geometry, link);
        page.is_some_and(|page| pages::open(&page, link).is_some())
    }

    /// Where the page lies that `link` names; the beginning of the file where it can lie nowhere.
    fn offset(&self, link: &Link) -> u64 {
        let extent = self.geometry.and_then(|sizes| sizes.extent(link.page));
        extent.map_or(0, |extent| extent.offset)
    }

    /// The page that `link` names. A place that cannot be read holds nothing: disks fail by sectors.
    fn bytes(&self, link: &Link) -> Option<Vec<u8>> {
        self.bytes_in(self.geometry?, link)
    }

    fn bytes_in(&self, geometry: Geometry, link: &Link) -> Option<Vec<u8>> {
        let extent = geometry.extent(link.page)?;
        // The length comes from the file: see that it is there before giving it memory.
        if extent.offset.checked_add(extent.len as u64)? > self.metadata.len() {
            return None;
        }
        let mut page = vec![0; extent.len];
        if let Err(error) = self.file.read_exact_at(&mut page, extent.offset) {
            let (path, at) = (self.path.display(), extent.offset);
            let why = || format!("{path}, the page at byte {at}: {error}");
            self.unreadable.get_or_init(why);
            return None;
        }
        Some(page)
    }
}

/// The newest first. Where a slot cannot be believed, its number cannot either, and the one that
/// the flags call the primary comes first.
fn commits(header: &Header) -> Result<Vec<Commit>> {
    let of = |(number, bytes): (u8, &[u8])| {
        let whole = slot::commit(bytes);
        let version = bytes.first().copied().unwrap_or_default();
        let root = match whole {
            Some(_) => slot::root(bytes),
            None => slot::link(bytes),
        };
        let commit = Commit {
            slot: number,
            number: whole,
            tables: whole.and(slot::tables(bytes)),
            root,
        };
        (version, commit)
    };
    let found = header.slots().map(of);
    let whole = |commit: &Commit| commit.number.is_some();
    if !header.has_magic() && !found.iter().any(|(_, commit)| whole(commit)) {
        return Err(Error::new(
            ErrorKind::UnknownLayout,
            "this is not a redb file",
        ));
    }
    let newer = |(version, commit): &&(u8, Commit)| whole(commit) && !matches!(version, 2 | 3);
    if let Some((version, _)) = found.iter().find(newer) {
        return Err(super::header::unknown(*version));
    }
    let mut commits: Vec<Commit> = found.into_iter().map(|(_, commit)| commit).collect();
    if commits.iter().all(whole) {
        commits.sort_by_key(|commit| std::cmp::Reverse(commit.number));
    }
    Ok(commits)
}
