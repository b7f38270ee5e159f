//! The way that is taken, as an episode.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Arrival, Done, State, Ways};
use crate::cache::record::{Episode, ExecutionStep};
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
    pub episode: Episode,
    pub parameters: Vec<Parameters>,
}

impl<W: Wire> Ways<'_, W> {
    /// Whether anything stands in the episode whose layout had no types.
    pub fn has_steps(&self) -> bool {
        self.beginning.steps > 0
    }

    /// The layouts that fit, each with what speaks against it.
    pub fn layouts(&self) -> impl Iterator<Item = (Layout, f32)> {
        self.arrivals.iter().map(|it| (it.layout, it.cost.best))
    }

    /// The episode as a layout of [`layouts`](Self::layouts) reads it.
    pub fn episode(&self, layout: Layout, siblings: &Siblings) -> Option<Walked> {
        let arrival = self.arrival(layout)?;
        let beginning = self.beginning.clone();
        let ending = &arrival.ending;
        let mut episode = Episode {
            episode_id: beginning.episode_id,
            task_type: beginning.task_type,
            task_description: beginning.task_description,
            context: beginning.context,
            start_time: beginning.start_time,
            end_time: beginning.end_time,
            steps: Vec::new(),
            outcome: ending.closing.outcome.clone(),
            reward: ending.closing.reward.clone().map(Into::into),
            reflection: ending.closing.reflection.clone(),
            patterns: ending.closing.patterns.clone(),
            heuristics: ending.closing.heuristics.clone(),
            applied_patterns: ending.applied_patterns.clone(),
            salient_features: ending.salient_features.clone(),
            metadata: ending.metadata.clone(),
            tags: ending.tags.clone(),
            checkpoints: ending
                .checkpoints
                .iter()
                .map(|it| it.clone().of(beginning.episode_id))
                .collect(),
        };
        let is_sure = arrival.cost.second - arrival.cost.best >= CERTAIN;
        let mut parameters = Vec::new();
        for (index, (state, done)) in self.path(arrival).into_iter().enumerate() {
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
        Some(Walked {
            episode,
            parameters,
        })
    }

    /// What the steps teach about those of other rows.
    pub fn lessons(&self, layout: Layout) -> Vec<Lesson<'_>> {
        let Some(arrival) = self.arrival(layout) else {
            return Vec::new();
        };
        let path = self.path(arrival).into_iter();
        path.filter_map(|(state, done)| {
            let (chart, value) = done.parameters.value?;
            Some(self.charts.get(chart)?.lessons(&value, &state.head.tool))
        })
        .flatten()
        .collect()
    }

    fn arrival(&self, layout: Layout) -> Option<&Arrival> {
        self.arrivals.iter().find(|it| it.layout == layout)
    }

    /// Each step with what came of it, in order.
    fn path<'p>(&'p self, arrival: &'p Arrival) -> Vec<(&'p State, &'p Done)> {
        let mut path = Vec::new();
        let mut done = arrival.last.as_ref();
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

    fn parameters(&self, state: &State, done: &Done, siblings: &Siblings) -> (String, Parameters) {
        let span = done.parameters;
        let settled = span.value.and_then(|(chart, value)| {
            let chart = self.charts.get(chart)?;
            Some(chart.settle(&value, &state.head.tool, siblings))
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
                (settled.json.to_string(), read)
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

fn step(state: &State, done: &Done, parameters_json: String) -> ExecutionStep {
    let head = state.head.clone();
    let tail = done.tail.clone();
    ExecutionStep {
        step_number: head.step_number,
        timestamp: head.timestamp,
        tool: head.tool,
        action: head.action,
        parameters_json,
        result: tail.result,
        latency_ms: tail.latency_ms,
        tokens_used: tail.tokens_used,
        metadata: tail.metadata,
    }
}
