//! Where the parameters of a step end, and what they are.

use super::{Head, Ways};
use crate::layout::untyped::{Chart, Effort, UNREADABLE, UNREADABLE_BYTE, Value, count};
use crate::layout::wire::Wire;

/// Ends that are tried for parameters that cannot be read.
const MOST_GUESSES: usize = 8;
/// Bytes that are read in vain for one unit of work, when what must follow does not.
const BYTES_A_WORK: usize = 256;

/// The parameters of a step.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    /// In which chart it is what; `None` for what cannot be read.
    pub value: Option<(usize, Value)>,
}

/// How parameters are read.
#[derive(Clone, Copy)]
pub(super) enum How {
    Usual,
    /// Where they end before they are read.
    Thorough,
    /// Only where they end.
    Guess,
}

/// What is tried on a row, one after the other: for each step the first of the groups that leads on.
pub(super) const TRIES: [&[&[How]]; 2] = [
    &[&[How::Usual], &[How::Thorough]],
    &[&[How::Usual, How::Thorough], &[How::Guess]],
];

impl<W: Wire> Ways<'_, W> {
    /// Where the parameters that begin at `at` may end.
    pub(super) fn spans(&mut self, how: How, at: usize) -> Vec<(Span, f32)> {
        match how {
            How::Usual => self.usual(at),
            How::Thorough => self.thorough(at),
            How::Guess => self.guesses(at),
        }
    }

    fn usual(&mut self, at: usize) -> Vec<(Span, f32)> {
        let Some(chart) = self.charts.first_mut() else {
            return Vec::new();
        };
        let values = chart.values(at).into_iter();
        values
            .map(|value| {
                let span = Span {
                    start: at,
                    end: value.end,
                    value: Some((0, value)),
                };
                (span, value.cost)
            })
            .collect()
    }

    /// What reads the shortest span that is followed by what must follow.
    fn thorough(&mut self, at: usize) -> Vec<(Span, f32)> {
        for (guess, _) in self.guesses(at) {
            for effort in [Effort::Thorough, Effort::Exhaustive] {
                if let Some(read) = self.whole(guess, effort) {
                    return vec![read];
                }
            }
        }
        Vec::new()
    }

    /// What all of a span is.
    fn whole(&mut self, span: Span, effort: Effort) -> Option<(Span, f32)> {
        let bytes = self.bytes.get(span.start..span.end)?;
        let mut chart = Chart::new(bytes, effort, self.work.part());
        let values = chart.values(0);
        self.work.give_back(chart.take_work());
        let value = values.into_iter().find(|it| it.end == bytes.len())?;
        let span = Span {
            value: Some((self.charts.len(), value)),
            ..span
        };
        self.charts.push(chart);
        Some((span, value.cost))
    }

    /// The first places at which the rest of a step fits, and what must follow. Where it nearly
    /// fits everywhere it is sought from the end of the row as well.
    fn guesses(&mut self, at: usize) -> Vec<(Span, f32)> {
        let ends = at..self.bytes.len();
        let guesses = self.guesses_among(at, ends.clone());
        if guesses.is_empty() {
            self.guesses_among(at, ends.rev())
        } else {
            guesses
        }
    }

    fn guesses_among(
        &mut self,
        start: usize,
        ends: impl Iterator<Item = usize>,
    ) -> Vec<(Span, f32)> {
        let mut work = self.work.part();
        let mut guesses = Vec::new();
        for end in ends {
            if !work.spend(1) || guesses.len() == MOST_GUESSES {
                break;
            }
            let Some((_, after)) = self.tail(end) else {
                continue;
            };
            let rest = self.bytes.get(after..).unwrap_or_default();
            if !work.spend(after - end + rest.len() / BYTES_A_WORK) {
                break;
            }
            let ends = || self.endings.iter().any(|(_, ending)| ending(rest).is_ok());
            if W::prefix::<Head<'_>>(rest).is_ok() || ends() {
                let value = None;
                let cost = UNREADABLE + UNREADABLE_BYTE * count(end - start);
                guesses.push((Span { start, end, value }, cost));
            }
        }
        self.work.give_back(work);
        guesses
    }
}
