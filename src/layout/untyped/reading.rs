//! What a span of bytes may be.

use std::ops::Range;

use crate::layout::wire::Wire;

/// Which node of a chart.
pub(in crate::layout) type NodeId = u32;

/// One way to read a span of bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    /// No byte at all.
    Null,
    /// A zero or something empty: which of them, the bytes do not tell.
    Zero,
    /// `1` or `true`: the bytes do not tell.
    One,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    /// The bytes of the text.
    Text(Range<usize>),
    /// `count` nulls.
    Nulls(usize),
    /// `count` values of one kind, the first at `start`, that need no node of their own.
    Run {
        of: Plain,
        start: usize,
        count: usize,
    },
    List(Vec<NodeId>),
    /// The bytes of each key, and its value.
    Map(Vec<(Range<usize>, NodeId)>),
}

/// What a [`Reading::Run`] is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Bool,
    /// Of the room of an integer; where a float has the same, of either.
    Number,
    /// Of the room of a float, where that is its own.
    Float,
    Text,
}

/// A span of bytes that can be read.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub end: usize,
    /// Of the most plausible reading.
    pub cost: f32,
    /// How much less plausible it is to divide the span otherwise.
    pub margin: f32,
    /// The most plausible reading.
    pub best: Reading,
    /// Every other one, with its cost. Mostly there is none, which then takes no allocation.
    pub others: Vec<(f32, Reading)>,
}

impl Node {
    /// Every reading with its cost, the most plausible first.
    pub fn readings(&self) -> impl Iterator<Item = (f32, &Reading)> {
        let others = self.others.iter().map(|(cost, reading)| (*cost, reading));
        std::iter::once((self.cost, &self.best)).chain(others)
    }
}

/// The nodes that begin at one byte, one for each end.
#[derive(Default)]
pub(super) struct Found(Vec<Node>);

impl Found {
    pub fn add(&mut self, end: usize, cost: f32, margin: f32, mut reading: Reading) {
        let Some(known) = self.0.iter_mut().find(|node| node.end == end) else {
            self.0.push(Node {
                end,
                cost,
                margin,
                best: reading,
                others: Vec::new(),
            });
            return;
        };
        let mut other = cost;
        if cost < known.cost {
            std::mem::swap(&mut known.cost, &mut other);
            std::mem::swap(&mut known.best, &mut reading);
            known.margin = margin;
        }
        known.others.push((other, reading));
    }

    pub fn is_small(&self) -> bool {
        self.0.capacity() <= 16
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes them out and keeps their memory.
    pub fn take(&mut self) -> std::vec::Drain<'_, Node> {
        self.0.drain(..)
    }
}

impl Plain {
    /// The kinds that a codec tells apart.
    pub fn of<W: Wire>() -> &'static [Self] {
        if W::BOOL_IS_APART {
            &[Self::Text, Self::Number, Self::Bool]
        } else {
            &[Self::Text, Self::Number, Self::Float]
        }
    }
}
