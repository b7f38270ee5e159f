//! Pages of redb's file format v3, as far as their checksums go.
//!
//! Every page is named by its parent together with the checksum of its content, up to the root,
//! which the commit slot in the header names. Whoever follows these links from one header and
//! finds every checksum right has read exactly the commit of that header, whatever a writer did
//! to the file meanwhile.
//!
//! ```text
//! leaf    1, _, pairs u16, [key ends u32]*, [value ends u32]*, keys, values     ends: variable width only
//! branch  2, _, keys u16, _ u32, checksums u128 * children, pages u64 * children, [key ends u32]*, keys
//! table   3 | 4 multimap, rows u64, has root u8, root {page u64, checksum u128, rows u64},
//!         fixed key width {u8, u32}, fixed value width {u8, u32}, …
//! ```

use xxhash_rust::xxh3::xxh3_128;

use super::bytes::{array, size_at, u16_at, u32_at, u64_at};

/// xxh3-128 of a page's used bytes, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Checksum([u8; 16]);

impl Checksum {
    pub(super) fn at(bytes: &[u8], at: usize) -> Option<Self> {
        array(bytes, at).map(Self)
    }

    fn of(bytes: &[u8]) -> Self {
        Self(xxh3_128(bytes).to_le_bytes())
    }
}

/// Widths of a table's keys and values; `None` is variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Widths {
    key: Option<u32>,
    value: Option<u32>,
}

/// What the leaves of a tree hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Names and definitions of tables.
    Catalogue,
    /// Rows.
    Rows(Widths),
    /// Keys, each with its values: inline, or in a tree of their own.
    Multimap(Widths),
}

impl Shape {
    fn widths(self) -> Widths {
        match self {
            Self::Rows(widths) => widths,
            Self::Multimap(widths) => Widths {
                value: None,
                ..widths
            },
            Self::Catalogue => Widths {
                key: None,
                value: None,
            },
        }
    }
}

/// A page as its parent names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) page: u64,
    pub(super) checksum: Checksum,
    pub(super) shape: Shape,
}

/// Whether `page` is the one that `link` names; if so, hands its links to `visit`. `None` is a
/// page that is torn, or was damaged, or replaced since.
pub(super) fn check(page: &[u8], link: &Link, visit: &mut dyn FnMut(Link)) -> Option<()> {
    let node = Node::parse(page, link.shape)?;
    let used = page.get(..node.end()?)?;
    if Checksum::of(used) != link.checksum {
        return None;
    }
    match node {
        Node::Branch(branch) => branch.links(link.shape, visit),
        Node::Leaf(leaf) => leaf.links(link.shape, visit),
    }
}

enum Node<'a> {
    Leaf(Leaf<'a>),
    Branch(Branch<'a>),
}

impl<'a> Node<'a> {
    fn parse(page: &'a [u8], shape: Shape) -> Option<Self> {
        let count = u16_at(page, 2)?;
        let widths = shape.widths();
        match page.first()? {
            1 => Some(Self::Leaf(Leaf {
                page,
                pairs: count,
                widths,
            })),
            2 => Some(Self::Branch(Branch {
                page,
                keys: count,
                key_width: widths.key,
            })),
            _ => None,
        }
    }

    /// Where the used bytes end.
    fn end(&self) -> Option<usize> {
        match self {
            Self::Leaf(leaf) => leaf.value_end(leaf.pairs.checked_sub(1)?),
            Self::Branch(branch) => branch.end(),
        }
    }
}

struct Branch<'a> {
    page: &'a [u8],
    keys: usize,
    key_width: Option<u32>,
}

impl Branch<'_> {
    const CHECKSUMS: usize = 8;

    fn pages(&self) -> usize {
        Self::CHECKSUMS + 16 * (self.keys + 1)
    }

    fn end(&self) -> Option<usize> {
        let key_ends = self.pages() + 8 * (self.keys + 1);
        let last = self.keys.checked_sub(1)?;
        match self.key_width {
            Some(width) => Some(key_ends + usize::try_from(width).ok()?.checked_mul(self.keys)?),
            None => size_at(self.page, key_ends + 4 * last),
        }
    }

    fn links(&self, shape: Shape, visit: &mut dyn FnMut(Link)) -> Option<()> {
        for child in 0..=self.keys {
            visit(Link {
                page: u64_at(self.page, self.pages() + 8 * child)?,
                checksum: Checksum::at(self.page, Self::CHECKSUMS + 16 * child)?,
                shape,
            });
        }
        Some(())
    }
}

struct Leaf<'a> {
    page: &'a [u8],
    pairs: usize,
    widths: Widths,
}

impl Leaf<'_> {
    const ENDS: usize = 4;

    /// Bytes that the list of ends of a column takes.
    fn ends_len(&self, width: Option<u32>) -> usize {
        if width.is_none() { 4 * self.pairs } else { 0 }
    }

    fn keys_end(&self) -> Option<usize> {
        match self.widths.key {
            Some(width) => {
                let start = Self::ENDS + self.ends_len(self.widths.value);
                Some(start + usize::try_from(width).ok()?.checked_mul(self.pairs)?)
            }
            None => size_at(self.page, Self::ENDS + 4 * self.pairs.checked_sub(1)?),
        }
    }

    fn value_end(&self, n: usize) -> Option<usize> {
        match self.widths.value {
            Some(width) => {
                Some(self.keys_end()? + usize::try_from(width).ok()?.checked_mul(n + 1)?)
            }
            None => size_at(
                self.page,
                Self::ENDS + self.ends_len(self.widths.key) + 4 * n,
            ),
        }
    }

    fn value(&self, n: usize) -> Option<&[u8]> {
        let start = match n.checked_sub(1) {
            Some(previous) => self.value_end(previous)?,
            None => self.keys_end()?,
        };
        self.page.get(start..self.value_end(n)?)
    }

    fn links(&self, shape: Shape, visit: &mut dyn FnMut(Link)) -> Option<()> {
        for n in 0..self.pairs {
            let link = match shape {
                Shape::Rows(_) => return Some(()),
                Shape::Catalogue => table_root(self.value(n)?)?,
                Shape::Multimap(widths) => values_root(self.value(n)?, widths)?,
            };
            if let Some(link) = link {
                visit(link);
            }
        }
        Some(())
    }
}

/// The root of the table that a row of the catalogue defines, if it has rows.
fn table_root(definition: &[u8]) -> Option<Option<Link>> {
    const ROOT: usize = 10;
    const KEY_WIDTH: usize = ROOT + 32;
    let width = |at: usize| -> Option<Option<u32>> {
        let fixed = *definition.get(at)? != 0;
        Some(fixed.then_some(u32_at(definition, at + 1)?))
    };
    let widths = Widths {
        key: width(KEY_WIDTH)?,
        value: width(KEY_WIDTH + 5)?,
    };
    let shape = match definition.first()? {
        3 => Shape::Rows(widths),
        4 => Shape::Multimap(widths),
        _ => return None,
    };
    if *definition.get(ROOT - 1)? == 0 {
        return Some(None);
    }
    Some(Some(Link {
        page: u64_at(definition, ROOT)?,
        checksum: Checksum::at(definition, ROOT + 8)?,
        shape,
    }))
}

/// The tree of one multimap key's values, unless they lie inline. Its keys are the values.
fn values_root(collection: &[u8], widths: Widths) -> Option<Option<Link>> {
    match collection.first()? {
        1 => Some(None),
        3 => Some(Some(Link {
            page: u64_at(collection, 1)?,
            checksum: Checksum::at(collection, 9)?,
            shape: Shape::Rows(Widths {
                key: widths.value,
                value: Some(0),
            }),
        })),
        _ => None,
    }
}
