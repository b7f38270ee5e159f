//! Pages of redb's file formats v2 and v3, as far as their checksums go.
//!
//! Every page is named by its parent together with the checksum of its content, up to the root,
//! which the commit slot in the header names. Whoever follows these links from one header and
//! finds every checksum right has read exactly the commit of that header, whatever a writer did
//! to the file meanwhile.

use xxhash_rust::xxh3::xxh3_128;

use super::bytes::array;
use super::node::Node;

/// xxh3-128 of a page's used bytes, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Checksum([u8; 16]);

impl Checksum {
    pub(super) fn at(bytes: &[u8], at: usize) -> Option<Self> {
        array(bytes, at).map(Self)
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(xxh3_128(bytes).to_le_bytes())
    }
}

/// Widths of a table's keys and values; `None` is variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) key: Option<u32>,
    pub(super) value: Option<u32>,
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
    pub(super) fn widths(self) -> Widths {
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

/// The node in `page`, if that is the one that `link` names. `None` is a page that is torn, or was
/// damaged, or replaced since.
pub(super) fn open<'a>(page: &'a [u8], link: &Link) -> Option<Node<'a>> {
    let node = Node::parse(page, link.shape)?;
    let used = page.get(..node.end()?)?;
    // A fuzzer would only ever guess wrong ones, and learn nothing of what comes after them.
    (cfg!(fuzzing) || Checksum::of(used) == link.checksum).then_some(node)
}

/// Whether `page` is the one that `link` names; if so, hands its links to `visit`.
pub(super) fn check(page: &[u8], link: &Link, visit: &mut dyn FnMut(Link)) -> Option<()> {
    open(page, link)?.links(link.shape, visit)
}
