//! do-memory 0.1.0 to 0.1.6: L2 in bincode 1.3, numbers in eight bytes.

use std::io;
use std::marker::PhantomData;

use bincode::Options;
use bincode::de::read::BincodeRead;
use serde::Deserialize;
use serde::de::Visitor;

use super::ending;
use super::l2::FirstEnding;
use super::wire::{Wire, whole};
use super::{Era, Layout, patterns};
use crate::cache::Table;
use crate::cache::record::{Embedding, Heuristic, Misfit, Record, RowReader};

pub(super) const ERA: Era = Era {
    layout: Layout::L1,
    reader,
    ending: Some(ending::read::<Bincode, FirstEnding>),
};

fn reader(table: Table) -> Option<RowReader> {
    Some(match table {
        Table::Patterns => {
            |bytes| patterns::without_effectiveness::<Bincode>(bytes).map(Record::from)
        }
        Table::Heuristics => |bytes| whole::<Bincode, Heuristic>(bytes).map(Record::from),
        Table::Embeddings => |bytes| whole::<Bincode, Embedding>(bytes).map(Record::from),
        _ => return None,
    })
}

/// bincode 1.3 as `serialize` configures it.
pub(super) struct Bincode;

impl Wire for Bincode {
    const BOOL_IS_APART: bool = true;

    fn untyped(value: &serde_json::Value) -> Option<Vec<u8>> {
        bincode::serialize(value).ok()
    }

    fn prefix<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, usize), Misfit> {
        let mut rest = bytes;
        // The limit bounds what a length may allocate.
        let value = bincode::DefaultOptions::new()
            .with_fixint_encoding()
            .with_limit(bytes.len() as u64)
            .deserialize_from_custom_seed(PhantomData::<T>, Rest(&mut rest));
        let used = bytes.len().saturating_sub(rest.len());
        match value {
            Ok(value) => Ok((value, used)),
            Err(error) => Err(Misfit::new(used, bytes, explain(&error))),
        }
    }

    fn uint(bytes: &[u8]) -> Option<(u64, usize)> {
        let number = bytes.first_chunk::<8>()?;
        Some((u64::from_le_bytes(*number), 8))
    }

    fn negative(number: u64) -> Option<i64> {
        Some(number.cast_signed()).filter(|number| *number < 0)
    }
}

/// What is left of a row. bincode's own readers either copy each text before it is known to be one,
/// or do not tell how far they got.
struct Rest<'r, 'a>(&'r mut &'a [u8]);

impl<'a> Rest<'_, 'a> {
    fn take(&mut self, length: usize) -> bincode::Result<&'a [u8]> {
        let Some((taken, rest)) = self.0.split_at_checked(length) else {
            *self.0 = &[];
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        };
        *self.0 = rest;
        Ok(taken)
    }
}

impl io::Read for Rest<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }

    fn read_exact(&mut self, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(out)
    }
}

impl<'a> BincodeRead<'a> for Rest<'_, 'a> {
    fn forward_read_str<V: Visitor<'a>>(
        &mut self,
        length: usize,
        visitor: V,
    ) -> bincode::Result<V::Value> {
        let text = std::str::from_utf8(self.take(length)?)
            .map_err(bincode::ErrorKind::InvalidUtf8Encoding)?;
        visitor.visit_borrowed_str(text)
    }

    fn get_byte_buffer(&mut self, length: usize) -> bincode::Result<Vec<u8>> {
        self.take(length).map(<[u8]>::to_vec)
    }

    fn forward_read_bytes<V: Visitor<'a>>(
        &mut self,
        length: usize,
        visitor: V,
    ) -> bincode::Result<V::Value> {
        visitor.visit_borrowed_bytes(self.take(length)?)
    }
}

fn explain(error: &bincode::ErrorKind) -> &'static str {
    use bincode::ErrorKind as E;
    match error {
        E::Io(_) | E::SizeLimit => "the row ends before the value",
        E::InvalidUtf8Encoding(_) => "text that is not UTF-8",
        E::InvalidBoolEncoding(_) | E::InvalidTagEncoding(_) => "a tag that does not exist",
        _ => "a time, identifier or variant that does not exist",
    }
}
