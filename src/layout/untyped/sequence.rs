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

/// The ways through a sequence, element by element.
#[derive(Default)]
pub(super) struct Ways {
    /// The best ones to each end of the element before.
    layer: Vec<Reached>,
    /// Those to each end of this element.
    next: Vec<Reached>,
    /// The last step of every way that was kept, for the way back. There may be very many.
    steps: Vec<Step>,
}

impl Ways {
    pub fn is_small(&self) -> bool {
        self.steps.capacity() <= 2 * BEAM
    }

    fn clear(&mut self) {
        self.layer.clear();
        self.next.clear();
        self.steps.clear();
    }

    /// Makes the ways to this element those to the element before.
    fn step(&mut self) {
        for way in &mut self.next {
            let Range { start, end } = way.key;
            self.steps.push(Step {
                from: way.from,
                node: way.node,
                key: small(start)..small(end),
            });
            way.from = small(self.steps.len() - 1);
        }
        std::mem::swap(&mut self.layer, &mut self.next);
        self.next.clear();
    }
}

/// The best way to the end of some element.
struct Reached {
    at: usize,
    cost: f32,
    /// Of the next best way.
    second: f32,
    /// The step that led here; while its element is being read, the one before.
    from: u32,
    key: Range<usize>,
    node: NodeId,
    /// Of a map: the key that begins there, where another entry follows.
    next: Range<usize>,
}

/// One element of a way, in little room: no row is longer than a `u32` counts.
struct Step {
    /// The step before it, which is of no meaning in the first.
    from: u32,
    node: NodeId,
    key: Range<u32>,
}

/// The best way to each end that `count` elements from `start` on can have.
pub(super) fn paths<W: Wire>(
    chart: &mut Chart<'_, W>,
    start: usize,
    count: usize,
    elements: Elements,
    depth: usize,
) -> Vec<Path> {
    let mut first = Reached {
        at: start,
        cost: 0.0,
        second: f32::INFINITY,
        from: 0,
        key: 0..0,
        node: 0,
        next: 0..0,
    };
    if !leads_on(chart, &mut first, elements) {
        return Vec::new();
    }
    let mut ways = chart.spare_ways();
    ways.layer.push(first);
    let mut paths = Vec::new();
    if follow(chart, &mut ways, count, elements, depth) {
        let ends = ways.layer.iter();
        paths.extend(ends.filter_map(|end| trace(&ways.steps, end, count)));
    }
    ways.clear();
    chart.give_back(ways);
    paths
}

/// Goes through all elements, and says whether anything got there.
fn follow<W: Wire>(
    chart: &mut Chart<'_, W>,
    ways: &mut Ways,
    count: usize,
    elements: Elements,
    depth: usize,
) -> bool {
    (0..count).rev().all(|left| {
        let went_on = advance(chart, ways, elements, left == 0, depth);
        ways.step();
        let kept = ways.layer.len();
        went_on && kept > 0 && chart.spend(WORK_A_WAY * kept)
    })
}

/// Adds the ways that go on from those to the element before. Says whether the work was enough.
fn advance<W: Wire>(
    chart: &mut Chart<'_, W>,
    ways: &mut Ways,
    elements: Elements,
    is_last: bool,
    depth: usize,
) -> bool {
    for reached in &ways.layer {
        let Some((key, key_cost)) = begin(chart, reached, elements) else {
            continue;
        };
        let (cost, second) = (reached.cost + key_cost, reached.second + key_cost);
        for id in chart.nodes_at(reached.at.max(key.end), depth + 1) {
            if !chart.spend(1) {
                return false;
            }
            let Some(node) = chart.node(id).filter(|node| fits(node, elements)) else {
                continue;
            };
            let cost = cost + node.cost;
            let mut way = Reached {
                at: node.end,
                cost,
                second: (second + node.cost).min(cost + node.margin),
                from: reached.from,
                key: key.clone(),
                node: id,
                next: 0..0,
            };
            if is_last || leads_on(chart, &mut way, elements) {
                join(&mut ways.next, way);
            }
        }
    }
    keep_best(&mut ways.next, chart.bytes.len());
    true
}

/// Whether another element may follow: of a map most wrong ways show at the next key.
fn leads_on<W: Wire>(chart: &Chart<'_, W>, way: &mut Reached, elements: Elements) -> bool {
    if elements != Elements::Entries {
        return true;
    }
    let key = key_at(chart, way);
    way.next = key.clone().unwrap_or_default();
    key.is_some()
}

/// The key that begins where the way has got to.
fn key_at<W: Wire>(chart: &Chart<'_, W>, reached: &Reached) -> Option<Range<usize>> {
    let (key, span) = text_at::<W>(chart.bytes, reached.at)?;
    let before = chart.bytes.get(reached.key.clone())?;
    let is_first = reached.key.end == 0;
    let ascends = is_first || before < key.as_bytes();
    let likely = chart.effort != Effort::Usual || cost::is_likely_key(key);
    (ascends && likely).then_some(span)
}

/// Where the key of the next element is and its cost; where there are no keys the element may begin
/// at once.
fn begin<W: Wire>(
    chart: &mut Chart<'_, W>,
    reached: &Reached,
    elements: Elements,
) -> Option<(Range<usize>, f32)> {
    if elements != Elements::Entries {
        let likely = elements == Elements::Any || is_likely_count::<W>(chart.bytes, reached.at);
        return likely.then_some((0..0, 0.0));
    }
    let key = chart.bytes.get(reached.next.clone())?;
    if !chart.spend(1 + key.len() / 16) {
        return None;
    }
    Some((reached.next.clone(), cost::key(key)))
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
fn join(ways: &mut Vec<Reached>, way: Reached) {
    match ways.iter_mut().find(|known| known.at == way.at) {
        None => ways.push(way),
        Some(known) if way.cost < known.cost => {
            let second = known.cost.min(way.second);
            *known = Reached { second, ..way };
        }
        Some(known) => known.second = known.second.min(way.cost),
    }
}

/// Whatever reaches the end of the bytes is kept.
fn keep_best(ways: &mut Vec<Reached>, end: usize) {
    let adjusted = |way: &Reached| match way.at {
        at if at == end => f32::NEG_INFINITY,
        at => way.cost - COST_A_BYTE * cost::count(at),
    };
    if ways.len() > BEAM {
        ways.sort_by(|a, b| adjusted(a).total_cmp(&adjusted(b)));
        ways.truncate(BEAM);
    }
}

fn trace(steps: &[Step], end: &Reached, count: usize) -> Option<Path> {
    let mut taken = Vec::with_capacity(count);
    let mut from = end.from;
    for _ in 0..count {
        let step = steps.get(from as usize)?;
        let Range { start, end } = step.key;
        taken.push((start as usize..end as usize, step.node));
        from = step.from;
    }
    taken.reverse();
    Some(Path {
        end: end.at,
        cost: end.cost,
        margin: end.second - end.cost,
        steps: taken,
    })
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
