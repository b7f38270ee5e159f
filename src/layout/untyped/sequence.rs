//! The elements of a list and the entries of a map: several values in a row, each ending where the
//! next begins.

use std::ops::Range;

use super::chart::{Chart, Effort};
use super::cost;
use super::reading::{Node, NodeId, Reading};
use super::scalar::text_at;
use crate::layout::wire::Wire;

/// Ways to go on that are kept after each element.
const BEAM: usize = 24;
/// What a byte costs in the mean: of two ways, the one that got further has explained more.
const COST_A_BYTE: f32 = 4.5;
/// Work for each way that is kept, which bounds the memory.
const WORK_A_WAY: usize = 3;

/// What may stand in a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements {
    Any,
    Maps,
    Lists,
    /// Of a map: keys in ascending order, each with its value.
    Entries,
}

/// One way to read all elements.
pub(super) struct Path {
    pub end: usize,
    pub cost: f32,
    /// How much less plausible the next best way to the same end is.
    pub margin: f32,
    steps: Vec<(Range<usize>, NodeId)>,
}

impl Path {
    /// The elements.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.steps.iter().map(|(_, node)| *node)
    }

    /// The entries.
    pub fn entries(self) -> Vec<(Range<usize>, NodeId)> {
        self.steps
    }
}

/// The best way to the end of some element.
struct Reached {
    at: usize,
    cost: f32,
    /// Of the next best way.
    second: f32,
    from: usize,
    key: Range<usize>,
    node: NodeId,
}

/// The best way to each end that `count` elements from `start` on can have.
pub(super) fn paths<W: Wire>(
    chart: &mut Chart<'_, W>,
    start: usize,
    count: usize,
    elements: Elements,
    depth: usize,
) -> Vec<Path> {
    let mut ways = vec![Reached {
        at: start,
        cost: 0.0,
        second: f32::INFINITY,
        from: 0,
        key: 0..0,
        node: 0,
    }];
    // The ways to the element before, of all that are kept for the way back.
    let mut layer = 0..1;
    for left in (0..count).rev() {
        let next = advance(chart, &ways, layer, elements, left == 0, depth);
        if next.is_empty() || !chart.spend(WORK_A_WAY * next.len()) {
            return Vec::new();
        }
        layer = ways.len()..ways.len() + next.len();
        ways.extend(next);
    }
    layer.filter_map(|last| trace(&ways, last, count)).collect()
}

fn advance<W: Wire>(
    chart: &mut Chart<'_, W>,
    ways: &[Reached],
    layer: Range<usize>,
    elements: Elements,
    is_last: bool,
    depth: usize,
) -> Vec<Reached> {
    let mut next: Vec<Reached> = Vec::new();
    for from in layer {
        let Some(reached) = ways.get(from) else {
            continue;
        };
        let Some((at, key, key_cost)) = begin(chart, reached, elements) else {
            continue;
        };
        for id in chart.nodes_at(at, depth + 1) {
            if !chart.spend(1) {
                return Vec::new();
            }
            let Some(node) = chart.node(id).filter(|node| fits(node, elements)) else {
                continue;
            };
            let cost = reached.cost + key_cost + node.cost;
            let way = Reached {
                at: node.end,
                cost,
                second: (reached.second + key_cost + node.cost).min(cost + node.margin),
                from,
                key: key.clone(),
                node: id,
            };
            if is_last || leads_on(chart, &way, elements) {
                join(&mut next, way);
            }
        }
    }
    keep_best(&mut next, chart.bytes.len());
    next
}

/// Whether another element may follow: of a map most wrong ways show at the next key.
fn leads_on<W: Wire>(chart: &Chart<'_, W>, way: &Reached, elements: Elements) -> bool {
    elements != Elements::Entries || key_at(chart, way).is_some()
}

/// The key that begins where the way has got to.
fn key_at<'a, W: Wire>(chart: &Chart<'a, W>, reached: &Reached) -> Option<(&'a str, Range<usize>)> {
    let (key, span) = text_at::<W>(chart.bytes, reached.at)?;
    let before = chart.bytes.get(reached.key.clone())?;
    let is_first = reached.key.end == 0;
    let ascends = is_first || before < key.as_bytes();
    let likely = chart.effort != Effort::Usual || cost::is_likely_key(key);
    (ascends && likely).then_some((key, span))
}

/// Where the next element's value begins; in a map its key comes before.
fn begin<W: Wire>(
    chart: &mut Chart<'_, W>,
    reached: &Reached,
    elements: Elements,
) -> Option<(usize, Range<usize>, f32)> {
    if elements != Elements::Entries {
        let likely = elements == Elements::Any || is_likely_count::<W>(chart.bytes, reached.at);
        return likely.then_some((reached.at, 0..0, 0.0));
    }
    let (key, span) = key_at(chart, reached)?;
    if !chart.spend(1 + key.len() / 16) {
        return None;
    }
    let cost = cost::key(key);
    Some((span.end, span, cost))
}

/// Whether a list or map in a list is of a usual size. A greater number looks like a letter, and
/// whoever takes letters for lists gets lost in any text.
fn is_likely_count<W: Wire>(bytes: &[u8], at: usize) -> bool {
    let count = bytes.get(at..).and_then(W::uint);
    count.is_some_and(|(count, _)| count < u64::from(b' '))
}

fn fits(node: &Node, elements: Elements) -> bool {
    use Reading::{List, Map, Nulls, Run, Zero};
    match elements {
        Elements::Any | Elements::Entries => true,
        Elements::Maps => matches!(node.best, Map(_) | Zero),
        Elements::Lists => matches!(node.best, List(_) | Run { .. } | Nulls(_) | Zero),
    }
}

/// Two ways to the same byte become one that knows what the other cost.
fn join(next: &mut Vec<Reached>, way: Reached) {
    match next.iter_mut().find(|known| known.at == way.at) {
        None => next.push(way),
        Some(known) if way.cost < known.cost => {
            let second = known.cost.min(way.second);
            *known = Reached { second, ..way };
        }
        Some(known) => known.second = known.second.min(way.cost),
    }
}

/// Whatever reaches the end of the bytes is kept.
fn keep_best(next: &mut Vec<Reached>, end: usize) {
    if next.len() > BEAM {
        let adjusted = |way: &Reached| match way.at {
            at if at == end => f32::NEG_INFINITY,
            at => way.cost - COST_A_BYTE * cost::count(at),
        };
        next.sort_by(|a, b| adjusted(a).total_cmp(&adjusted(b)));
        next.truncate(BEAM);
    }
}

fn trace(ways: &[Reached], last: usize, count: usize) -> Option<Path> {
    let end = ways.get(last)?;
    let mut steps = Vec::with_capacity(count);
    let mut reached = end;
    for _ in 0..count {
        steps.push((reached.key.clone(), reached.node));
        reached = ways.get(reached.from)?;
    }
    steps.reverse();
    Some(Path {
        end: end.at,
        cost: end.cost,
        margin: end.second - end.cost,
        steps,
    })
}
