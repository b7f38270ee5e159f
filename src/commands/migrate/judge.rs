//! What becomes of each row.

use super::super::records::{Row, Source};
use super::super::steps::Steps;
use super::consult::{Advice, Consultant};
use super::found::Found;
use crate::cache::Table;
use crate::cache::record::Record;
use crate::error::Result;
use crate::file::sample_size;
use crate::layout::{Layout, Survey};

/// What becomes of a row.
pub(super) enum Fate {
    /// It is of the current layout.
    Carry,
    /// This takes its place.
    Write(Record),
    /// It cannot be migrated.
    SetAside,
}

/// Decides, and keeps account of it.
pub(super) struct Judge<'a> {
    survey: Survey,
    /// Whoever knows what the bytes leave open.
    consultant: Option<Consultant<'a>>,
    pub(super) found: Found,
    /// About how many bytes the keys and the values before compression have, of the tables of
    /// records.
    pub(super) bytes: u64,
}

/// The rows of a sample.
#[derive(Default)]
struct Sample {
    rows: u64,
    bytes: u64,
}

impl Sample {
    fn add(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// About how many bytes so many rows of the kind have.
    fn bytes_of(&self, rows: u64) -> u64 {
        let bytes = u128::from(self.bytes) * u128::from(rows) / u128::from(self.rows.max(1));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl<'a> Judge<'a> {
    /// Lets rows of the whole file tell about each other.
    ///
    /// # Errors
    /// Those of reading, and when it is interrupted.
    pub(super) fn learn(
        source: &Source<'_>,
        advice: Option<&'a Advice<'a>>,
        mut steps: Steps<'_>,
    ) -> Result<Self> {
        let tables = source.record_tables();
        let sampled = tables
            .iter()
            .map(|table| sample_size(source.rows_of(*table)));
        steps.set_total(sampled.sum());
        let mut survey = Survey::new(source.origin);
        let mut bytes = 0u64;
        for table in tables {
            let mut sample = Sample::default();
            source.sample(table, &mut |key, row| {
                let len = row.plain.as_ref().map_or(0, |plain| plain.len());
                sample.add(key.len() + len);
                if let Ok(plain) = &row.plain {
                    survey.add(table, plain);
                }
                steps.tick()
            })?;
            bytes = bytes.saturating_add(sample.bytes_of(source.rows_of(table)));
        }
        Ok(Self {
            survey,
            consultant: advice.map(Consultant::new),
            found: Found::default(),
            bytes,
        })
    }

    /// Decides about one row. Rows of a table come in the order of their keys.
    ///
    /// # Errors
    /// When the store that is asked cannot be read.
    pub(super) fn row(&mut self, table: Table, key: &str, row: &Row<'_>) -> Result<Fate> {
        let mut read = match &row.plain {
            Ok(plain) => self
                .survey
                .decode(table, plain)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let (Some(consultant), Ok(decoded)) = (&mut self.consultant, &mut read) {
            consultant.settle(key, decoded)?;
            self.found.consulted = Some(consultant.settled);
        }
        Ok(match read {
            Err(why) => {
                self.found.bad(table, key, row.stored.len(), &why);
                Fate::SetAside
            }
            Ok(decoded) => {
                self.found.read(table, key, &decoded);
                if decoded.layout == Layout::CURRENT {
                    Fate::Carry
                } else {
                    Fate::Write(decoded.record)
                }
            }
        })
    }
}
