//! Some of the pages of a table, which tell about the others.

use std::ops::ControlFlow;

use super::{MAX_HEIGHT, VisitPair, Walk, absurd};
use crate::error::Result;
use crate::file::node::Node;
use crate::file::pages::Link;
use crate::file::tables::{SAMPLE_FIRST, SAMPLE_ONE_IN};

/// Which leaves are read: the first ones, and then one in some.
#[derive(Default)]
struct Sample {
    rows: u64,
    leaves: u64,
}

impl Sample {
    /// Whether to read the next leaf.
    fn wants_next(&mut self) -> bool {
        self.leaves += 1;
        self.rows < SAMPLE_FIRST || self.leaves.is_multiple_of(SAMPLE_ONE_IN)
    }
}

impl Walk {
    /// [`pairs`](Self::pairs), of a large tree only those of some leaves.
    pub(super) fn some_pairs(&self, root: Link, visit: &mut VisitPair<'_>) -> Result<()> {
        let height = self.height(root)?;
        let mut sample = Sample::default();
        self.some_pairs_below(&root, height, &mut sample, visit)
            .map(drop)
    }

    /// Steps from a page to the leaves, which are all equally far.
    fn height(&self, mut link: Link) -> Result<usize> {
        let mut buffer = Vec::new();
        for height in 0..MAX_HEIGHT {
            match self.page(&link, &mut buffer)? {
                Node::Leaf(_) => return Ok(height),
                Node::Branch(branch) => link = branch.child(0, link.shape).ok_or_else(absurd)?,
            }
        }
        Err(absurd())
    }

    fn some_pairs_below(
        &self,
        link: &Link,
        height: usize,
        sample: &mut Sample,
        visit: &mut VisitPair<'_>,
    ) -> Result<ControlFlow<()>> {
        let mut buffer = Vec::new();
        let branch = match self.page(link, &mut buffer)? {
            Node::Leaf(leaf) => {
                sample.rows = sample.rows.saturating_add(leaf.pairs() as u64);
                return self.pairs_of(&leaf, &[], visit);
            }
            Node::Branch(branch) => branch,
        };
        let below = height.checked_sub(1).ok_or_else(absurd)?;
        for n in 0..branch.children() {
            if below == 0 && !sample.wants_next() {
                continue;
            }
            let child = branch.child(n, link.shape).ok_or_else(absurd)?;
            if self
                .some_pairs_below(&child, below, sample, visit)?
                .is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
