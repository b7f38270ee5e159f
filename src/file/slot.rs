//! What a commit slot says.

use super::bytes::u64_at;
use super::pages::{Checksum, Link, Shape};

/// Whether there is a root, and the root: its page, its checksum, how many tables it leads to.
const HAS_ROOT: usize = 1;
const ROOT: usize = 8;
/// The same of redb's own tables.
const HAS_SYSTEM_ROOT: usize = 2;
const SYSTEM_ROOT: usize = 40;
#[cfg(feature = "cli")]
const TABLES: usize = 32;
/// The number of the commit, and the checksum of all that comes before it.
const COMMIT: usize = 104;
const CHECKSUM: usize = 112;

/// The number of the commit in the slot that `bytes` begins with; `None` where it fails its
/// checksum.
pub(super) fn commit(bytes: &[u8]) -> Option<u64> {
    let checked = Checksum::of(bytes.get(..CHECKSUM)?);
    (checked == Checksum::at(bytes, CHECKSUM)?).then(|| u64_at(bytes, COMMIT))?
}

/// The tree of tables that the slot names. `None` is an empty file.
pub(super) fn root(bytes: &[u8]) -> Option<Link> {
    if bytes.get(HAS_ROOT) == Some(&0) {
        return None;
    }
    link(bytes)
}

/// The tree of redb's own tables that the slot names, if any.
pub(super) fn system_root(bytes: &[u8]) -> Option<Link> {
    if bytes.get(HAS_SYSTEM_ROOT) == Some(&0) {
        return None;
    }
    link_at(bytes, SYSTEM_ROOT)
}

/// [`root`] of a slot that cannot be believed, not even that it names none.
pub(super) fn link(bytes: &[u8]) -> Option<Link> {
    link_at(bytes, ROOT)
}

fn link_at(bytes: &[u8], at: usize) -> Option<Link> {
    Some(Link {
        page: u64_at(bytes, at)?,
        checksum: Checksum::at(bytes, at + 8)?,
        shape: Shape::Catalogue,
    })
}

/// How many tables there are.
#[cfg(feature = "cli")]
pub(super) fn tables(bytes: &[u8]) -> Option<u64> {
    u64_at(bytes, TABLES)
}
