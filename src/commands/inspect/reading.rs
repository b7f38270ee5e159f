//! A row's bytes as what they mean.

use std::borrow::Cow;
use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use super::portion::Portion;
use crate::cache::compression::Dictionaries;
use crate::cache::facts::{LIMITS_KEY, Limits};
use crate::cache::record::Record;
use crate::cache::schema::SCHEMA_VERSION;
use crate::cache::{Codec, Entry, Table, View};
use crate::commands::{Context, access};
use crate::error::Result;
use crate::file::{FileFormat, Snapshot, ValueKind, ValueRef, sample_size};
use crate::layout::{self, Certainty, Layout, Survey};

/// Rows between two questions whether to stop.
const STEP: u64 = 256;
/// Tables whose rows tell something about others.
const TEACHERS: [Table; 2] = [Table::Episodes, Table::Patterns];

/// Reads the rows of a snapshot, of whichever era they are.
pub struct Reader {
    /// `None` for a file from before anything was recorded about rows.
    view: Option<View>,
    dictionaries: Dictionaries,
    ttl_ms: Option<i64>,
    survey: Survey,
    /// Whether the file says of itself that its rows are of the current layout.
    current: bool,
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

    /// Of any bytes, whether they are text or not.
    pub fn base64(bytes: &[u8]) -> Self {
        Self::Base64 {
            base64: BASE64.encode(bytes),
        }
    }
}

/// A value, and what is known of its reading where the row has a layout.
pub struct Value<'a> {
    pub shown: Shown<'a>,
    pub layout: Option<Layout>,
    /// Layouts that read something else. Where there are any, the more likely one was taken.
    pub also: Vec<Layout>,
    /// For an episode of L1 to L5 how sure the parameters of each of its steps are, in order.
    pub parameters: Vec<Certainty>,
}

impl<'a> Value<'a> {
    fn of(shown: Shown<'a>, layout: Option<Layout>) -> Self {
        Self {
            shown,
            layout,
            also: Vec::new(),
            parameters: Vec::new(),
        }
    }

    /// Its record, when the row tells by itself when it changed.
    fn dated(&self) -> Option<&Record> {
        // These patterns have no times, and are given those of their reading.
        let undated = self.layout < Some(Layout::L3);
        match &self.shown {
            Shown::Record(Record::Pattern(_)) if undated => None,
            Shown::Record(record) => Some(record),
            _ => None,
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
    /// For the rows of `snapshot`, each by itself.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(snapshot: &Snapshot) -> Result<Self> {
        let view = snapshot.transaction().cloned().map(View::new);
        let origin = access::origin(snapshot)?;
        let mut reader = Self {
            view: None,
            dictionaries: Dictionaries::default(),
            ttl_ms: None,
            survey: Survey::new(origin),
            current: origin.format == FileFormat::V3 && origin.schema == Some(SCHEMA_VERSION),
        };
        if let Some(view) = view {
            reader.dictionaries = Dictionaries::load(view.transaction(), 0)?;
            let limits: Option<Limits> = view.fact(LIMITS_KEY)?;
            reader.ttl_ms = limits
                .and_then(|limits| limits.ttl_seconds)
                .map(|ttl| i64::try_from(ttl.saturating_mul(1_000)).unwrap_or(i64::MAX));
            reader.view = Some(view);
        }
        Ok(reader)
    }

    /// Whether a row is read better once the rows beside it have been looked at, as `migrate` does.
    pub fn learns(&self, table: &str) -> bool {
        !self.current && Table::from_name(table).is_some_and(Table::holds_records)
    }

    /// Lets the rows of the file, or some of them, tell about each other.
    ///
    /// # Errors
    /// When the file cannot be read, or the command is to stop.
    pub fn learn(
        &mut self,
        snapshot: &Snapshot,
        portion: Portion,
        context: &Context<'_>,
    ) -> Result<()> {
        if self.current {
            return Ok(());
        }
        let mut tables = snapshot.tables()?;
        tables.retain(|table| table.kind == ValueKind::Bytes);
        let of = |teacher: Table| tables.iter().find(|info| info.name == teacher.name());
        let teachers: Vec<_> = TEACHERS
            .into_iter()
            .filter_map(|teacher| Some((teacher, of(teacher)?)))
            .collect();
        let bar = context.ui.progress("surveying");
        let sampled = teachers.iter().map(|(_, info)| sample_size(info.rows));
        bar.set_total(sampled.sum());
        let mut survey = self.survey.clone();
        for (teacher, info) in teachers {
            let mut portion = portion;
            let mut seen = 0u64;
            snapshot.sample(&info.name, &mut |key, stored| {
                seen += 1;
                if seen.is_multiple_of(STEP) {
                    context.cancel.check()?;
                    bar.advance(STEP);
                }
                if !portion.take(stored_len(stored)) {
                    return Ok(ControlFlow::Break(()));
                }
                // What cannot be read teaches nothing; whoever reads the row itself says so.
                let entry = self.entry(&info.name, key, stored).unwrap_or_default();
                if let Ok(bytes) = self.bytes(entry.as_ref(), stored) {
                    survey.add(teacher, &bytes);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        bar.finish();
        self.survey = survey;
        Ok(())
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
                Err(_) => Shown::base64(bytes),
            },
            (None, ValueRef::Text(text)) => Shown::Text(text.into()),
            (None, ValueRef::U64(number)) => Shown::U64(number),
            (None, ValueRef::I64(number)) => Shown::I64(number),
        };
        Ok(Value::of(shown, None))
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
        value: Option<&Value<'_>>,
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
        let written_ms = revision.or_else(|| match value?.shown {
            Shown::I64(ms) if table == Table::EpisodeRevisions => Some(ms),
            _ => Some(value?.dated()?.changed_at()?.timestamp_millis()),
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
        // Of a file that says that it is current, what fits the current layout is of it: to try
        // them all costs three times more.
        if self.current
            && let Ok(record) = layout::decode_as(Layout::CURRENT, table, bytes)
        {
            return Ok(Value::of(Shown::Record(record), Some(Layout::CURRENT)));
        }
        let decoded = self
            .survey
            .decode(table, bytes)
            .map_err(|error| error.to_string())?;
        let parameters = decoded.parameters.iter();
        Ok(Value {
            also: decoded.also.iter().map(|(layout, _)| *layout).collect(),
            parameters: parameters.map(|read| read.certainty).collect(),
            ..Value::of(Shown::Record(decoded.record), Some(decoded.layout))
        })
    }
}

/// The bytes of a stored value as it lies in the file.
pub fn stored_len(value: ValueRef<'_>) -> u64 {
    match value {
        ValueRef::Bytes(bytes) => bytes.len() as u64,
        ValueRef::Text(text) => text.len() as u64,
        ValueRef::U64(_) | ValueRef::I64(_) => 8,
    }
}
