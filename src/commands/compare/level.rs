//! Bringing two records down to what both sides can hold.
//!
//! The store keeps whole seconds, and has no column for some fields, more so in early releases.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::cache::entry::METADATA_PREFIX;
use crate::cache::record::{Episode, ExecutionStep, Pattern, Record};
use crate::source::{Kind, Survey};

/// The names of the fields that differ.
pub(super) fn differences(cached: Record, stored: Record, survey: &Survey) -> Vec<String> {
    let holds = Holds::of(survey);
    let (mut cached, mut stored) = (holds.level(cached), holds.level(stored));
    if let (Record::Episode(cached), Record::Episode(stored)) = (&mut cached, &mut stored) {
        same_parameters(&mut cached.steps, &mut stored.steps);
    }
    if let (Record::Pattern(cached), Record::Pattern(stored)) = (&mut cached, &mut stored) {
        same_birth(cached, stored);
    }
    // Of bytes, because no NaN equals itself, and JSON has none.
    if let (Ok(cached), Ok(stored)) = (cached.encode(), stored.encode())
        && cached == stored
    {
        return Vec::new();
    }
    let (cached, stored) = (fields(&cached), fields(&stored));
    let mut different: Vec<String> = cached
        .keys()
        .chain(stored.keys())
        .filter(|name| cached.get(*name) != stored.get(*name))
        .cloned()
        .collect();
    different.sort_unstable();
    different.dedup();
    if different.is_empty() {
        different.push("value".to_owned());
    }
    different
}

/// The fields of a record by their name; those of a pattern stand one level deeper.
fn fields(record: &Record) -> serde_json::Map<String, Value> {
    let fields = match serde_json::to_value(record) {
        Ok(Value::Object(fields)) => fields,
        Ok(value) => serde_json::Map::from_iter([("value".to_owned(), value)]),
        Err(_) => serde_json::Map::new(),
    };
    match (record, fields.values().next()) {
        (Record::Pattern(_), Some(Value::Object(inner))) => inner.clone(),
        _ => fields,
    }
}

/// What a store can hold, as its columns tell.
struct Holds {
    tags: bool,
    checkpoints: bool,
    weight: bool,
    heuristic_times: bool,
    summary_times: bool,
}

impl Holds {
    fn of(survey: &Survey) -> Self {
        let has_table = |kind: Kind| survey.tables.iter().any(|(there, _)| *there == kind);
        Self {
            tags: survey.has_tags,
            checkpoints: survey.has_column(Kind::Episodes, "checkpoints"),
            weight: survey.has_column(Kind::Relationships, "weight"),
            // Until do-memory 0.1.9 they are the times of the insert.
            heuristic_times: survey.has_column(Kind::Episodes, "archived_at"),
            // Since do-memory 0.1.32 they are.
            summary_times: !has_table(Kind::EpisodePatternRelationships),
        }
    }

    fn level(&self, mut record: Record) -> Record {
        match &mut record {
            Record::Episode(episode) => self.level_episode(episode),
            Record::Heuristic(heuristic) => {
                level_time(&mut heuristic.created_at, self.heuristic_times);
                level_time(&mut heuristic.updated_at, self.heuristic_times);
            }
            Record::Summary(summary) => level_time(&mut summary.created_at, self.summary_times),
            Record::Relationship(relationship) => {
                level_time(&mut relationship.created_at, true);
                relationship.metadata.weight.take_if(|_| !self.weight);
            }
            Record::EpisodePatternRelationship(relationship) => {
                level_time(&mut relationship.created_at, true);
                let metadata = &mut relationship.metadata;
                (metadata.reason, metadata.created_by, metadata.priority) = (None, None, None);
            }
            Record::Procedural(procedure) => {
                level_time(&mut procedure.created_at, true);
                level_time(&mut procedure.updated_at, true);
            }
            Record::Pattern(_)
            | Record::Embedding(_)
            | Record::Session(_)
            | Record::Feedback(_) => {}
        }
        record
    }

    fn level_episode(&self, episode: &mut Episode) {
        level_time(&mut episode.start_time, true);
        if let Some(end) = &mut episode.end_time {
            level_time(end, true);
        }
        episode.applied_patterns.clear();
        episode.salient_features = None;
        episode
            .metadata
            .retain(|key, _| !key.starts_with(METADATA_PREFIX));
        episode.tags.sort_unstable();
        if !self.tags {
            episode.tags.clear();
        }
        if !self.checkpoints {
            episode.checkpoints.clear();
        }
    }
}

/// Whole seconds, or nothing at all.
fn level_time(time: &mut DateTime<Utc>, is_held: bool) {
    let seconds = if is_held { time.timestamp() } else { 0 };
    *time = DateTime::from_timestamp(seconds, 0).unwrap_or(*time);
}

/// Parameters that are written in another way and mean the same are the same.
fn same_parameters(cached: &mut [ExecutionStep], stored: &mut [ExecutionStep]) {
    for (cached, stored) in cached.iter_mut().zip(stored) {
        let read = |step: &ExecutionStep| serde_json::from_str::<Value>(&step.parameters_json).ok();
        if cached.parameters_json != stored.parameters_json
            && is_exact(&cached.parameters_json)
            && let (Some(a), Some(b)) = (read(cached), read(stored))
            && a == b
        {
            cached.parameters_json.clone_from(&stored.parameters_json);
        }
    }
}

/// Whether no number of a text has more digits than are kept when it is read.
fn is_exact(json: &str) -> bool {
    const DIGITS: usize = 15;
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    let parts = json.split(|c: char| !c.is_ascii_digit() && c != '.');
    parts.map(digits).all(|digits| digits <= DIGITS)
}

/// Patterns of do-memory 0.1.7 and before do not say of what effect they were: what was never used
/// began when it was read.
fn same_birth(cached: &mut Pattern, stored: &mut Pattern) {
    for pattern in [cached, stored] {
        let effectiveness = pattern.effectiveness_mut();
        if effectiveness.times_retrieved == 0
            && effectiveness.times_applied == 0
            && effectiveness.last_used == effectiveness.created_at
        {
            effectiveness.last_used = DateTime::UNIX_EPOCH;
            effectiveness.created_at = DateTime::UNIX_EPOCH;
        }
    }
}
