//! What is in a page of redb's file formats v2 and v3: a leaf or a branch of a tree.
//!
//! ```text
//! leaf    1, _, pairs u16, [key ends u32]*, [value ends u32]*, keys, values     ends: variable width only
//! branch  2, _, keys u16, _ u32, checksums u128 * children, pages u64 * children, [key ends u32]*, keys
//! ```

use super::bytes::{size_at, u16_at, u64_at};
use super::definition::Definition;
use super::pages::{Checksum, Link, Shape, Widths};

/// What a page holds.
pub(super) enum Node<'a> {
    Leaf(Leaf<'a>),
    Branch(Branch<'a>),
}

impl<'a> Node<'a> {
    pub(super) fn parse(page: &'a [u8], shape: Shape) -> Option<Self> {
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
    pub(super) fn end(&self) -> Option<usize> {
        match self {
            Self::Leaf(leaf) => leaf.end(),
            Self::Branch(branch) => branch.end(),
        }
    }

    /// Hands the pages that it names to `visit`.
    pub(super) fn links(&self, shape: Shape, visit: &mut dyn FnMut(Link)) -> Option<()> {
        match self {
            Self::Branch(branch) => {
                for child in 0..branch.children() {
                    visit(branch.child(child, shape)?);
                }
                Some(())
            }
            Self::Leaf(leaf) => leaf.links(shape, visit),
        }
    }
}

/// A page above others.
pub(super) struct Branch<'a> {
    page: &'a [u8],
    keys: usize,
    key_width: Option<u32>,
}

impl<'a> Branch<'a> {
    const CHECKSUMS: usize = 8;

    pub(super) fn children(&self) -> usize {
        self.keys + 1
    }

    fn pages(&self) -> usize {
        Self::CHECKSUMS + 16 * self.children()
    }

    fn key_ends(&self) -> usize {
        self.pages() + 8 * self.children()
    }

    fn key_end(&self, n: usize) -> Option<usize> {
        match self.key_width {
            Some(width) => {
                let len = usize::try_from(width).ok()?.checked_mul(n + 1)?;
                self.key_ends().checked_add(len)
            }
            None => size_at(self.page, self.key_ends() + 4 * n),
        }
    }

    fn end(&self) -> Option<usize> {
        self.key_end(self.keys.checked_sub(1)?)
    }

    /// The greatest key that can be below that child; none bounds the last one.
    pub(super) fn key(&self, n: usize) -> Option<&'a [u8]> {
        if n >= self.keys {
            return None;
        }
        let start = match (n.checked_sub(1), self.key_width) {
            (Some(previous), _) => self.key_end(previous)?,
            (None, Some(_)) => self.key_ends(),
            (None, None) => self.key_ends() + 4 * self.keys,
        };
        self.page.get(start..self.key_end(n)?)
    }

    pub(super) fn child(&self, n: usize, shape: Shape) -> Option<Link> {
        Some(Link {
            page: u64_at(self.page, self.pages() + 8 * n)?,
            checksum: Checksum::at(self.page, Self::CHECKSUMS + 16 * n)?,
            shape,
        })
    }
}

/// A page of keys and values, or the values of one key of a multimap.
pub(super) struct Leaf<'a> {
    page: &'a [u8],
    pairs: usize,
    widths: Widths,
}

impl<'a> Leaf<'a> {
    const ENDS: usize = 4;

    pub(super) fn pairs(&self) -> usize {
        self.pairs
    }

    /// Bytes that the list of ends of a column takes.
    fn ends_len(&self, width: Option<u32>) -> usize {
        if width.is_none() { 4 * self.pairs } else { 0 }
    }

    /// Where the first key begins, after all that is about the pairs.
    pub(super) fn start(&self) -> usize {
        Self::ENDS + self.ends_len(self.widths.key) + self.ends_len(self.widths.value)
    }

    /// Where the used bytes end.
    pub(super) fn end(&self) -> Option<usize> {
        self.value_end(self.pairs.checked_sub(1)?)
    }

    fn key_end(&self, n: usize) -> Option<usize> {
        match self.widths.key {
            Some(width) => {
                let len = usize::try_from(width).ok()?.checked_mul(n + 1)?;
                self.start().checked_add(len)
            }
            None => size_at(self.page, Self::ENDS + 4 * n),
        }
    }

    fn keys_end(&self) -> Option<usize> {
        self.key_end(self.pairs.checked_sub(1)?)
    }

    fn value_end(&self, n: usize) -> Option<usize> {
        match self.widths.value {
            Some(width) => {
                let len = usize::try_from(width).ok()?.checked_mul(n + 1)?;
                self.keys_end()?.checked_add(len)
            }
            None => size_at(
                self.page,
                Self::ENDS + self.ends_len(self.widths.key) + 4 * n,
            ),
        }
    }

    pub(super) fn key(&self, n: usize) -> Option<&'a [u8]> {
        let start = match n.checked_sub(1) {
            Some(previous) => self.key_end(previous)?,
            None => self.start(),
        };
        self.page.get(start..self.key_end(n)?)
    }

    pub(super) fn value(&self, n: usize) -> Option<&'a [u8]> {
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
                Shape::Catalogue => Definition::parse(self.value(n)?)?.root,
                Shape::Multimap(widths) => match Values::parse(self.value(n)?, widths)? {
                    Values::Inline(_) => None,
                    Values::Tree(link) => Some(link),
                },
            };
            if let Some(link) = link {
                visit(link);
            }
        }
        Some(())
    }
}

/// The values of one key of a multimap, which are the keys of a leaf or of a tree of their own.
pub(super) enum Values<'a> {
    Inline(Leaf<'a>),
    Tree(Link),
}

impl<'a> Values<'a> {
    /// What the value of that key in a table of such widths says.
    pub(super) fn parse(collection: &'a [u8], widths: Widths) -> Option<Self> {
        let shape = Shape::Rows(Widths {
            key: widths.value,
            value: Some(0),
        });
        match collection.first()? {
            1 => match Node::parse(collection.get(1..)?, shape)? {
                Node::Leaf(leaf) => Some(Self::Inline(leaf)),
                Node::Branch(_) => None,
            },
            3 => Some(Self::Tree(Link {
                page: u64_at(collection, 1)?,
                checksum: Checksum::at(collection, 9)?,
                shape,
            })),
            _ => None,
        }
    }
}
