//! What becomes of each row.

use super::super::records::{Row, Source};
use super::super::steps::Steps;
use super::consult::{Advice, Consultant};
use super::found::Found;
use crate::cache::Table;
use crate::cache::record::Record;
use crate::error::Result;
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
    /// Bytes of keys and of values before compression, of the tables of records.
    pub(super) bytes: u64,
}

impl<'a> Judge<'a> {
    /// Lets the rows of the whole file tell about each other.
    ///
    /// # Errors
    /// Those of reading, and when it is interrupted.
    pub(super) fn learn(
        source: &Source<'_>,
        advice: Option<&'a Advice<'a>>,
        mut steps: Steps<'_>,
    ) -> Result<Self> {
        steps.set_total(source.records());
        let mut survey = Survey::new(source.origin);
        let mut bytes = 0u64;
        for table in source.record_tables() {
            source.rows(table, &mut |key, row| {
                if let Ok(plain) = &row.plain {
                    survey.add(table, plain);
                    bytes = bytes.saturating_add((key.len() + plain.len()) as u64);
                }
                steps.tick()
            })?;
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
