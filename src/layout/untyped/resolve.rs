//! A node of a chart as one JSON value.

use std::ops::Range;

use serde_json::Value as Json;

use super::chart::{Chart, NodeId, Value};
use super::cost::{self, CERTAIN};
use super::kinds::{Candidate, candidates, sign};
use super::reading::{Node, Plain, Reading};
use super::scalar::element;
use super::siblings::{Kind, Place, Siblings, Sign, Verdict};
use crate::layout::Certainty;
use crate::layout::wire::Wire;

/// The JSON that a value is taken for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::layout) struct Settled {
    pub json: Json,
    pub certainty: Certainty,
}

impl Settled {
    fn exact(json: Json) -> Self {
        Self {
            json,
            certainty: Certainty::Exact,
        }
    }

    fn text(text: &str) -> Self {
        Self {
            json: Json::from(text),
            certainty: text_certainty(text),
        }
    }

    /// A list is as sure as the least sure of its elements.
    fn list(elements: impl Iterator<Item = Self>) -> Self {
        let mut certainty = Certainty::Exact;
        let json = elements
            .map(|element| {
                certainty = certainty.max(element.certainty);
                element.json
            })
            .collect();
        Self {
            json: Json::Array(json),
            certainty,
        }
    }
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
        let mut settled = self.node_json(value.node, &Place::top(tool), siblings);
        // What takes no room is told by what follows alone.
        if value.margin < CERTAIN || settled.json.is_null() {
            settled.certainty = settled.certainty.max(Certainty::Chosen);
        }
        settled
    }

    /// What the parameters of `tool` teach about those of other rows.
    pub fn lessons(&self, value: &Value, tool: &'a str) -> Vec<Lesson<'a>> {
        let mut lessons = Vec::new();
        if value.margin >= CERTAIN {
            self.collect_node(value.node, Place::top(tool), &mut lessons);
        }
        lessons
    }

    fn node_json(&self, id: NodeId, place: &Place<'_>, siblings: &Siblings) -> Settled {
        match self.node(id) {
            Some(node) => self.json_among(node, place, siblings),
            None => Settled::exact(Json::Null),
        }
    }

    fn json_among(&self, node: &Node, place: &Place<'_>, siblings: &Siblings) -> Settled {
        if let Some(only) = Candidate::only(node) {
            return self.json(&only, place, siblings);
        }
        let candidates = candidates::<W>(node, place);
        let costs: Vec<_> = candidates.iter().map(|it| (it.kind, it.cost)).collect();
        let (index, certainty) = match siblings.decide(place, &costs) {
            Verdict::Only(index) => (index, Certainty::Exact),
            Verdict::Inferred(index) => (index, Certainty::Inferred),
            Verdict::Chosen(index) => (index, Certainty::Chosen),
        };
        let Some(taken) = candidates.get(index) else {
            return Settled::exact(Json::Null);
        };
        let mut settled = self.json(taken, place, siblings);
        settled.certainty = settled.certainty.max(certainty);
        settled
    }

    fn json(&self, taken: &Candidate<'_>, place: &Place<'_>, siblings: &Siblings) -> Settled {
        let of_node = |id: &NodeId, place: Place<'_>| self.node_json(*id, &place, siblings);
        match taken.reading {
            Reading::Null => Settled::exact(Json::Null),
            Reading::Zero => Settled::exact(zero(taken.kind)),
            Reading::One => Settled::exact(one(taken.kind)),
            Reading::Bool(flag) => Settled::exact(Json::Bool(*flag)),
            Reading::Unsigned(number) => Settled::exact(Json::from(*number)),
            Reading::Negative(number) => Settled::exact(Json::from(*number)),
            Reading::Float(number) => Settled::exact(Json::from(*number)),
            Reading::Text(span) => Settled::text(self.text(span)),
            Reading::Nulls(count) => Settled::exact(Json::Array(vec![Json::Null; *count])),
            Reading::Run { of, start, count } => {
                let among = self.place_of_run(place, *of, *start, *count);
                let elements = self.elements(*of, *start, *count);
                let mut settled =
                    Settled::list(elements.map(|it| self.json_among(&it, &among, siblings)));
                if *of == Plain::Text && self.passes_for_keys(*start, *count) {
                    let certainty = match siblings.has_lists(place) {
                        true => Certainty::Inferred,
                        false => Certainty::Chosen,
                    };
                    settled.certainty = settled.certainty.max(certainty);
                }
                settled
            }
            Reading::List(nodes) => {
                Settled::list(nodes.iter().map(|node| of_node(node, place.element())))
            }
            Reading::Map(entries) => {
                let mut certainty = Certainty::Exact;
                let mut object = serde_json::Map::with_capacity(entries.len());
                for (key, node) in entries {
                    let key = self.text(key);
                    let settled = of_node(node, place.under(key));
                    certainty = certainty.max(settled.certainty).max(text_certainty(key));
                    object.insert(key.to_owned(), settled.json);
                }
                Settled {
                    json: Json::Object(object),
                    certainty,
                }
            }
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

fn zero(kind: Kind) -> Json {
    match kind {
        Kind::Bool => Json::Bool(false),
        Kind::Float => Json::from(0.0),
        Kind::Text => Json::from(""),
        Kind::List => Json::Array(Vec::new()),
        Kind::Map => Json::Object(serde_json::Map::new()),
        _ => Json::from(0),
    }
}

fn one(kind: Kind) -> Json {
    match kind {
        Kind::Bool => Json::Bool(true),
        Kind::Negative => Json::from(-1),
        _ => Json::from(1),
    }
}
