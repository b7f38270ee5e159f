//! Little-endian fields of a byte slice that may be too short.

/// The `N` bytes at `at`.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes
        .get(at..at.checked_add(N)?)?
        .first_chunk::<N>()
        .copied()
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    array(bytes, at).map(|raw| usize::from(u16::from_le_bytes(raw)))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// A `u32` that counts bytes or entries.
pub(super) fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}
