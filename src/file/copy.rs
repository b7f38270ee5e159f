//! A file under a name that was free, which gets its name when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::claim::Claim;
use super::header::{Identity, look_up, open_regular};
use super::replace::{folder_of, sync_folder_of};
use super::{space, unfinished};
use crate::error::{Error, ErrorKind, Result};

/// Copies `from` to `to`, open to nobody but its owner, and returns when the copy is durable.
///
/// # Errors
/// [`ErrorKind::Failed`] when there is something at `to`, [`ErrorKind::InUse`] when another run is
/// making it, [`ErrorKind::NoSpace`].
pub fn copy_new(from: &Path, to: &Path) -> Result<()> {
    let (mut source, metadata) = open_regular(from, false)?;
    let (copy, mut file) = NewFile::create(to, "backup", metadata.mode())?;
    copy.require_space(space::on_disk(&metadata))?;
    io::copy(&mut source, &mut file).map_err(|error| refused(error, to, "backup"))?;
    drop(file);
    copy.finish()
}

/// A file that is not whole yet and has a name of its own beside the one that it gets. Dropped
/// before its end, it leaves no trace.
#[derive(Debug)]
pub struct NewFile {
    part: PathBuf,
    /// The file that this run has made. Should anybody remove it in spite of the claim, whatever
    /// has its name then is not ours to name or to remove.
    identity: Identity,
    to: PathBuf,
    /// What it is to be, for errors.
    what: &'static str,
    /// Whether the part stays for a later run to go on with.
    kept: bool,
    /// Released last, when the part is gone.
    _claim: Claim,
}

impl NewFile {
    /// Creates the `what` that is to be at `to`, empty, open to its owner as far as `mode` says
    /// and to nobody else. What a killed run left of it goes.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] when there is something at `to`, or no folder for it;
    /// [`ErrorKind::InUse`] when another run is at it.
    pub fn create(to: &Path, what: &'static str, mode: u32) -> Result<(Self, File)> {
        Self::require_free(to, what)?;
        let new = Self::draft(to, what, mode)?;
        // Whoever had the claim until now may have finished.
        Self::require_free(to, what)?;
        Ok(new)
    }

    /// The same where a name that is taken is for [`NewFile::finish`] to refuse.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] when there is no folder for it; [`ErrorKind::InUse`].
    pub fn draft(to: &Path, what: &'static str, mode: u32) -> Result<(Self, File)> {
        let refuse = |error| refused(error, to, what);
        let claim = Claim::on(to, what)?;
        let part = unfinished::part_of(to);
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refuse(error)),
            _ => {}
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(mode & 0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&part)
            .map_err(refuse)?;
        let new = Self {
            identity: Identity::of(&file.metadata().map_err(refuse)?),
            part,
            to: to.to_owned(),
            what,
            kept: false,
            _claim: claim,
        };
        Ok((new, file))
    }

    /// Goes on with the part that [`NewFile::keep`] left; `None` where there is none.
    ///
    /// # Errors
    /// As [`NewFile::create`].
    pub fn reopen(to: &Path, what: &'static str) -> Result<Option<(Self, File)>> {
        Self::require_free(to, what)?;
        let refuse = |error| refused(error, to, what);
        let claim = Claim::on(to, what)?;
        let part = unfinished::part_of(to);
        let Some(file) = unfinished::open_ours(&part).map_err(refuse)? else {
            return Ok(None);
        };
        let new = Self {
            identity: Identity::of(&file.metadata().map_err(refuse)?),
            part,
            to: to.to_owned(),
            what,
            kept: false,
            _claim: claim,
        };
        Ok(Some((new, file)))
    }

    /// Leaves the part for a later run to go on with.
    pub fn keep(mut self) {
        self.kept = true;
    }

    /// Refuses to begin where there is no folder for the `what` at `to`.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`].
    pub fn require_folder(to: &Path, what: &str) -> Result<()> {
        require_folder_of(to).map_err(|error| refused(error, to, what))
    }

    /// Refuses to begin where there is something at `to` already.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`].
    pub fn require_free(to: &Path, what: &str) -> Result<()> {
        let refuse = |error| refused(error, to, what);
        match look_up(to).map_err(refuse)? {
            Some(_) => Err(refuse(io::ErrorKind::AlreadyExists.into())),
            None => Ok(()),
        }
    }

    /// Where it is until it is whole.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.part
    }

    /// Refuses to begin without room for it.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`].
    pub fn require_space(&self, bytes: u64) -> Result<()> {
        space::require(folder_of(&self.to), bytes)
    }

    /// Makes it durable under its name.
    ///
    /// # Errors
    /// Those of the file system; [`ErrorKind::Failed`] when the name was taken meanwhile, and
    /// [`ErrorKind::InUse`] when what was written was removed.
    pub fn finish(self) -> Result<()> {
        let is_ours = self.is_ours();
        if !is_ours.map_err(|error| Error::from(error).at(&self.part))? {
            return Err(Error::new(
                ErrorKind::InUse,
                format!(
                    "the unfinished {} was removed by another process",
                    self.what
                ),
            )
            .at(&self.part)
            .help("run the same command again"));
        }
        self.open_part()
            .and_then(|part| part.sync_all())
            .and_then(|()| self.become_named())
            .map_err(|error| refused(error, &self.to, self.what))?;
        let to = self.to.clone();
        drop(self);
        sync_folder_of(&to)
    }

    fn open_part(&self) -> io::Result<File> {
        // Not to be kept waiting by a pipe that took its place.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.part)
    }

    fn is_ours(&self) -> io::Result<bool> {
        let found = look_up(&self.part)?;
        Ok(found.is_some_and(|found| Identity::of(&found) == self.identity))
    }

    fn become_named(&self) -> io::Result<()> {
        match fs::hard_link(&self.part, &self.to) {
            // A file system without hard links.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
                ) && look_up(&self.to)?.is_none() =>
            {
                fs::rename(&self.part, &self.to)
            }
            linked => linked,
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept && self.is_ours().unwrap_or(false) {
            // The next run removes what this cannot.
            drop(fs::remove_file(&self.part));
        }
    }
}

/// What is no folder counts as none.
pub(super) fn require_folder_of(path: &Path) -> io::Result<()> {
    if fs::metadata(folder_of(path))?.is_dir() {
        return Ok(());
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Why there can be no `what` at `to`.
pub(super) fn refused(error: io::Error, to: &Path, what: &str) -> Error {
    let error = match error.kind() {
        io::ErrorKind::AlreadyExists => Error::new(
            ErrorKind::Failed,
            format!("the {what} would overwrite a file"),
        )
        .help("name a path that does not exist"),
        // Not the cache is missing, and so this is no `NotFound`.
        io::ErrorKind::NotFound => Error::new(
            ErrorKind::Failed,
            format!("the folder for the {what} does not exist"),
        )
        .help("make it, or name another path"),
        _ => Error::from(error),
    };
    error.at(to)
}

/// Whether two files hold the same, byte by byte.
///
/// # Errors
/// When one of them cannot be read.
pub fn same_bytes(a: &Path, b: &Path) -> Result<bool> {
    let ((mut a, of_a), (mut b, of_b)) = (open_regular(a, false)?, open_regular(b, false)?);
    let mut left = of_a.len();
    if of_b.len() != left {
        return Ok(false);
    }
    let (mut of_a, mut of_b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let (len_a, len_b) = (fill(&mut a, &mut of_a)?, fill(&mut b, &mut of_b)?);
        if of_a.get(..len_a) != of_b.get(..len_b) {
            return Ok(false);
        }
        left = left.saturating_sub(len_a as u64);
        if len_a == 0 {
            // What could not be read of both is not the same.
            return Ok(left == 0);
        }
    }
}

fn fill(from: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_builds_a_file_of_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("new");
        let (first, _) = NewFile::create(&to, "output", 0o600).unwrap();
        let second = NewFile::create(&to, "output", 0o600).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::InUse);
        assert!(second.to_string().contains("the output"), "{second}");
        first.finish().unwrap();
        let third = NewFile::create(&to, "output", 0o600).unwrap_err();
        assert_eq!(third.kind(), ErrorKind::Failed);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_put_in_the_place_of_a_part_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("new");
        let (new, _open) = NewFile::create(&to, "output", 0o600).unwrap();
        let part = new.path().to_owned();
        fs::remove_file(&part).unwrap();
        fs::write(&part, "theirs").unwrap();
        assert_eq!(new.finish().unwrap_err().kind(), ErrorKind::InUse);
        assert_eq!(fs::read(&part).unwrap(), b"theirs");
        assert!(!to.exists());
    }
}
