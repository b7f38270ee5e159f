//! The pages of a table, counted as redb counts them.

use super::{Walk, absurd};
use crate::error::Result;
use crate::file::node::{Leaf, Node, Values};
use crate::file::pages::{Link, Shape, Widths};
use crate::file::tables::PageUse;

impl Walk {
    /// The pages of a tree, counted as redb counts them.
    pub(super) fn measure_below(&self, link: &Link, height: usize) -> Result<PageUse> {
        let below = height.checked_sub(1).ok_or_else(absurd)?;
        let mut buffer = Vec::new();
        let node = self.page(link, &mut buffer)?;
        let used = node.end().unwrap_or_default();
        let stored = match (&node, link.shape) {
            (Node::Branch(_), _) => 0,
            (Node::Leaf(leaf), Shape::Multimap(widths)) => self.stored_inline(leaf, widths)?,
            (Node::Leaf(leaf), _) => used.saturating_sub(leaf.start()),
        };
        let mut links = Vec::new();
        node.links(link.shape, &mut |link| links.push(link))
            .ok_or_else(absurd)?;
        let has_below = u64::from(!links.is_empty());
        let fragmented = self.length_of(link).saturating_sub(used);
        let mut all = PageUse {
            stored_bytes: stored as u64,
            metadata_bytes: used.saturating_sub(stored) as u64,
            fragmented_bytes: fragmented as u64,
            leaf_pages: 1 - has_below,
            branch_pages: has_below,
            tree_height: 0,
        };
        for link in links {
            add(&mut all, self.measure_below(&link, below)?);
        }
        all.tree_height += 1;
        Ok(all)
    }

    fn length_of(&self, link: &Link) -> usize {
        self.geometry
            .extent(link.page)
            .map_or(0, |extent| extent.len)
    }

    /// Bytes of the values that lie in a leaf of a multimap and not in a tree of their own.
    fn stored_inline(&self, leaf: &Leaf<'_>, widths: Widths) -> Result<usize> {
        let mut stored = 0usize;
        for n in 0..leaf.pairs() {
            let inline = || match Values::parse(leaf.value(n)?, widths)? {
                Values::Inline(values) => Some(values.end()?.saturating_sub(values.start())),
                Values::Tree(_) => Some(0),
            };
            stored = stored.saturating_add(inline().ok_or_else(absurd)?);
        }
        Ok(stored)
    }
}

/// Adds the pages below one; the height is that of the highest.
pub(super) fn add(all: &mut PageUse, below: PageUse) {
    *all = PageUse {
        stored_bytes: all.stored_bytes.saturating_add(below.stored_bytes),
        metadata_bytes: all.metadata_bytes.saturating_add(below.metadata_bytes),
        fragmented_bytes: all.fragmented_bytes.saturating_add(below.fragmented_bytes),
        leaf_pages: all.leaf_pages.saturating_add(below.leaf_pages),
        branch_pages: all.branch_pages.saturating_add(below.branch_pages),
        tree_height: all.tree_height.max(below.tree_height),
    };
}
