//! The two codecs, as far as bytes without types need them.

use serde::Deserialize;

use crate::cache::record::{Misfit, prefix};

/// How values become bytes.
pub(super) trait Wire {
    /// Whether a boolean takes other room than the numbers 0 and 1.
    const BOOL_IS_APART: bool;

    /// The `T` that `bytes` begins with, and how many of them it takes.
    ///
    /// # Errors
    /// Where the bytes stop being a `T`.
    fn prefix<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, usize), Misfit>;

    /// The number or length that `bytes` begins with, and how many of them it takes.
    fn uint(bytes: &[u8]) -> Option<(u64, usize)>;

    /// The negative number that has the bytes of `number`, if one has.
    fn negative(number: u64) -> Option<i64>;

    /// The bytes of a value, which do not say of which type it is.
    fn untyped(value: &serde_json::Value) -> Option<Vec<u8>>;
}

/// A `T` that takes up all of `bytes`.
///
/// # Errors
/// Where the bytes stop being a `T`, or the `T` ends before them.
pub(super) fn whole<'a, W: Wire, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Misfit> {
    let (value, used) = W::prefix(bytes)?;
    if used == bytes.len() {
        Ok(value)
    } else {
        Err(Misfit::new(used, bytes, "the value ends before the row"))
    }
}

/// postcard 1.
pub(super) struct Postcard;

impl Wire for Postcard {
    const BOOL_IS_APART: bool = false;

    fn prefix<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, usize), Misfit> {
        prefix(bytes)
    }

    fn untyped(value: &serde_json::Value) -> Option<Vec<u8>> {
        postcard::to_allocvec(value).ok()
    }

    /// Only the shortest form, which is the one that postcard writes.
    fn uint(bytes: &[u8]) -> Option<(u64, usize)> {
        let mut number = 0u64;
        for (index, byte) in bytes.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * index);
            if shifted >> (7 * index) != bits {
                return None;
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                return (*byte != 0 || index == 0).then_some((number, index + 1));
            }
        }
        None
    }

    fn negative(number: u64) -> Option<i64> {
        (number & 1 == 1).then(|| -((number >> 1).cast_signed()) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_postcard_wrote_them_and_only_so() {
        for number in [0, 1, 127, 128, 300, 1 << 56, u64::MAX] {
            let bytes = postcard::to_allocvec(&number).unwrap();
            assert_eq!(Postcard::uint(&bytes), Some((number, bytes.len())));
            assert_eq!(Postcard::uint(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(Postcard::uint(&[0x80, 0]), None);
        assert_eq!(Postcard::uint(&[0xff; 10]), None);
        for number in [-1, -5, i64::MIN] {
            let bytes = postcard::to_allocvec(&number).unwrap();
            let (unsigned, _) = Postcard::uint(&bytes).unwrap();
            assert_eq!(Postcard::negative(unsigned), Some(number));
        }
        assert_eq!(Postcard::negative(2), None);
    }
}
