//! A snapshot for long reads, which see each row once and cannot begin anew.
//!
//! Beside a writer that holds the file, the pages of one commit are first brought into a temporary
//! file without a name. Each page is checked against the checksum that names it. When the writer
//! was faster, the pages that the next commit still has are already there, so that every pass has
//! only the changes to bring and soon fits between two commits. What redb has to repair is copied
//! as a whole.

use std::collections::HashSet;
use std::env;
use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::geometry::{Extent, Geometry};
use super::guard;
use super::holder::Holding;
use super::lock;
use super::pages::{self, Link};
use super::read::{ReadOptions, Source, Try, retry};
use super::replace::folder_of;
use super::snapshot::{Snapshot, Way, in_between};
use super::space;
use crate::error::{Error, ErrorKind, Result, SEE_REPAIR};

/// Deeper than any tree that fits a file.
const MAX_HEIGHT: usize = 64;

/// Runs `f` once, on a snapshot that lasts as long as `f` needs it.
///
/// # Errors
/// As [`read`](super::read), before `f` has begun. Besides, [`ErrorKind::NoSpace`] when a copy has
/// no room, and [`ErrorKind::InUse`] from `f` when nobody held the file and then somebody
/// began to write it.
pub fn stream<T>(
    path: impl AsRef<Path>,
    options: &ReadOptions,
    f: impl FnOnce(&Snapshot) -> Result<T>,
) -> Result<T> {
    let path = path.as_ref();
    let mut copy = None;
    let (snapshot, source) = retry(path, options, |source, way| {
        let opened = guard::catch(|| {
            let snapshot = if needs_copy(source, way, options) {
                take_copy(&mut copy, source)?
            } else if way == Way::Repaired && is_held(source) {
                take_whole_copy(source, options)?
            } else {
                Snapshot::open(source, way, options.verify)?
            };
            Ok((snapshot, source.try_clone()?))
        });
        match opened {
            Err(error) if error.kind() != ErrorKind::NoSpace => Try::Disturbed(error),
            done => Try::Done(done),
        }
    })?;
    match snapshot.run(&source, f) {
        Try::Done(result) => result.map_err(|error| error.at(path)),
        Try::Disturbed(error) if error.is_of_system() || source.is_unchanged()? => {
            Err(error.at(path))
        }
        Try::Disturbed(error) => Err(lock::in_use(path, &source.file).caused_by(error)),
    }
}

/// Beside a writer that shares nothing. Taking the copy checks every page.
fn needs_copy(source: &Source, way: Way, options: &ReadOptions) -> bool {
    is_held(source)
        && (way == Way::Verified || options.verify && source.way(false) == Way::Verified)
}

fn is_held(source: &Source) -> bool {
    !matches!(source.holding, Holding::Nobody | Holding::Shared(_))
}

/// Beside a writer of whom only redb can tell what it has committed. What is reachable from the
/// last commit stays where it is until the next one, so that a copy holds it when no commit came
/// in between.
fn take_whole_copy(source: &Source, options: &ReadOptions) -> Result<Snapshot> {
    let mut copy = temporary_file(&source.path, space::on_disk(&source.metadata))?;
    let mut from = source.file.try_clone()?;
    from.rewind()?;
    io::copy(&mut from, &mut copy)?;
    if !source.is_unchanged()? {
        return Err(in_between());
    }
    Snapshot::of_whole_copy(copy, source, options.verify)
}

fn take_copy(copy: &mut Option<Copy>, source: &Source) -> Result<Snapshot> {
    let copy = match copy {
        Some(copy) => copy,
        none => none.insert(Copy::new(source)?),
    };
    copy.bring(source)?;
    Snapshot::of_copy(copy.file.try_clone()?, source)
}

struct Copy {
    file: File,
    /// Pages that the copy has, with all that lies below them.
    whole: HashSet<(u64, pages::Checksum)>,
}

impl Copy {
    fn new(source: &Source) -> Result<Self> {
        Ok(Self {
            file: temporary_file(&source.path, space::on_disk(&source.metadata))?,
            whole: HashSet::new(),
        })
    }

    /// Brings what is missing of the commit that the source's header names.
    fn bring(&mut self, source: &Source) -> Result<()> {
        let Some(root) = source.header.root() else {
            return Ok(());
        };
        let missing =
            || Error::new(ErrorKind::Damaged, "a page fails its checksum").help(SEE_REPAIR);
        let geometry = source.header.geometry().ok_or_else(missing)?;
        self.bring_tree(&source.file, geometry, &root, MAX_HEIGHT)?
            .ok_or_else(missing)
    }

    /// `None` when a page is no longer, or not yet, the one that is named.
    fn bring_tree(
        &mut self,
        from: &File,
        geometry: Geometry,
        link: &Link,
        height: usize,
    ) -> Result<Option<()>> {
        let Some(extent) = geometry.extent(link.page) else {
            return Ok(None);
        };
        let id = (link.page, link.checksum);
        if self.whole.contains(&id) {
            return Ok(Some(()));
        }
        let (Some(below), Some(links)) =
            (height.checked_sub(1), self.bring_page(from, extent, link)?)
        else {
            return Ok(None);
        };
        for link in &links {
            if self.bring_tree(from, geometry, link, below)?.is_none() {
                return Ok(None);
            }
        }
        self.whole.insert(id);
        Ok(Some(()))
    }

    fn bring_page(&self, from: &File, extent: Extent, link: &Link) -> Result<Option<Vec<Link>>> {
        let mut page = vec![0; extent.len];
        match from.read_exact_at(&mut page, extent.offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let mut links = Vec::new();
        if pages::check(&page, link, &mut |link| links.push(link)).is_none() {
            return Ok(None);
        }
        self.file.write_all_at(&page, extent.offset)?;
        Ok(Some(links))
    }
}

/// In the folder for temporary files or beside the cache, whichever has room.
fn temporary_file(path: &Path, bytes: u64) -> Result<File> {
    let beside = folder_of(path);
    let temporary = env::temp_dir();
    if space::require(&temporary, bytes).is_ok()
        && let Ok(file) = tempfile::tempfile_in(&temporary)
    {
        return Ok(file);
    }
    space::require(beside, bytes)?;
    tempfile::tempfile_in(beside).map_err(|error| Error::from(error).at(beside))
}
