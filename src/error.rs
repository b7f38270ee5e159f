//! What can go wrong, told to the person who must act: the file, what happened, what to do next.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What to do about a file that is damaged.
pub(crate) const SEE_REPAIR: &str = "run: redb-cache repair --dry-run";

/// What to do where the file system has no room.
pub(crate) const MAKE_ROOM: &str = "make room there and run the same command again";

/// Why an operation failed. Each kind has one exit code, published in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// None of the kinds below.
    Failed,
    /// The call itself makes no sense.
    Usage,
    /// There is no cache at the path.
    NotFound,
    /// Another process holds the cache.
    InUse,
    /// A known layout of an earlier do-memory release.
    OldFormat,
    /// The file is not a redb file, or its content is damaged.
    Damaged,
    /// A layout that this release does not know, most likely a newer one.
    UnknownLayout,
    /// The file system has no room.
    NoSpace,
    /// The durable store does not answer, or not as one.
    Unreachable,
    /// The durable store does not accept the credentials.
    Unauthorized,
    /// A destructive operation was not confirmed.
    Unconfirmed,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl ErrorKind {
    /// Whether somebody ended the command, and nothing failed.
    #[must_use]
    pub const fn is_interruption(self) -> bool {
        matches!(self, Self::Interrupted | Self::Terminated)
    }

    /// The exit code of the program when this is how a command ends.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 10,
            Self::InUse => 11,
            Self::OldFormat => 12,
            Self::Damaged => 13,
            Self::UnknownLayout => 14,
            Self::NoSpace => 15,
            Self::Unreachable => 16,
            Self::Unauthorized => 17,
            Self::Unconfirmed => 18,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// An error with what a person needs to act on it.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    path: Option<PathBuf>,
    holder: Option<String>,
    help: Option<String>,
    source: Option<Source>,
}

type Source = Box<dyn StdError + Send + Sync>;

impl Error {
    /// An error of `kind`; `message` is one line in lower case, without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            path: None,
            holder: None,
            help: None,
            source: None,
        }))
    }

    /// Names the file concerned. The first one named stays: it is the closest to the fault.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path.get_or_insert_with(|| path.as_ref().to_owned());
        self
    }

    /// Names the process that holds the cache, as `pid 30250 (agentd)`.
    #[must_use]
    pub fn held_by(mut self, holder: Option<String>) -> Self {
        self.0.holder = holder;
        self
    }

    /// Says what to do next. The first advice stays.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help.get_or_insert_with(|| help.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Why it failed.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file concerned.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The process that holds the cache.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        self.0.holder.as_deref()
    }

    /// What a call of the file system came to, when that is the cause.
    pub(crate) fn io(&self) -> Option<&std::io::Error> {
        self.0.source.as_ref()?.downcast_ref()
    }

    /// Whether a file ended before what was to be read, which may be because it is being written.
    pub(crate) fn is_end_of_file(&self) -> bool {
        let end = std::io::ErrorKind::UnexpectedEof;
        self.io().is_some_and(|io| io.kind() == end)
    }

    /// Whether the operating system refused a call, which no other process's writing explains.
    pub(crate) fn is_of_system(&self) -> bool {
        self.io().is_some_and(|io| io.raw_os_error().is_some())
    }

    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, message) = match error.kind() {
            Io::NotFound => (ErrorKind::NotFound, "no such file"),
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
                (ErrorKind::NoSpace, "the disk has no room")
            }
            Io::PermissionDenied | Io::ReadOnlyFilesystem => (ErrorKind::Failed, "access denied"),
            _ => (ErrorKind::Failed, "input/output error"),
        };
        let error = Self::new(kind, message).caused_by(error);
        match kind {
            ErrorKind::NoSpace => error.help(MAKE_ROOM),
            _ => error,
        }
    }
}

impl From<redb::StorageError> for Error {
    fn from(error: redb::StorageError) -> Self {
        match error {
            redb::StorageError::Io(io) => io.into(),
            redb::StorageError::Corrupted(what) => {
                Self::new(ErrorKind::Damaged, format!("the cache is damaged: {what}"))
                    .help(SEE_REPAIR)
            }
            other => Self::new(ErrorKind::Failed, "redb failed").caused_by(other),
        }
    }
}

impl From<redb::TableError> for Error {
    fn from(error: redb::TableError) -> Self {
        match error {
            redb::TableError::Storage(storage) => storage.into(),
            mismatch @ (redb::TableError::TableTypeMismatch { .. }
            | redb::TableError::TableIsMultimap(_)
            | redb::TableError::TableIsNotMultimap(_)
            | redb::TableError::TypeDefinitionChanged { .. }) => Self::new(
                ErrorKind::UnknownLayout,
                "a table has another type than do-memory gives it",
            )
            .caused_by(mismatch),
            other => Self::new(ErrorKind::Failed, "redb failed").caused_by(other),
        }
    }
}

impl From<redb::TransactionError> for Error {
    fn from(error: redb::TransactionError) -> Self {
        match error {
            redb::TransactionError::Storage(storage) => storage.into(),
            other => Self::new(ErrorKind::Failed, "redb failed").caused_by(other),
        }
    }
}

impl From<redb::CommitError> for Error {
    fn from(error: redb::CommitError) -> Self {
        match error {
            redb::CommitError::Storage(storage) => storage.into(),
            other => Self::new(ErrorKind::Failed, "the commit failed").caused_by(other),
        }
    }
}

impl From<redb::CursorError> for Error {
    fn from(error: redb::CursorError) -> Self {
        match error {
            redb::CursorError::Storage(storage) => storage.into(),
            other => Self::new(ErrorKind::Failed, "rows are out of order").caused_by(other),
        }
    }
}

impl From<redb::CompactionError> for Error {
    fn from(error: redb::CompactionError) -> Self {
        match error {
            redb::CompactionError::Storage(storage) => storage.into(),
            other => Self::new(ErrorKind::Failed, "redb could not compact").caused_by(other),
        }
    }
}

impl From<redb::DatabaseError> for Error {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::Storage(storage) => storage.into(),
            redb::DatabaseError::DatabaseAlreadyOpen
            | redb::DatabaseError::LockProtocolMismatch => {
                Self::new(ErrorKind::InUse, "the cache is in use by another process")
                    .help("wait for it with --lock-timeout 1m")
            }
            redb::DatabaseError::UpgradeRequired(version) => Self::new(
                ErrorKind::OldFormat,
                format!("the cache has file format v{version}, of do-memory 0.1.16 or earlier"),
            )
            .help("run: redb-cache migrate"),
            redb::DatabaseError::RepairAborted => {
                Self::new(ErrorKind::Damaged, "the cache was not closed cleanly").help(SEE_REPAIR)
            }
            other => Self::new(ErrorKind::Failed, "redb failed").caused_by(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_met_while_writing_says_what_to_do() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        for error in [
            Error::from(full()),
            redb::StorageError::Io(full()).into(),
            redb::CommitError::Storage(redb::StorageError::Io(full())).into(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NoSpace);
            assert_eq!(error.advice(), Some(MAKE_ROOM));
        }
    }
}
