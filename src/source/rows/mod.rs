//! Rows of the store as records of the cache, one file for each kind.

mod embedding;
mod episode;
mod heuristic;
mod pattern;
mod procedural;
mod recommendation;
mod relationship;
mod step;
mod summary;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::row::{Cells, Flaw};
use super::shape::Kind;
use crate::cache::record::Record;

/// A row of the store that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its key in the cache.
    pub key: String,
    /// What it holds.
    pub value: Value,
    /// An episode's revision in the store: milliseconds since the epoch.
    pub revision: Option<i64>,
}

/// What a row of the store becomes in the cache.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A record.
    Record(Record),
    /// A row of `metadata`.
    Text(String),
}

/// A row of the store that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The table of the store.
    pub table: String,
    /// What identifies the row there.
    pub id: String,
    /// The key that it would have in the cache, where that can be told.
    pub key: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

/// Characters of what is wrong with a row that are worth repeating.
const TOLD: usize = 200;

/// The key that a row has in the cache.
pub(super) fn key(kind: Kind, id: &str, cells: &Cells) -> Result<String, Unreadable> {
    let key = match kind {
        Kind::Embeddings(_) => embedding::key(cells),
        Kind::Metadata => Ok(id.to_owned()),
        _ => uuid(id).map(|uuid| uuid.to_string()),
    };
    key.map_err(|why| unreadable(kind, id, &why))
}

/// Reads a row.
pub(super) fn read(kind: Kind, id: &str, cells: &Cells) -> Result<Entry, Unreadable> {
    let read = match kind {
        Kind::Episodes => return flawed(kind, id, episode::read(id, cells)),
        Kind::Patterns => record(pattern::read(id, cells)),
        Kind::Heuristics => record(heuristic::read(id, cells)),
        Kind::Embeddings(_) => record(embedding::read(cells)),
        Kind::Summaries => record(summary::read(id, cells)),
        Kind::Relationships => record(relationship::between_episodes(id, cells)),
        Kind::EpisodePatternRelationships => record(relationship::with_pattern(id, cells)),
        Kind::Procedural => record(procedural::read(id, cells)),
        Kind::Sessions => record(recommendation::session(id, cells)),
        Kind::Feedback => record(recommendation::feedback(id, cells)),
        Kind::Metadata => cells
            .text("value")
            .map(|text| (id.to_owned(), Value::Text(text.to_owned()))),
    };
    let read = read.map(|(key, value)| Entry {
        key,
        value,
        revision: None,
    });
    flawed(kind, id, read).map_err(|row| match kind {
        Kind::Embeddings(_) => Unreadable {
            key: embedding::key(cells).ok(),
            ..row
        },
        _ => row,
    })
}

fn record<T: Into<Record>>(read: Result<(String, T), Flaw>) -> Result<(String, Value), Flaw> {
    read.map(|(key, value)| (key, Value::Record(value.into())))
}

fn flawed(kind: Kind, id: &str, read: Result<Entry, Flaw>) -> Result<Entry, Unreadable> {
    read.map_err(|why| unreadable(kind, id, &why))
}

/// A row with that flaw.
pub(super) fn unreadable(kind: Kind, id: &str, why: &str) -> Unreadable {
    Unreadable {
        table: kind.name().to_owned(),
        id: id.to_owned(),
        key: kind.is_in_order().then(|| id.to_owned()),
        why: why.chars().take(TOLD).collect(),
    }
}

/// The id of a row as the cache writes keys: in lower case, with hyphens.
fn uuid(id: &str) -> Result<uuid::Uuid, Flaw> {
    let uuid: Option<uuid::Uuid> = id.parse().ok();
    // In any other form it would not come in the order of the cache's keys.
    uuid.filter(|uuid| uuid.to_string() == id)
        .ok_or_else(|| "its id is no UUID in lower case with hyphens".to_owned())
}

/// A value of do-memory's enums by its name in JSON.
fn named<T: DeserializeOwned>(column: &str, name: &str) -> Result<T, Flaw> {
    serde_json::from_value(serde_json::Value::String(name.to_owned()))
        .map_err(|_| format!("{column}: {name:?} is not known"))
}
