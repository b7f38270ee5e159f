//! What a commit slot says beside its roots.

use super::bytes::u64_at;
use super::pages::Checksum;

/// The number of the commit, and the checksum of all that comes before it.
const COMMIT: usize = 104;
const CHECKSUM: usize = 112;

/// The number of the commit in the slot that `bytes` begins with; `None` where it fails its
/// checksum.
pub(super) fn commit(bytes: &[u8]) -> Option<u64> {
    let checked = Checksum::of(bytes.get(..CHECKSUM)?);
    (checked == Checksum::at(bytes, CHECKSUM)?).then(|| u64_at(bytes, COMMIT))?
}
