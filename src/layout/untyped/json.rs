//! JSON text, written as its value is decided.

use serde::Serialize;

use super::siblings::Kind;
use crate::layout::Certainty;

/// The text so far. What is written by itself is certain.
pub(super) struct Json(Vec<u8>);

/// Most values take less.
const USUAL: usize = 128;

impl Json {
    pub fn new() -> Self {
        Self(Vec::with_capacity(USUAL))
    }

    /// All of it.
    pub fn into_text(self) -> String {
        String::from_utf8(self.0)
            .unwrap_or_else(|text| String::from_utf8_lossy(text.as_bytes()).into_owned())
    }

    /// A value that holds no others.
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Certainty {
        // Memory takes all that is written to it, and these values always have a text.
        if serde_json::to_writer(&mut self.0, value).is_err() {
            return self.null();
        }
        Certainty::Exact
    }

    pub fn null(&mut self) -> Certainty {
        self.literal("null")
    }

    fn literal(&mut self, text: &str) -> Certainty {
        self.0.extend_from_slice(text.as_bytes());
        Certainty::Exact
    }

    /// A zero or something empty.
    pub fn zero(&mut self, kind: Kind) -> Certainty {
        self.literal(match kind {
            Kind::Bool => "false",
            Kind::Float => "0.0",
            Kind::Text => "\"\"",
            Kind::List => "[]",
            Kind::Map => "{}",
            _ => "0",
        })
    }

    /// What has the bytes of a one.
    pub fn one(&mut self, kind: Kind) -> Certainty {
        self.literal(match kind {
            Kind::Bool => "true",
            Kind::Negative => "-1",
            _ => "1",
        })
    }

    /// The key of an entry.
    pub fn key(&mut self, key: &str) {
        self.value(key);
        self.0.push(b':');
    }

    /// A list of what `write` makes of each element.
    pub fn list<T>(
        &mut self,
        elements: impl Iterator<Item = T>,
        write: impl FnMut(T, &mut Self) -> Certainty,
    ) -> Certainty {
        self.between([b'[', b']'], elements, write)
    }

    /// A map of what `write` makes of each entry, its [`key`](Self::key) first.
    pub fn map<T>(
        &mut self,
        entries: impl Iterator<Item = T>,
        write: impl FnMut(T, &mut Self) -> Certainty,
    ) -> Certainty {
        self.between([b'{', b'}'], entries, write)
    }

    fn between<T>(
        &mut self,
        [open, close]: [u8; 2],
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(T, &mut Self) -> Certainty,
    ) -> Certainty {
        let mut certainty = Certainty::Exact;
        self.0.push(open);
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            certainty = certainty.max(write(item, self));
        }
        self.0.push(close);
        certainty
    }
}
