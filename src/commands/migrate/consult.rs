//! Letting the durable store settle what the bytes of a cache leave open: it holds steps as JSON.

use serde::Serialize;
use serde_json::Value;

use crate::cache::record::{Episode, ExecutionStep, Record};
use crate::error::Result;
use crate::layout::{self, Certainty, Codec, Decoded};
use crate::source::{self, Kept, Kind, Rows, Store, Survey};

/// A store that is asked.
pub(super) struct Advice<'a> {
    pub(super) store: &'a Store<'a>,
    pub(super) survey: Survey,
}

impl<'a> Advice<'a> {
    pub(super) fn of(store: &'a Store<'a>) -> Result<Self> {
        let survey = store.survey(Kept::default())?;
        Ok(Self { store, survey })
    }
}

/// Parameters that the store settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Consulted {
    /// Read as the store has them.
    pub confirmed: u64,
    /// Read in another way, until the store was asked.
    pub replaced: u64,
}

/// Asks the store about one episode after the other, in the order of their keys: that of its own.
pub(super) struct Consultant<'a> {
    rows: Rows<'a, source::Entry>,
    next: Option<source::Entry>,
    pub(super) settled: Consulted,
}

impl<'a> Consultant<'a> {
    pub(super) fn new(advice: &'a Advice<'a>) -> Self {
        Self {
            rows: advice.store.rows(&advice.survey, Kind::Episodes, None),
            next: None,
            settled: Consulted::default(),
        }
    }

    /// Settles what is doubtful of an episode, where the store has the episode with these very
    /// bytes. Keys must ascend from call to call.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn settle(&mut self, key: &str, decoded: &mut Decoded) -> Result<()> {
        if !is_doubtful(decoded) {
            return Ok(());
        }
        if let Some(stored) = self.seek(key)? {
            let settled = settle(decoded, stored);
            self.settled.confirmed += settled.confirmed;
            self.settled.replaced += settled.replaced;
        }
        Ok(())
    }

    /// The episode of that key; `None` where the store has none that can be read.
    fn seek(&mut self, key: &str) -> Result<Option<&Episode>> {
        while self
            .next
            .as_ref()
            .is_none_or(|entry| entry.key.as_str() < key)
        {
            match self.rows.next()? {
                Some((_, Ok(entry))) => self.next = Some(entry),
                Some((_, Err(_))) => {}
                None => return Ok(None),
            }
        }
        Ok(match &self.next {
            Some(source::Entry {
                key: found,
                value: source::Value::Record(Record::Episode(episode)),
                ..
            }) if found == key => Some(episode),
            _ => None,
        })
    }
}

fn is_doubtful(decoded: &Decoded) -> bool {
    let certain = |read: &layout::Parameters| read.certainty == Certainty::Exact;
    !decoded.parameters.iter().all(certain)
}

/// Settles what is doubtful of an episode by what the store has of it.
pub fn settle(decoded: &mut Decoded, stored: &Episode) -> Consulted {
    let mut settled = Consulted::default();
    let codec = decoded.layout.codec();
    let Record::Episode(episode) = &mut decoded.record else {
        return settled;
    };
    let steps = episode.steps.iter_mut().zip(&stored.steps);
    for (index, (read, (step, other))) in decoded.parameters.iter_mut().zip(steps).enumerate() {
        if read.certainty == Certainty::Exact || !is_same_step(step, other) {
            continue;
        }
        match settle_step(codec, read, step, other) {
            Some(Settled::AsRead) => settled.confirmed += 1,
            Some(Settled::Otherwise) => {
                settled.replaced += 1;
                episode.metadata.remove(&layout::unreadable_key(index));
            }
            None => {}
        }
    }
    settled
}

/// What the store said of a reading.
enum Settled {
    AsRead,
    Otherwise,
}

/// Takes the store's word for the parameters of a step, where it comes to the bytes of the cache.
fn settle_step(
    codec: Codec,
    read: &mut layout::Parameters,
    step: &mut ExecutionStep,
    other: &ExecutionStep,
) -> Option<Settled> {
    let value = json(other)?;
    let read_as = json(step).filter(|_| read.certainty != Certainty::Unreadable);
    if read_as.as_ref() == Some(&value) {
        read.certainty = Certainty::Exact;
        return Some(Settled::AsRead);
    }
    if layout::untyped_bytes(codec, &value)? != read.bytes {
        return None;
    }
    step.parameters_json.clone_from(&other.parameters_json);
    read.certainty = Certainty::Exact;
    Some(Settled::Otherwise)
}

fn json(step: &ExecutionStep) -> Option<Value> {
    serde_json::from_str(&step.parameters_json).ok()
}

/// Whether two steps are one, but for their parameters.
fn is_same_step(a: &ExecutionStep, b: &ExecutionStep) -> bool {
    (a.step_number, a.timestamp, &a.tool, &a.action, &a.result)
        == (b.step_number, b.timestamp, &b.tool, &b.action, &b.result)
}
