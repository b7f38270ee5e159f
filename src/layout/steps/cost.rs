//! What speaks against a way through a row.

use super::{Head, Outcome, Tail};
use crate::layout::untyped::{bits, oddity};

/// What a way through the row costs, and what the next best one does.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub best: f32,
    pub second: f32,
}

impl Cost {
    pub const NONE: Self = Self {
        best: 0.0,
        second: f32::INFINITY,
    };

    pub fn plus(self, cost: f32) -> Self {
        Self {
            best: self.best + cost,
            second: self.second + cost,
        }
    }

    /// Of two ways to the same place; says whether the other one is better.
    pub fn join(&mut self, other: Self) -> bool {
        let better = other.best < self.best;
        let loser = self.best.max(other.best);
        *self = Self {
            best: self.best.min(other.best),
            second: loser.min(self.second).min(other.second),
        };
        better
    }
}

/// What speaks against the head of the step of that number.
pub(super) fn head_cost(head: &Head<'_>, number: u64) -> f32 {
    let number = if head.step_number == number { 0.0 } else { 6.0 };
    number + oddity(head.tool) + oddity(head.action)
}

/// What speaks against the tail of a step.
pub(super) fn tail_cost(tail: &Tail<'_>) -> f32 {
    let result = match &tail.result {
        None => 2.0,
        Some(Outcome::Success { output }) => 1.0 + oddity(output),
        Some(Outcome::Error { message }) => 1.5 + oddity(message),
        Some(Outcome::Timeout) => 3.0,
    };
    let tokens = tail
        .tokens_used
        .map_or(0.5, |tokens| 0.5 + 0.3 * bits(tokens));
    let metadata: f32 = tail
        .metadata
        .iter()
        .map(|(key, value)| 1.0 + oddity(key) + oddity(value))
        .sum();
    result + 0.3 * bits(tail.latency_ms) + tokens + metadata
}
