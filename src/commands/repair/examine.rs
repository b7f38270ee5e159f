//! What is wrong with a cache, and whether redb can repair it.

use std::path::Path;

use super::super::steps::Steps;
use super::super::{Context, access, staging};
use super::sums::Sums;
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Account, Commit, FileFormat, Header, Remains};

/// What is known of a file once every page of it was read.
pub(super) struct Findings {
    pub(super) remains: Remains,
    /// The newest commit, and what there is of it.
    pub(super) commit: Commit,
    pub(super) account: Account,
    pub(super) sums: Sums,
    pub(super) format: Option<FileFormat>,
    pub(super) closed: Option<bool>,
    /// Whether redb found all well, or why it cannot repair it.
    pub(super) rehearsal: Result<bool>,
}

impl Findings {
    /// Reads every page of a file that nobody writes, twice: redb repairs it over a shadow, and our
    /// own reader sees what redb does not check, or gives up silently.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownLayout`]; when the file cannot be opened, or it is interrupted.
    pub(super) fn of(remains: Remains, context: &Context<'_>) -> Result<Self> {
        let path = remains.path().to_owned();
        let header = legible_header(&path)?;
        let (commit, account, sums) = newest(&remains, context)?;
        context.cancel.check()?;
        let rehearsal = match &header {
            Some(_) => file::rehearse(&path)?,
            None => Err(Error::new(ErrorKind::Damaged, "the header is damaged")),
        };
        let should_be_legible = account.is_whole() && rehearsal.is_ok();
        require_known(&path, should_be_legible)?;
        Ok(Self {
            remains,
            commit,
            account,
            sums,
            format: header.as_ref().map(Header::format),
            closed: header.as_ref().map(Header::closed_cleanly),
            rehearsal,
        })
    }

    pub(super) fn is_sound(&self) -> bool {
        self.account.is_whole() && matches!(self.rehearsal, Ok(true))
    }

    /// What is wrong, in half a sentence.
    pub(super) fn damage(&self) -> Option<String> {
        match &self.rehearsal {
            _ if self.remains.unreadable().is_some() => {
                Some("the disk does not give all of it".to_owned())
            }
            Err(error) => Some(error.to_string()),
            Ok(_) if !self.account.is_whole() => {
                Some("the last commit is damaged; the one before it is whole".to_owned())
            }
            Ok(false) if self.closed == Some(false) => {
                Some("its last writer was killed, or lost the disk".to_owned())
            }
            Ok(false) => Some("redb's own bookkeeping is wrong".to_owned()),
            Ok(true) => None,
        }
    }
}

/// What there is of the newest commit.
pub(super) fn newest(remains: &Remains, context: &Context<'_>) -> Result<(Commit, Account, Sums)> {
    let commit = remains.newest()?;
    let mut sums = Sums::default();
    let mut steps = Steps::new(context, "reading");
    let account = remains.read(&commit, &mut |row| {
        sums.add_found(&row);
        steps.tick()
    })?;
    Ok((commit, account, sums))
}

/// The header; `None` where it is damaged.
///
/// # Errors
/// Those of opening the file; [`ErrorKind::UnknownLayout`].
pub(super) fn legible_header(path: &Path) -> Result<Option<Header>> {
    match Header::read(path) {
        Err(error) if error.kind() == ErrorKind::Damaged => Ok(None),
        header => header.map(Some),
    }
}

/// Why a copy does not count in which not all is found that was written.
pub(super) fn unequal(copy: &Remains, message: &'static str, help: &'static str) -> Error {
    let error = Error::new(ErrorKind::Failed, message)
        .at(copy.path())
        .help(help);
    match copy.unreadable() {
        Some(why) => error.caused_by(why),
        None => error,
    }
}

/// Refuses a file whose rows this release does not know, as far as they can be seen.
fn require_known(path: &Path, should_be_legible: bool) -> Result<()> {
    match file::read(path, &staging::quiet(), access::require_known) {
        Err(error) if should_be_legible || error.kind() == ErrorKind::UnknownLayout => Err(error),
        _ => Ok(()),
    }
}
