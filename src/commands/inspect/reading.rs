//! A row's bytes as what they mean.

use std::borrow::Cow;

use redb::ReadTransaction;
use serde::Serialize;

use super::base64;
use crate::cache::compression::Dictionaries;
use crate::cache::facts::{LIMITS_KEY, Limits};
use crate::cache::record::Record;
use crate::cache::{Codec, Entry, Table, View, schema};
use crate::error::{ErrorKind, Result};
use crate::file::{Snapshot, ValueRef};
use crate::layout::{self, Layout};

/// The schema of do-memory 0.1.32-0.1.34; before it there is L1 to L5.
pub const OLDEST_DECODABLE: u64 = 3;

/// Reads the rows of a snapshot, of whichever era they are.
pub struct Reader {
    /// `None` for a file from before anything was recorded about rows.
    view: Option<View>,
    dictionaries: Dictionaries,
    ttl_ms: Option<i64>,
    /// Whether the file's schema is of before L6.
    before_l6: bool,
}

/// A value in the JSON that do-memory gives it.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Shown<'a> {
    /// A record.
    Record(Record),
    /// Text, or bytes of a user that are text.
    Text(Cow<'a, str>),
    /// A count.
    U64(u64),
    /// A time.
    I64(i64),
    /// Bytes that are no text.
    Base64 {
        /// With padding, in the standard alphabet.
        base64: String,
    },
}

impl Shown<'_> {
    /// A copy that outlives the snapshot.
    pub fn into_owned(self) -> Shown<'static> {
        match self {
            Self::Record(record) => Shown::Record(record),
            Self::Text(text) => Shown::Text(Cow::Owned(text.into_owned())),
            Self::U64(number) => Shown::U64(number),
            Self::I64(number) => Shown::I64(number),
            Self::Base64 { base64 } => Shown::Base64 { base64 },
        }
    }
}

/// A value and the layout of its row, where the row has one.
pub struct Value<'a> {
    pub shown: Shown<'a>,
    pub layout: Option<Layout>,
}

impl Value<'_> {
    fn of(record: Record, layout: Layout) -> Self {
        Self {
            shown: Shown::Record(record),
            layout: Some(layout),
        }
    }
}

/// When a row was written and when its time is over, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub written_ms: Option<i64>,
    pub expires_ms: Option<i64>,
}

impl Reader {
    /// For the rows of `snapshot`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(snapshot: &Snapshot) -> Result<Self> {
        let view = snapshot.begin_read()?.map(View::new);
        let mut reader = Self {
            view: None,
            dictionaries: Dictionaries::default(),
            ttl_ms: None,
            before_l6: true,
        };
        if let Some(view) = view {
            reader.before_l6 = is_before_l6(view.transaction())?;
            reader.dictionaries = Dictionaries::load(view.transaction(), 0)?;
            let limits: Option<Limits> = view.fact(LIMITS_KEY)?;
            reader.ttl_ms = limits
                .and_then(|limits| limits.ttl_seconds)
                .map(|ttl| i64::try_from(ttl.saturating_mul(1_000)).unwrap_or(i64::MAX));
            reader.view = Some(view);
        }
        Ok(reader)
    }

    /// Whether the file's rows are of L1 to L5.
    pub fn is_before_l6(&self) -> bool {
        self.before_l6
    }

    /// What is recorded about a row; `None` when nothing is, or another program has replaced the
    /// row since.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn entry(&self, table: &str, key: &str, stored: ValueRef<'_>) -> Result<Option<Entry>> {
        let (Some(view), ValueRef::Bytes(stored)) = (&self.view, stored) else {
            return Ok(None);
        };
        match Table::from_name(table).filter(|table| table.holds_records()) {
            Some(table) => Ok(view
                .entry(table, key)?
                .filter(|entry| entry.describes(stored))),
            None => Ok(None),
        }
    }

    /// The bytes of a value, inflated. A number is its eight bytes, the least first.
    ///
    /// # Errors
    /// When they do not inflate.
    pub fn bytes<'a>(&self, entry: Option<&Entry>, stored: ValueRef<'a>) -> Result<Cow<'a, [u8]>> {
        let stored = match stored {
            ValueRef::Bytes(bytes) => bytes,
            ValueRef::Text(text) => text.as_bytes(),
            ValueRef::U64(number) => return Ok(number.to_le_bytes().to_vec().into()),
            ValueRef::I64(number) => return Ok(number.to_le_bytes().to_vec().into()),
        };
        match entry {
            Some(entry) if entry.codec != Codec::Plain => {
                let inflated = self
                    .dictionaries
                    .inflate(entry.codec, stored, entry.raw_len)?;
                Ok(inflated.into())
            }
            _ => Ok(stored.into()),
        }
    }

    /// The value of a row, or in half a sentence why it cannot be told.
    pub fn value<'a>(
        &self,
        table: &str,
        entry: Option<&Entry>,
        stored: ValueRef<'a>,
    ) -> Result<Value<'a>, String> {
        let record_table = Table::from_name(table).filter(|table| table.holds_records());
        let shown = match (record_table, stored) {
            (Some(table), ValueRef::Bytes(_)) => {
                let bytes = self
                    .bytes(entry, stored)
                    .map_err(|error| error.to_string())?;
                return self.record(table, &bytes);
            }
            (Some(_), _) => return Err("its values are not of the type of records".to_owned()),
            (None, ValueRef::Bytes(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => Shown::Text(text.into()),
                Err(_) => Shown::Base64 {
                    base64: base64::encode(bytes),
                },
            },
            (None, ValueRef::Text(text)) => Shown::Text(text.into()),
            (None, ValueRef::U64(number)) => Shown::U64(number),
            (None, ValueRef::I64(number)) => Shown::I64(number),
        };
        Ok(Value {
            shown,
            layout: None,
        })
    }

    /// When a row was written and expires: as recorded, else from do-memory's revision or the times
    /// inside the value and the recorded time to live.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn times(
        &self,
        table: &str,
        key: &str,
        entry: Option<&Entry>,
        shown: Option<&Shown<'_>>,
    ) -> Result<Times> {
        if let Some(entry) = entry {
            return Ok(Times {
                written_ms: Some(entry.written_ms),
                expires_ms: entry.expires_ms,
            });
        }
        let Some(table) = Table::from_name(table) else {
            return Ok(Times::default());
        };
        let revision = match &self.view {
            Some(view) if table == Table::Episodes => view.revision(key)?,
            _ => None,
        };
        let written_ms = revision.or_else(|| match shown? {
            Shown::Record(record) => record.changed_at().map(|time| time.timestamp_millis()),
            Shown::I64(ms) if table == Table::EpisodeRevisions => Some(*ms),
            _ => None,
        });
        let ttl = self.ttl_ms.filter(|_| table.expires());
        Ok(Times {
            written_ms,
            expires_ms: written_ms
                .zip(ttl)
                .map(|(written, ttl)| written.saturating_add(ttl)),
        })
    }

    fn record<'a>(&self, table: Table, bytes: &[u8]) -> Result<Value<'a>, String> {
        if self.before_l6 {
            return old_record(table, bytes);
        }
        // What fits the newest layout is taken for it at once: to try them all costs three times
        // more, and only where that fails is a row of another.
        if let Ok(record) = layout::decode_as(Layout::CURRENT, table, bytes) {
            return Ok(Value::of(record, Layout::CURRENT));
        }
        let decoded = layout::decode(table, bytes).map_err(|error| error.to_string())?;
        match decoded.also.first() {
            None => Ok(Value::of(decoded.record, decoded.layout)),
            Some((other, _)) => {
                let layout = decoded.layout;
                Err(format!(
                    "the row reads differently as {layout} and as {other}"
                ))
            }
        }
    }
}

fn is_before_l6(txn: &ReadTransaction) -> Result<bool> {
    match schema::check(txn) {
        Err(error) if error.kind() == ErrorKind::OldFormat => {
            Ok(schema::version(txn)? != Some(OLDEST_DECODABLE))
        }
        _ => Ok(false),
    }
}

/// A row of a file of L1 to L5. Parameters of steps were no text then, but some of their bytes pass
/// for it, so that a later layout fits an episode with steps and misreads it.
fn old_record<'a>(table: Table, bytes: &[u8]) -> Result<Value<'a>, String> {
    let too_old =
        || "of do-memory 0.1.31 or earlier, whose layout this release does not decode".to_owned();
    let decoded = layout::decode(table, bytes).map_err(|_| too_old())?;
    let readings = std::iter::once((decoded.layout, decoded.record)).chain(decoded.also);
    readings
        .into_iter()
        .find(|(layout, record)| match record {
            Record::Episode(episode) => *layout < Layout::L6 || episode.steps.is_empty(),
            _ => true,
        })
        .map(|(layout, record)| Value::of(record, layout))
        .ok_or_else(too_old)
}

/// The bytes of a stored value as it lies in the file.
pub fn stored_len(value: ValueRef<'_>) -> u64 {
    match value {
        ValueRef::Bytes(bytes) => bytes.len() as u64,
        ValueRef::Text(text) => text.len() as u64,
        ValueRef::U64(_) | ValueRef::I64(_) => 8,
    }
}
