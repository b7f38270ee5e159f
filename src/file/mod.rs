//! Where the bytes are: what a cache file is, who holds it, how it is read without a trace and
//! replaced without a gap.
//!
//! Every reader goes through a [`Snapshot`], which never writes a byte of the file. Every writer
//! goes through [`open_for_writing`], [`create_for_writing`] or a [`Replacement`].

mod ahead;
mod bytes;
mod claim;
mod copy;
mod definition;
#[cfg(feature = "cli")]
mod era2;
mod era3;
mod gather;
mod geometry;
pub mod guard;
mod header;
pub mod holder;
mod lock;
#[cfg(feature = "cli")]
mod mend;
mod new;
mod node;
mod numbered;
mod pages;
mod read;
#[cfg(feature = "cli")]
mod remains;
mod replace;
mod shadow;
mod slot;
mod snapshot;
pub mod space;
#[cfg(feature = "cli")]
mod spool;
mod tables;
mod unfinished;
mod verified;
mod wait;
mod waiting;
mod walk;

pub use copy::{NewFile, copy_new, same_bytes};
#[cfg(feature = "cli")]
pub use header::require_redb;
pub use header::{FileFormat, Header, Identity};
#[cfg(feature = "cli")]
pub(crate) use header::{look_up, open_regular};
pub use holder::{Holder, Holding};
pub use lock::{ExclusiveLock, create_for_writing, open_for_writing, open_stage};
#[cfg(feature = "cli")]
pub use mend::{mend, rehearse};
pub use new::is_new;
pub use numbered::{next_numbered, numbered};
pub use read::{ReadOptions, read};
#[cfg(feature = "cli")]
pub use remains::{Account, Commit, FoundRow, Remains, Remnant};
pub use replace::{Backup, Replacement};
pub use snapshot::{ReadVia, Snapshot};
#[cfg(feature = "cli")]
pub use spool::stream;
pub(crate) use tables::require_few;
#[cfg(feature = "cli")]
pub use tables::sample_size;
pub use tables::{MAX_TABLES, PageUse, TableInfo, Value, ValueKind, ValueRef};
pub use unfinished::is_unfinished;
#[cfg(feature = "cli")]
pub use walk::reclaimable;
