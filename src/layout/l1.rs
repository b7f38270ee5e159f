//! do-memory 0.1.0 to 0.1.6: L2 in bincode 1.3, numbers in eight bytes.

use bincode::Options;
use serde::de::DeserializeOwned;

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

    fn prefix<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), Misfit> {
        let mut rest = bytes;
        // The limit bounds what a length may allocate.
        let value = bincode::DefaultOptions::new()
            .with_fixint_encoding()
            .with_limit(bytes.len() as u64)
            .deserialize_from(&mut rest);
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

fn explain(error: &bincode::ErrorKind) -> &'static str {
    use bincode::ErrorKind as E;
    match error {
        E::Io(_) | E::SizeLimit => "the row ends before the value",
        E::InvalidUtf8Encoding(_) => "text that is not UTF-8",
        E::InvalidBoolEncoding(_) | E::InvalidTagEncoding(_) => "a tag that does not exist",
        _ => "a time, identifier or variant that does not exist",
    }
}
