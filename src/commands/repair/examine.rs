//! What is wrong with a cache, and whether redb can repair it.

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
    /// [`ErrorKind::UnknownLayout`]; when it is interrupted.
    pub(super) fn of(remains: Remains, context: &Context<'_>) -> Result<Self> {
        let path = remains.path().to_owned();
        let header = Header::read(&path);
        let (commit, account, sums) = newest(&remains, context)?;
        context.cancel.check()?;
        let rehearsal = match &header {
            Ok(_) => file::rehearse(&path),
            Err(_) => Err(Error::new(ErrorKind::Damaged, "the header is damaged")),
        };
        require_known(&path)?;
        let header = header.ok();
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

/// Refuses a file whose rows this release does not know, as far as they can be seen.
fn require_known(path: &std::path::Path) -> Result<()> {
    match file::read(path, &staging::quiet(), access::require_known) {
        Err(error) if error.kind() == ErrorKind::UnknownLayout => Err(error),
        _ => Ok(()),
    }
}
