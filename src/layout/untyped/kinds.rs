//! Which kinds of value a span of bytes may hold.

use super::cost::{self, CERTAIN};
use super::names::Hint;
use super::reading::{Node, Reading};
use super::siblings::{Kind, Place, Sign};
use crate::layout::wire::Wire;

/// A kind of value that a reading stands for.
pub(super) struct Candidate<'r> {
    pub kind: Kind,
    pub cost: f32,
    pub reading: &'r Reading,
}

impl<'r> Candidate<'r> {
    /// Where there is one reading that stands for one kind alone.
    pub fn only(node: &'r Node) -> Option<Self> {
        let several = !node.others.is_empty() || matches!(node.best, Reading::Zero | Reading::One);
        (!several).then(|| Self {
            kind: kind(&node.best),
            cost: node.cost,
            reading: &node.best,
        })
    }
}

/// Every kind that the readings of a span at a place may stand for.
pub(super) fn candidates<'r, W: Wire>(node: &'r Node, place: &Place<'_>) -> Vec<Candidate<'r>> {
    let mut candidates = Vec::with_capacity(1 + node.others.len());
    for (cost, reading) in node.readings() {
        let mut add = |kind, share: f32| {
            candidates.push(Candidate {
                kind,
                cost: cost - share.log2(),
                reading,
            });
        };
        match reading {
            Reading::Zero => zeros(place, W::BOOL_IS_APART)
                .into_iter()
                .for_each(|(kind, share)| add(kind, share)),
            Reading::One => ones(place)
                .into_iter()
                .for_each(|(kind, share)| add(kind, share)),
            Reading::Float(number) => candidates.push(Candidate {
                kind: Kind::Float,
                cost: cost::float(*number).unwrap_or(cost),
                reading,
            }),
            reading => add(kind(reading), 1.0),
        }
    }
    candidates
}

/// The most plausible reading of a span and what it shows of its kind; `None` where that is not
/// clear.
pub(super) fn sign(node: &Node) -> Option<(&Reading, Sign)> {
    // A list of nothing but nulls is so rare that it says nothing against a small number.
    let plausible = |(cost, reading): &(f32, &Reading)| {
        *cost < node.cost + CERTAIN && !matches!(reading, Reading::Nulls(_))
    };
    let mut readings = node
        .readings()
        .filter(plausible)
        .map(|(_, reading)| reading);
    let first = readings.next()?;
    let others: Vec<_> = readings.collect();
    let sign = match (first, others.as_slice()) {
        (Reading::Zero, []) => Sign::Zero,
        (Reading::One, []) => Sign::One,
        (Reading::Unsigned(_), [Reading::Negative(_)]) => Sign::Odd,
        (reading, []) => Sign::Clear(kind(reading)),
        _ => return None,
    };
    Some((first, sign))
}

fn kind(reading: &Reading) -> Kind {
    match reading {
        Reading::Null => Kind::Null,
        Reading::Bool(_) => Kind::Bool,
        Reading::Zero | Reading::One | Reading::Unsigned(_) => Kind::Unsigned,
        Reading::Negative(_) => Kind::Negative,
        Reading::Float(_) => Kind::Float,
        Reading::Text(_) => Kind::Text,
        Reading::Nulls(_) | Reading::Run { .. } | Reading::List(_) => Kind::List,
        Reading::Map(_) => Kind::Map,
    }
}

/// What an empty thing or a zero is, by its place alone: a tool without parameters gets an empty
/// map, below it the name of the key says most.
fn zeros(place: &Place<'_>, bool_is_apart: bool) -> [(Kind, f32); 5] {
    use Kind::{Bool, Float, List, Map, Text, Unsigned};
    let by_hint = |kind, rest: [Kind; 4]| {
        let [a, b, c, d] = rest;
        [(kind, 0.8), (a, 0.05), (b, 0.05), (c, 0.05), (d, 0.05)]
    };
    let fifth = if bool_is_apart { Float } else { Bool };
    if place.is_top {
        return [
            (Map, 0.9),
            (List, 0.04),
            (Text, 0.03),
            (Unsigned, 0.02),
            (fifth, 0.01),
        ];
    }
    match place.hint() {
        Some(Hint::List) => by_hint(List, [Map, Text, Unsigned, fifth]),
        Some(Hint::Map) => by_hint(Map, [List, Text, Unsigned, fifth]),
        Some(Hint::Text) => by_hint(Text, [List, Map, Unsigned, fifth]),
        Some(Hint::Count) => by_hint(Unsigned, [List, Map, Text, fifth]),
        Some(Hint::Flag) if !bool_is_apart => by_hint(Bool, [List, Map, Text, Unsigned]),
        _ if bool_is_apart => [
            (Unsigned, 0.3),
            (Text, 0.25),
            (List, 0.25),
            (Map, 0.15),
            (Float, 0.05),
        ],
        _ => [
            (Bool, 0.3),
            (Unsigned, 0.25),
            (Text, 0.2),
            (List, 0.15),
            (Map, 0.1),
        ],
    }
}

fn ones(place: &Place<'_>) -> [(Kind, f32); 3] {
    use Kind::{Bool, Negative, Unsigned};
    match place.hint() {
        Some(Hint::Count) => [(Unsigned, 0.9), (Bool, 0.05), (Negative, 0.05)],
        Some(Hint::Flag) => [(Bool, 0.95), (Unsigned, 0.04), (Negative, 0.01)],
        _ if place.is_top => [(Bool, 0.55), (Unsigned, 0.4), (Negative, 0.05)],
        _ => [(Bool, 0.5), (Unsigned, 0.45), (Negative, 0.05)],
    }
}
