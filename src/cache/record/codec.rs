//! A value to the bytes of its row and back.

use std::cell::RefCell;
use std::fmt;

use postcard::ser_flavors::Flavor;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Stored;
use crate::error::{Error, ErrorKind, Result};

/// The bytes that do-memory 0.1.47 stores for the value; only the order of a map is ours.
///
/// # Errors
/// Never in practice: every value of these types has an encoding.
pub fn encode<T: Stored>(value: &T) -> Result<Vec<u8>> {
    with_encoded(value, <[u8]>::to_vec)
}

fn unencodable<T: Stored>(error: postcard::Error) -> Error {
    let message = format!("a row of {} does not encode", T::TABLE);
    Error::new(ErrorKind::Failed, message).caused_by(error)
}

thread_local! {
    /// One buffer for all encodings of a thread: growing a new one for each costs more than the
    /// encoding.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A buffer that has grown beyond this is not kept.
const KEPT_BUFFER: usize = 1 << 20;

/// Takes the bytes in; postcard's own way to a buffer that is there already copies byte by byte.
struct Buffer(Vec<u8>);

impl Flavor for Buffer {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// Passes the bytes of [`encode`] to `use_bytes` without a copy of their own.
///
/// # Errors
/// As [`encode`].
pub(crate) fn with_encoded<T: Stored, R>(
    value: &T,
    use_bytes: impl FnOnce(&[u8]) -> R,
) -> Result<R> {
    let mut buffer = BUFFER.take();
    buffer.clear();
    let buffer = postcard::serialize_with_flavor(value, Buffer(buffer))
        .map_err(|error| unencodable::<T>(error))?;
    let result = use_bytes(&buffer);
    if buffer.capacity() <= KEPT_BUFFER {
        BUFFER.set(buffer);
    }
    Ok(result)
}

/// The value that [`encode`] or do-memory 0.1.35 to 0.1.47 wrote. Rows of earlier releases are
/// [`Survey::decode`](crate::layout::Survey::decode)'s.
///
/// It uses up the row: postcard alone would ignore what follows the value, and so "read" rows of
/// other layouts as garbage. A length that the row has no room for allocates nothing: postcard
/// passes a length on only while it is at most the bytes left, and serde starts from at most 1 MiB.
///
/// # Errors
/// [`ErrorKind::Damaged`] with the table and the place where the bytes stop being such a value.
pub fn decode<T: Stored>(bytes: &[u8]) -> Result<T> {
    whole(bytes).map_err(|misfit| {
        Error::new(
            ErrorKind::Damaged,
            format!("a row of {} does not decode", T::TABLE),
        )
        .caused_by(misfit)
    })
}

/// A `T` that takes up all of `bytes`.
pub(crate) fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Misfit> {
    let (value, used) = prefix(bytes)?;
    if used == bytes.len() {
        Ok(value)
    } else {
        Err(Misfit::new(used, bytes, "the value ends before the row"))
    }
}

/// The `T` that `bytes` begins with, and how many of them it takes.
pub(crate) fn prefix<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, usize), Misfit> {
    let mut reader = postcard::Deserializer::from_bytes(bytes);
    let value = T::deserialize(&mut reader);
    let left = reader.finalize().map_or(0, <[u8]>::len);
    let used = bytes.len().saturating_sub(left);
    match value {
        Ok(value) => Ok((value, used)),
        Err(error) => Err(Misfit::new(used, bytes, explain(&error))),
    }
}

/// Where and why bytes are not a value of the type that they were read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// How many bytes had been read.
    pub at: usize,
    /// How many there are.
    pub len: usize,
    why: &'static str,
}

impl Misfit {
    /// `why` is half a sentence in lower case.
    pub(crate) fn new(at: usize, bytes: &[u8], why: &'static str) -> Self {
        Self {
            at,
            len: bytes.len(),
            why,
        }
    }

    /// The same fault `by` bytes further on, in `bytes`.
    pub(crate) fn moved(self, by: usize, bytes: &[u8]) -> Self {
        Self::new(self.at.saturating_add(by), bytes, self.why)
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {} of {})", self.why, self.at, self.len)
    }
}

impl std::error::Error for Misfit {}

/// postcard's own words are about its sources, and those of serde's errors it drops.
fn explain(error: &postcard::Error) -> &'static str {
    use postcard::Error as E;
    match error {
        E::DeserializeUnexpectedEnd => "the row ends before the value",
        E::DeserializeBadUtf8 => "text that is not UTF-8",
        E::DeserializeBadVarint => "a number out of range",
        E::DeserializeBadBool | E::DeserializeBadOption | E::DeserializeBadEnum => {
            "a tag that does not exist"
        }
        _ => "a time, identifier or variant that does not exist",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::record::{Embedding, Episode, TaskContext, TaskType};

    #[test]
    fn the_row_is_used_up_and_the_place_of_the_fault_is_told() {
        let bytes = encode(&vec![1.5f32, f32::NAN]).unwrap();
        let vector: Embedding = decode(&bytes).unwrap();
        assert_eq!(vector[0], 1.5);
        assert!(vector[1].is_nan());

        let longer = [bytes.as_slice(), &[0]].concat();
        let error = decode::<Embedding>(&longer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert_eq!(
            error.to_string(),
            "a row of embeddings does not decode: the value ends before the row (byte 9 of 10)"
        );
        let error = decode::<Embedding>(&bytes[..7]).unwrap_err();
        assert!(error.to_string().contains("the row ends before the value"));
    }

    #[test]
    fn a_huge_length_wherever_it_stands_is_an_error_and_not_an_allocation() {
        let mut episode = Episode::new("t", TaskContext::default(), TaskType::Testing);
        episode.metadata.insert("k".into(), "v".into());
        let bytes = encode(&episode).unwrap();
        for huge in [u64::MAX, 1 << 62, 1 << 40] {
            let length = postcard::to_allocvec(&huge).unwrap();
            for at in 0..bytes.len() {
                let row = [&bytes[..at], &length, &bytes[at + 1..]].concat();
                assert!(decode::<Episode>(&row).is_err(), "{huge} at {at}");
            }
        }
    }
}
