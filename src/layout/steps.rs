//! An episode whose steps have parameters without types.
//!
//! Nothing says where the parameters of a step end, but what must follow does: the rest of the
//! step, the head of the next one with its time, in the end an ending that uses up the row. So all
//! ways through the row are followed step by step, the most plausible one to each byte is kept,
//! and the best that reaches an ending is taken.

mod cost;
mod path;
mod spans;

pub use self::path::unreadable_key;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::collections::BTreeMap;
use uuid::Uuid;

use super::Layout;
use super::ending::{Ending, ReadEnding};
use super::untyped::{Chart, Effort, Work};
use super::wire::Wire;
use crate::cache::record::{Misfit, TaskContext, TaskType, time};
use cost::{Cost, head_cost, tail_cost};
use spans::{How, Span, TRIES};

/// Ways through the row that are kept after each step.
const BEAM: usize = 32;

/// What comes before the steps.
#[derive(Clone, Deserialize)]
struct Beginning {
    episode_id: Uuid,
    task_type: TaskType,
    task_description: String,
    context: TaskContext,
    #[serde(with = "time")]
    start_time: DateTime<Utc>,
    #[serde(with = "time::option")]
    end_time: Option<DateTime<Utc>>,
    steps: u64,
}

/// What comes before the parameters of a step. Text stays where it is until the way is taken: most
/// of what is tried leads nowhere.
#[derive(Clone, Deserialize)]
struct Head<'a> {
    step_number: u64,
    #[serde(with = "time")]
    timestamp: DateTime<Utc>,
    tool: &'a str,
    action: &'a str,
}

/// What comes after them.
#[derive(Clone, Deserialize)]
struct Tail<'a> {
    #[serde(borrow)]
    result: Option<Outcome<'a>>,
    latency_ms: u64,
    tokens_used: Option<u64>,
    #[serde(borrow)]
    metadata: BTreeMap<&'a str, &'a str>,
}

/// An [`ExecutionResult`](crate::cache::record::ExecutionResult) whose text stays where it is.
#[derive(Clone, Deserialize)]
enum Outcome<'a> {
    Success { output: &'a str },
    Error { message: &'a str },
    Timeout,
}

/// The best way to the parameters of some step.
struct State<'a> {
    /// Where they begin.
    at: usize,
    head: Head<'a>,
    cost: Cost,
    /// The step before; none before the first one.
    from: Option<Done<'a>>,
}

/// A step that is behind.
#[derive(Clone)]
struct Done<'a> {
    /// Which state of its layer.
    state: usize,
    parameters: Span,
    tail: Tail<'a>,
}

/// A way that reaches an ending of some layout.
struct Arrival<'a> {
    layout: Layout,
    ending: Ending,
    cost: Cost,
    /// The last step; none where there are no steps.
    last: Option<Done<'a>>,
}

/// Every way to read one episode.
pub(super) struct Ways<'a, W> {
    bytes: &'a [u8],
    endings: &'a [(Layout, ReadEnding)],
    /// The first is of the whole row, each other one of a span that it cannot read.
    charts: Vec<Chart<'a, W>>,
    /// For all charts but the first, and for the search of what they are to read.
    work: Work,
    beginning: Beginning,
    layers: Vec<Vec<State<'a>>>,
    arrivals: Vec<Arrival<'a>>,
    /// How far anything could be read.
    furthest: usize,
}

impl<'a, W: Wire> Ways<'a, W> {
    /// Reads an episode of any of the layouts of `endings`.
    ///
    /// # Errors
    /// When none fits.
    pub fn find(bytes: &'a [u8], endings: &'a [(Layout, ReadEnding)]) -> Result<Self, Misfit> {
        let (beginning, used) = W::prefix::<Beginning>(bytes)?;
        let mut ways = Self {
            bytes,
            endings,
            charts: vec![Chart::new(bytes, Effort::Usual, Work::for_row(bytes.len()))],
            work: Work::for_row(bytes.len()),
            beginning,
            layers: Vec::new(),
            arrivals: Vec::new(),
            furthest: used,
        };
        for efforts in TRIES {
            ways.follow(used, efforts)?;
            if !ways.arrivals.is_empty() {
                return Ok(ways);
            }
        }
        let why = "its steps do not fit";
        Err(Misfit::new(ways.furthest, bytes, why))
    }

    fn follow(&mut self, start: usize, efforts: &[&[How]]) -> Result<(), Misfit> {
        self.layers.clear();
        if self.beginning.steps == 0 {
            return self.arrive_at_once(start);
        }
        let rest = self.bytes.get(start..).unwrap_or_default();
        let (head, used) =
            W::prefix::<Head<'a>>(rest).map_err(|misfit| misfit.moved(start, self.bytes))?;
        self.layers.push(vec![State {
            at: start + used,
            cost: Cost::NONE.plus(head_cost(&head, 1)),
            head,
            from: None,
        }]);
        for number in 1..=self.beginning.steps {
            let is_last = number == self.beginning.steps;
            let mut next = Vec::new();
            for group in efforts {
                for how in *group {
                    self.advance(*how, number, is_last, &mut next);
                }
                if !next.is_empty() || !self.arrivals.is_empty() {
                    break;
                }
            }
            if next.is_empty() {
                break;
            }
            keep_best(&mut next);
            self.layers.push(next);
        }
        Ok(())
    }

    fn arrive_at_once(&mut self, start: usize) -> Result<(), Misfit> {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let mut misfit = Misfit::new(start, self.bytes, "its ending does not fit");
        for (layout, ending) in self.endings {
            match ending(rest) {
                Ok(ending) => self.arrivals.push(Arrival {
                    layout: *layout,
                    ending,
                    cost: Cost::NONE,
                    last: None,
                }),
                Err(found) => misfit = found.moved(start, self.bytes),
            }
        }
        if self.arrivals.is_empty() {
            Err(misfit)
        } else {
            Ok(())
        }
    }

    /// Goes on from every state of the last layer.
    fn advance(&mut self, how: How, number: u64, is_last: bool, next: &mut Vec<State<'a>>) {
        let states: Vec<_> = match self.layers.last() {
            Some(layer) => layer.iter().map(|state| (state.at, state.cost)).collect(),
            None => return,
        };
        for (state, (at, cost)) in states.into_iter().enumerate() {
            for (span, span_cost) in self.spans(how, at) {
                let Some((tail, after)) = self.tail(span.end) else {
                    continue;
                };
                self.furthest = self.furthest.max(after);
                let cost = cost.plus(span_cost + tail_cost(&tail));
                let done = Done {
                    state,
                    parameters: span,
                    tail,
                };
                if is_last {
                    self.arrive(&done, after, cost);
                } else {
                    self.enter(done, after, cost, number + 1, next);
                }
            }
        }
    }

    fn tail(&self, at: usize) -> Option<(Tail<'a>, usize)> {
        let rest = self.bytes.get(at..)?;
        // The tag of the result, which spares most attempts.
        if !matches!(rest.first(), Some(0 | 1)) {
            return None;
        }
        let (tail, used) = W::prefix::<Tail<'a>>(rest).ok()?;
        Some((tail, at + used))
    }

    fn enter(&self, done: Done<'a>, at: usize, cost: Cost, number: u64, next: &mut Vec<State<'a>>) {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let Ok((head, used)) = W::prefix::<Head<'a>>(rest) else {
            return;
        };
        let state = State {
            at: at + used,
            cost: cost.plus(head_cost(&head, number)),
            head,
            from: Some(done),
        };
        match next.iter_mut().find(|known| known.at == state.at) {
            None => next.push(state),
            Some(known) => {
                let mut joined = known.cost;
                if joined.join(state.cost) {
                    *known = state;
                }
                known.cost = joined;
            }
        }
    }

    fn arrive(&mut self, done: &Done<'a>, at: usize, cost: Cost) {
        let rest = self.bytes.get(at..).unwrap_or_default();
        for (layout, ending) in self.endings {
            let Ok(ending) = ending(rest) else {
                continue;
            };
            let arrival = Arrival {
                layout: *layout,
                ending,
                cost,
                last: Some(done.clone()),
            };
            match self.arrivals.iter_mut().find(|it| it.layout == *layout) {
                None => self.arrivals.push(arrival),
                Some(known) => {
                    let mut joined = known.cost;
                    if joined.join(cost) {
                        *known = arrival;
                    }
                    known.cost = joined;
                }
            }
        }
    }
}

fn keep_best(states: &mut Vec<State<'_>>) {
    states.sort_by(|a, b| a.cost.best.total_cmp(&b.cost.best));
    states.truncate(BEAM);
}
