//! A node of a chart as one JSON value.

use std::ops::Range;

use super::chart::{Chart, NodeId, Value};
use super::cost::{self, CERTAIN};
use super::json::Json;
use super::kinds::{Candidate, candidates, sign};
use super::reading::{Node, Plain, Reading};
use super::scalar::element;
use super::siblings::{Place, Siblings, Sign, Verdict};
use crate::layout::Certainty;
use crate::layout::wire::Wire;

/// The JSON that a value is taken for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::layout) struct Settled {
    pub json: String,
    pub certainty: Certainty,
}

/// Characters that nobody types are probably lengths and numbers of something else, even where
/// nothing else was found.
fn text_certainty(text: &str) -> Certainty {
    if cost::oddity(text) > 0.0 {
        Certainty::Chosen
    } else {
        Certainty::Exact
    }
}

/// Something that a row taught: what stands at a place.
pub(in crate::layout) struct Lesson<'a>(Place<'a>, Sign);

impl Lesson<'_> {
    /// Hands it on.
    pub fn teach(&self, siblings: &mut Siblings) {
        siblings.learn(&self.0, self.1);
    }
}

impl<'a, W: Wire> Chart<'a, W> {
    /// What the parameters of `tool` are taken for.
    pub fn settle(&self, value: &Value, tool: &str, siblings: &Siblings) -> Settled {
        let mut json = Json::new();
        let mut certainty = self.node_json(value.node, &Place::top(tool), siblings, &mut json);
        let json = json.into_text();
        // What takes no room is told by what follows alone.
        if value.margin < CERTAIN || json == "null" {
            certainty = certainty.max(Certainty::Chosen);
        }
        Settled { json, certainty }
    }

    /// What the parameters of `tool` teach about those of other rows.
    pub fn lessons(&self, value: &Value, tool: &'a str) -> Vec<Lesson<'a>> {
        let mut lessons = Vec::new();
        if value.margin >= CERTAIN {
            self.collect_node(value.node, Place::top(tool), &mut lessons);
        }
        lessons
    }

    fn node_json(
        &self,
        id: NodeId,
        place: &Place<'_>,
        siblings: &Siblings,
        json: &mut Json,
    ) -> Certainty {
        match self.node(id) {
            Some(node) => self.json_among(node, place, siblings, json),
            None => json.null(),
        }
    }

    fn json_among(
        &self,
        node: &Node,
        place: &Place<'_>,
        siblings: &Siblings,
        json: &mut Json,
    ) -> Certainty {
        if let Some(only) = Candidate::only(node) {
            return self.json(&only, place, siblings, json);
        }
        let candidates = candidates::<W>(node, place);
        let costs: Vec<_> = candidates.iter().map(|it| (it.kind, it.cost)).collect();
        let (index, certainty) = match siblings.decide(place, &costs) {
            Verdict::Only(index) => (index, Certainty::Exact),
            Verdict::Inferred(index) => (index, Certainty::Inferred),
            Verdict::Chosen(index) => (index, Certainty::Chosen),
        };
        match candidates.get(index) {
            Some(taken) => self.json(taken, place, siblings, json).max(certainty),
            None => json.null(),
        }
    }

    /// A list or map is as sure as the least sure of what it holds.
    fn json(
        &self,
        taken: &Candidate<'_>,
        place: &Place<'_>,
        siblings: &Siblings,
        json: &mut Json,
    ) -> Certainty {
        match taken.reading {
            Reading::Null => json.null(),
            Reading::Zero => json.zero(taken.kind),
            Reading::One => json.one(taken.kind),
            Reading::Bool(flag) => json.value(flag),
            Reading::Unsigned(number) => json.value(number),
            Reading::Negative(number) => json.value(number),
            Reading::Float(number) => json.value(number),
            Reading::Text(span) => {
                let text = self.text(span);
                json.value(text).max(text_certainty(text))
            }
            Reading::Nulls(count) => json.list(0..*count, |_, json| json.null()),
            Reading::Run { of, start, count } => {
                let among = self.place_of_run(place, *of, *start, *count);
                let elements = self.elements(*of, *start, *count);
                let certainty = json.list(elements, |it, json| {
                    self.json_among(&it, &among, siblings, json)
                });
                certainty.max(self.certainty_of_run(taken.reading, place, siblings))
            }
            Reading::List(nodes) => {
                let place = place.element();
                json.list(nodes.iter(), |node, json| {
                    self.node_json(*node, &place, siblings, json)
                })
            }
            Reading::Map(entries) => json.map(entries.iter(), |(key, node), json| {
                let key = self.text(key);
                json.key(key);
                let certainty = self.node_json(*node, &place.under(key), siblings, json);
                certainty.max(text_certainty(key))
            }),
        }
    }

    fn certainty_of_run(&self, run: &Reading, place: &Place<'_>, siblings: &Siblings) -> Certainty {
        match run {
            Reading::Run {
                of: Plain::Text,
                start,
                count,
            } if self.passes_for_keys(*start, *count) => match siblings.has_lists(place) {
                true => Certainty::Inferred,
                false => Certainty::Chosen,
            },
            _ => Certainty::Exact,
        }
    }

    fn collect_node(&self, id: NodeId, place: Place<'a>, lessons: &mut Vec<Lesson<'a>>) {
        if let Some(node) = self.node(id) {
            self.collect(node, place, lessons);
        }
    }

    fn collect(&self, node: &Node, place: Place<'a>, lessons: &mut Vec<Lesson<'a>>) {
        let Some((reading, sign)) = sign(node) else {
            return;
        };
        match reading {
            Reading::Map(entries) => {
                for (key, node) in entries {
                    self.collect_node(*node, place.under(self.text(key)), lessons);
                }
            }
            Reading::List(nodes) => {
                for node in nodes {
                    self.collect_node(*node, place.element(), lessons);
                }
            }
            Reading::Run { of, start, count } => {
                let place = self.place_of_run(&place, *of, *start, *count);
                for element in self.elements(*of, *start, *count) {
                    self.collect(&element, place, lessons);
                }
            }
            _ => {}
        }
        lessons.push(Lesson(place, sign));
    }

    fn text(&self, span: &Range<usize>) -> &'a str {
        let bytes = self.bytes.get(span.clone()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether texts ascend: a map with these keys, all its values null, has the same bytes.
    fn passes_for_keys(&self, start: usize, count: usize) -> bool {
        self.elements(Plain::Text, start, count)
            .map(|node| match &node.best {
                Reading::Text(span) => self.text(span),
                _ => "",
            })
            .is_sorted_by(|a, b| a < b)
    }

    /// Zeros and ones among other numbers are numbers too.
    fn place_of_run<'p>(
        &self,
        place: &Place<'p>,
        of: Plain,
        start: usize,
        count: usize,
    ) -> Place<'p> {
        let is_number = |node: Node| !matches!(node.best, Reading::Zero | Reading::One);
        let element = place.element();
        if of == Plain::Number && self.elements(of, start, count).any(is_number) {
            element.among_numbers()
        } else {
            element
        }
    }

    /// The values of a run.
    fn elements(&self, of: Plain, start: usize, count: usize) -> impl Iterator<Item = Node> {
        let bytes = self.bytes;
        let mut at = start;
        (0..count).map_while(move |_| {
            let node = element::<W>(bytes, of, at)?;
            at = node.end;
            Some(node)
        })
    }
}
