//! Every plausible way to read the values of a row, found once for each byte at which one may
//! begin.

use std::marker::PhantomData;
use std::ops::Range;

use super::cost;
use super::known::Known;
use super::reading::{Found, Node, Plain, Reading};
use super::scalar::{runs, scalars, text_at};
use super::sequence::{self, Elements, Ways};
use crate::layout::wire::Wire;

pub(in crate::layout) use super::reading::NodeId;

/// JSON text that is nested deeper does not parse, so nobody has such a value.
const MAX_DEPTH: usize = 128;

/// Work for a row of any length, and for each of its bytes. What one node costs bounds the memory.
const WORK: usize = 1 << 22;
const WORK_A_BYTE: usize = 32;
const WORK_A_NODE: usize = 16;

/// Nodes that most rows have.
const NODES: usize = 64;
/// Pieces of memory that are kept for the next byte. Those that grew are not among them.
const SPARE: usize = 8;

/// How far a chart goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layout) enum Effort {
    /// Lists of one kind, keys that look like keys, text that looks like text.
    Usual,
    /// Lists of anything, keys and numbers of any kind.
    Thorough,
    /// Anything that the codec can have written, even where something plainly is text.
    Exhaustive,
}

/// How much may still be tried on a row, so that no row takes long.
#[derive(Debug, Default)]
pub(in crate::layout) struct Work(usize);

impl Work {
    /// For a row of `len` bytes.
    pub fn for_row(len: usize) -> Self {
        Self(WORK.saturating_add(len.saturating_mul(WORK_A_BYTE)))
    }

    /// A part that leaves enough for others.
    pub fn part(&mut self) -> Self {
        let part = self.0 / 4;
        self.0 -= part;
        Self(part)
    }

    /// Takes back what a part did not need.
    pub fn give_back(&mut self, part: Self) {
        self.0 += part.0;
    }

    /// Takes some of it, or says that not so much is left.
    pub fn spend(&mut self, work: usize) -> bool {
        let left = self.0.checked_sub(work);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// The values that may begin at each byte of a row.
pub(in crate::layout) struct Chart<'a, W> {
    pub(super) bytes: &'a [u8],
    pub(super) effort: Effort,
    nodes: Vec<Node>,
    /// For each byte the number of its entry in `spans`.
    known: Known,
    spans: Vec<Range<NodeId>>,
    work: Work,
    /// Memory that was used for what begins at other bytes, for the next.
    spare: Vec<Found>,
    spare_ways: Vec<Ways>,
    wire: PhantomData<W>,
}

impl<'a, W: Wire> Chart<'a, W> {
    /// For the values in `bytes`, of which one begins at 0 or at any later place that is asked for.
    pub fn new(bytes: &'a [u8], effort: Effort, work: Work) -> Self {
        Self {
            bytes,
            effort,
            nodes: Vec::with_capacity(NODES),
            known: Known::of(bytes.len()),
            spans: Vec::new(),
            work,
            spare: Vec::new(),
            spare_ways: Vec::new(),
            wire: PhantomData,
        }
    }

    /// Hands over the work that is left.
    pub fn take_work(&mut self) -> Work {
        std::mem::take(&mut self.work)
    }

    /// The values that begin at `at`: where each ends, its cost, its margin, its node.
    pub fn values(&mut self, at: usize) -> Vec<Value> {
        let span = self.nodes_at(at, 0);
        span.filter_map(|id| {
            let node = self.node(id)?;
            Some(Value {
                end: node.end,
                cost: node.cost,
                margin: node.margin,
                node: id,
            })
        })
        .collect()
    }

    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// Takes `work` from what is left, or says that nothing is.
    pub(super) fn spend(&mut self, work: usize) -> bool {
        self.work.spend(work)
    }

    pub(super) fn spare_ways(&mut self) -> Ways {
        self.spare_ways.pop().unwrap_or_default()
    }

    /// Takes back memory that holds nothing any more.
    pub(super) fn give_back(&mut self, ways: Ways) {
        if self.spare_ways.len() < SPARE && ways.is_small() {
            self.spare_ways.push(ways);
        }
    }

    pub(super) fn nodes_at(&mut self, at: usize, depth: usize) -> Range<NodeId> {
        let known = self.known.get(at);
        if let Some(span) = known.and_then(|index| self.spans.get(index as usize)) {
            return span.clone();
        }
        let mut found = self.spare.pop().unwrap_or_default();
        self.find(at, depth, &mut found);
        let first = id(self.nodes.len());
        if self.spend(WORK_A_NODE.saturating_mul(found.len())) {
            self.nodes.extend(found.take());
        } else {
            drop(found.take());
        }
        if self.spare.len() < SPARE && found.is_small() {
            self.spare.push(found);
        }
        let span = first..id(self.nodes.len());
        self.known.set(at, id(self.spans.len()));
        self.spans.push(span.clone());
        span
    }

    fn find(&mut self, at: usize, depth: usize, found: &mut Found) {
        found.add(at, cost::NULL, f32::INFINITY, Reading::Null);
        if !self.spend(1) {
            return;
        }
        let mut clear = false;
        if let Some((text, span)) = text_at::<W>(self.bytes, at)
            && !text.is_empty()
        {
            let cost = cost::text(text);
            clear = self.effort != Effort::Exhaustive && cost::is_clear_text(text, cost);
            found.add(span.end, cost, f32::INFINITY, Reading::Text(span));
        }
        if !clear {
            scalars::<W>(self.bytes, at, self.effort, found);
        }
        if let Some((count, start)) = self.count(at).filter(|_| depth < MAX_DEPTH) {
            let clear_map = self.map(start, count, depth, found);
            let clear = clear || (clear_map && self.effort == Effort::Usual);
            self.list(start, count, depth, clear, found);
        }
    }

    /// Says whether a map is clearly there.
    fn map(&mut self, start: usize, count: usize, depth: usize, found: &mut Found) -> bool {
        let mut clear = false;
        for path in sequence::paths(self, start, count, Elements::Entries, depth) {
            let cost = cost::map(count) + path.cost;
            let end = path.end;
            let margin = path.margin;
            let entries = path.entries();
            clear |= self.is_clear_map(&entries);
            found.add(end, cost, margin, Reading::Map(entries));
        }
        clear
    }

    fn is_clear_map(&self, entries: &[(Range<usize>, NodeId)]) -> bool {
        let is_name = |key: &Range<usize>| {
            let key = self.bytes.get(key.clone());
            key.is_some_and(|key| key.len() > 1 && cost::is_identifier(key))
        };
        let is_something = |id: NodeId| self.node(id).is_some_and(|it| it.best != Reading::Null);
        entries.iter().all(|(key, _)| is_name(key))
            && entries.iter().any(|(_, value)| is_something(*value))
    }

    /// What is clearly something else may still be a list of texts, but of nothing else: where the
    /// first text is long its length is a letter, and two texts pass for a key and its value.
    fn list(&mut self, start: usize, count: usize, depth: usize, clear: bool, found: &mut Found) {
        if clear {
            return runs(self, &[Plain::Text], start, count, found);
        }
        runs(self, Plain::of::<W>(), start, count, found);
        let kinds: &[Elements] = match self.effort {
            Effort::Usual => &[Elements::Maps, Elements::Lists],
            Effort::Thorough | Effort::Exhaustive => &[Elements::Any],
        };
        for elements in kinds {
            for path in sequence::paths(self, start, count, *elements, depth) {
                let nodes: Vec<_> = path.nodes().collect();
                if *elements != Elements::Any && !self.any_composite(&nodes) {
                    continue;
                }
                let cost = cost::list(count) + path.cost;
                found.add(path.end, cost, path.margin, Reading::List(nodes));
            }
        }
    }

    /// Whether one of them is more than something empty.
    fn any_composite(&self, nodes: &[NodeId]) -> bool {
        let mut nodes = nodes.iter().filter_map(|id| self.node(*id));
        nodes.any(|node| node.best != Reading::Zero)
    }

    /// How many elements are said to begin where. Each takes a byte, but for a few nulls.
    fn count(&self, at: usize) -> Option<(usize, usize)> {
        let rest = self.bytes.get(at..)?;
        let (count, used) = W::uint(rest)?;
        let count = usize::try_from(count).ok()?;
        let room = rest.len().checked_sub(used)?.saturating_add(MOST_NULLS);
        (count > 0 && count <= room).then_some((count, at + used))
    }
}

/// Nulls take no room, so that more of them are not believed.
pub(super) const MOST_NULLS: usize = 8;

/// A value that begins where it was asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::layout) struct Value {
    /// The byte after it.
    pub end: usize,
    /// Its cost.
    pub cost: f32,
    /// How much less plausible it is to divide its bytes otherwise.
    pub margin: f32,
    /// What it is.
    pub node: NodeId,
}

fn id(index: usize) -> NodeId {
    NodeId::try_from(index).unwrap_or(NodeId::MAX)
}
