//! The way that is taken, as an episode.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Arrival, Done, Outcome, State, Ways};
use crate::cache::record::{Episode, ExecutionResult, ExecutionStep};
use crate::layout::untyped::{CERTAIN, Lesson, Siblings};
use crate::layout::wire::Wire;
use crate::layout::{Certainty, Layout, Parameters};

/// Metadata of an episode, followed by the index of the step from 0: the bytes, in base64, of
/// parameters that could not be read. The step's own are then `null`.
const UNREADABLE_KEY: &str = "redb_cache.unreadable_parameters.";

/// The key of the metadata with the bytes of the parameters of the step with that index, from 0, in
/// an episode of which they could not be read.
#[must_use]
pub fn unreadable_key(index: usize) -> String {
    format!("{UNREADABLE_KEY}{index}")
}

/// The episode of one way.
pub(in crate::layout) struct Walked {
    pub layout: Layout,
    /// What speaks against it.
    pub cost: f32,
    pub episode: Episode,
    pub parameters: Vec<Parameters>,
}

impl<W: Wire> Ways<'_, W> {
    /// Whether anything stands in the episode whose layout had no types.
    pub fn has_steps(&self) -> bool {
        self.beginning.steps > 0
    }

    /// The layouts that fit.
    pub fn layouts(&self) -> impl Iterator<Item = Layout> {
        self.arrivals.iter().map(|it| it.layout)
    }

    /// The episode as each of the layouts reads it that fit.
    pub fn episodes(mut self, siblings: &Siblings) -> Vec<Walked> {
        let arrivals = std::mem::take(&mut self.arrivals).into_iter();
        arrivals
            .map(|arrival| self.episode(arrival, siblings))
            .collect()
    }

    fn episode(&self, arrival: Arrival<'_>, siblings: &Siblings) -> Walked {
        let Arrival {
            layout,
            ending,
            cost,
            last,
        } = arrival;
        let beginning = self.beginning.clone();
        let mut episode = Episode {
            episode_id: beginning.episode_id,
            task_type: beginning.task_type,
            task_description: beginning.task_description,
            context: beginning.context,
            start_time: beginning.start_time,
            end_time: beginning.end_time,
            steps: Vec::new(),
            outcome: ending.closing.outcome,
            reward: ending.closing.reward.map(Into::into),
            reflection: ending.closing.reflection,
            patterns: ending.closing.patterns,
            heuristics: ending.closing.heuristics,
            applied_patterns: ending.applied_patterns,
            salient_features: ending.salient_features,
            metadata: ending.metadata,
            tags: ending.tags,
            checkpoints: ending
                .checkpoints
                .into_iter()
                .map(|it| it.of(beginning.episode_id))
                .collect(),
        };
        let is_sure = cost.second - cost.best >= CERTAIN;
        let path = self.path(last.as_ref());
        let mut parameters = Vec::with_capacity(path.len());
        episode.steps.reserve_exact(path.len());
        for (index, (state, done)) in path.into_iter().enumerate() {
            let (json, mut read) = self.parameters(state, done, siblings);
            if read.certainty == Certainty::Unreadable {
                let key = unreadable_key(index);
                let bytes = BASE64.encode(&read.bytes);
                episode.metadata.insert(key, bytes);
            } else if !is_sure {
                read.certainty = read.certainty.max(Certainty::Chosen);
            }
            episode.steps.push(step(state, done, json));
            parameters.push(read);
        }
        Walked {
            layout,
            cost: cost.best,
            episode,
            parameters,
        }
    }

    /// What the steps teach about those of other rows.
    pub fn lessons(&self, layout: Layout) -> Vec<Lesson<'_>> {
        let Some(arrival) = self.arrivals.iter().find(|it| it.layout == layout) else {
            return Vec::new();
        };
        let path = self.path(arrival.last.as_ref()).into_iter();
        path.filter_map(|(state, done)| {
            let (chart, value) = done.parameters.value?;
            Some(self.charts.get(chart)?.lessons(&value, state.head.tool))
        })
        .flatten()
        .collect()
    }

    /// Each step with what came of it, in order.
    fn path<'p>(&'p self, last: Option<&'p Done<'p>>) -> Vec<(&'p State<'p>, &'p Done<'p>)> {
        let mut path = Vec::with_capacity(self.layers.len());
        let mut done = last;
        for layer in self.layers.iter().rev() {
            let Some((state, behind)) = done.and_then(|done| Some((layer.get(done.state)?, done)))
            else {
                break;
            };
            path.push((state, behind));
            done = state.from.as_ref();
        }
        path.reverse();
        path
    }

    fn parameters(
        &self,
        state: &State<'_>,
        done: &Done<'_>,
        siblings: &Siblings,
    ) -> (String, Parameters) {
        let span = done.parameters;
        let settled = span.value.and_then(|(chart, value)| {
            let chart = self.charts.get(chart)?;
            Some(chart.settle(&value, state.head.tool, siblings))
        });
        let bytes = self.bytes.get(span.start..span.end).unwrap_or_default();
        match settled {
            Some(settled) => {
                let bytes = match settled.certainty {
                    Certainty::Exact => Vec::new(),
                    _ => bytes.to_owned(),
                };
                let read = Parameters {
                    certainty: settled.certainty,
                    bytes,
                };
                (settled.json, read)
            }
            None => {
                let read = Parameters {
                    certainty: Certainty::Unreadable,
                    bytes: bytes.to_owned(),
                };
                ("null".to_owned(), read)
            }
        }
    }
}

fn step(state: &State<'_>, done: &Done<'_>, parameters_json: String) -> ExecutionStep {
    let (head, tail) = (&state.head, &done.tail);
    let metadata = tail.metadata.iter();
    ExecutionStep {
        step_number: head.step_number,
        timestamp: head.timestamp,
        tool: head.tool.to_owned(),
        action: head.action.to_owned(),
        parameters_json,
        result: tail.result.as_ref().map(ExecutionResult::from),
        latency_ms: tail.latency_ms,
        tokens_used: tail.tokens_used,
        metadata: metadata
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

impl From<&Outcome<'_>> for ExecutionResult {
    fn from(outcome: &Outcome<'_>) -> Self {
        match *outcome {
            Outcome::Success { output } => Self::Success {
                output: output.to_owned(),
            },
            Outcome::Error { message } => Self::Error {
                message: message.to_owned(),
            },
            Outcome::Timeout => Self::Timeout,
        }
    }
}
