//! What a file's catalogue says of a table.
//!
//! ```text
//! 3 | 4 multimap, rows u64, has root u8, root {page u64, checksum u128, rows u64},
//! fixed key width {u8, u32}, fixed value width {u8, u32}, alignments u32 * 2,
//! length of the key's type u32, key's type, value's type
//! ```

use super::bytes::{size_at, u32_at, u64_at};
use super::pages::{Checksum, Link, Shape, Widths};
use super::tables::ValueKind;

const ROWS: usize = 1;
const HAS_ROOT: usize = 9;
const ROOT: usize = 10;
const KEY_WIDTH: usize = ROOT + 32;
const VALUE_WIDTH: usize = KEY_WIDTH + 5;
const ALIGNMENTS: usize = VALUE_WIDTH + 5;
const KEY_TYPE_LEN: usize = VALUE_WIDTH + 13;
const TYPES: usize = KEY_TYPE_LEN + 4;

/// A table.
pub(super) struct Definition<'a> {
    bytes: &'a [u8],
    shape: Shape,
    /// The root of its tree, if it has rows.
    pub(super) root: Option<Link>,
}

impl<'a> Definition<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let width = |at: usize| -> Option<Option<u32>> {
            let fixed = *bytes.get(at)? != 0;
            Some(fixed.then_some(u32_at(bytes, at + 1)?))
        };
        let widths = Widths {
            key: width(KEY_WIDTH)?,
            value: width(VALUE_WIDTH)?,
        };
        let shape = match bytes.first()? {
            3 => Shape::Rows(widths),
            4 => Shape::Multimap(widths),
            _ => return None,
        };
        let link = Link {
            page: u64_at(bytes, ROOT)?,
            checksum: Checksum::at(bytes, ROOT + 8)?,
            shape,
        };
        let root = (*bytes.get(HAS_ROOT)? != 0).then_some(link);
        Some(Self { bytes, shape, root })
    }

    /// How many rows it has; of a multimap, how many values.
    pub(super) fn rows(&self) -> Option<u64> {
        u64_at(self.bytes, ROWS)
    }

    /// What can be read of its rows.
    pub(super) fn kind(&self) -> Option<ValueKind> {
        const BUILT_IN: u8 = 1;
        let widths = match self.shape {
            Shape::Rows(widths) => widths,
            Shape::Multimap(_) | Shape::Catalogue => return Some(ValueKind::Multimap),
        };
        let key_type_len = size_at(self.bytes, KEY_TYPE_LEN)?;
        let (key, value) = self.bytes.get(TYPES..)?.split_at_checked(key_type_len)?;
        let aligned = [
            u32_at(self.bytes, ALIGNMENTS)?,
            u32_at(self.bytes, ALIGNMENTS + 4)?,
        ];
        let is_text = |bytes: &[u8]| bytes == [&[BUILT_IN], "&str".as_bytes()].concat();
        if !is_text(key) || widths.key.is_some() || aligned != [1, 1] {
            return Some(ValueKind::Other);
        }
        Some(match (value.split_first(), widths.value) {
            (Some((&BUILT_IN, b"&[u8]")), None) => ValueKind::Bytes,
            (Some((&BUILT_IN, b"&str")), None) => ValueKind::Text,
            (Some((&BUILT_IN, b"u64")), Some(8)) => ValueKind::U64,
            (Some((&BUILT_IN, b"i64")), Some(8)) => ValueKind::I64,
            _ => ValueKind::Other,
        })
    }
}
