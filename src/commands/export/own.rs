//! What this program keeps for itself, as lines of the export.

use redb::ReadableTable;
use serde::Serialize;

use super::Export;
use crate::cache::Table;
use crate::cache::entry::{DICTIONARIES, ENTRIES, Entry, TABLE_PREFIX, TOTALS, Totals};
use crate::commands::inspect::reading::Shown;
use crate::error::Result;
use crate::file::TableInfo;

/// What is recorded about a row, as a row of its own.
#[derive(Serialize)]
struct Recorded<'a> {
    table: Option<Table>,
    key: &'a str,
    #[serde(flatten)]
    entry: Entry,
}

impl Export<'_> {
    /// Our own tables but the two orders, which follow from the entries.
    pub(super) fn own_table(&mut self, info: &TableInfo) -> Result<()> {
        match info.name.strip_prefix(TABLE_PREFIX) {
            Some("entries") => self.entries(&info.name),
            Some("totals") => self.totals(&info.name),
            Some("dictionaries") => self.dictionaries(&info.name),
            _ => Ok(()),
        }
    }

    fn entries(&mut self, name: &str) -> Result<()> {
        let Some(txn) = self.snapshot.transaction() else {
            return Ok(());
        };
        for row in txn.open_table(ENTRIES)?.iter()? {
            let (id, bytes) = row?;
            self.step()?;
            let (table, key) = match id.value().split_first() {
                Some((table, key)) => (Table::from_id(*table), String::from_utf8_lossy(key)),
                None => (None, "".into()),
            };
            match Entry::decode(bytes.value()) {
                Ok(entry) => {
                    let full = format!("{}/{key}", table.map_or("?", Table::name));
                    let value = Recorded {
                        table,
                        key: &key,
                        entry,
                    };
                    self.write(name, &full, &value)?;
                }
                Err(error) => self.skip(name, &key, &error.to_string()),
            }
        }
        Ok(())
    }

    fn totals(&mut self, name: &str) -> Result<()> {
        let Some(txn) = self.snapshot.transaction() else {
            return Ok(());
        };
        for row in txn.open_table(TOTALS)?.iter()? {
            let (table, bytes) = row?;
            self.step()?;
            match Totals::decode(bytes.value()) {
                Ok(totals) => self.write(name, table.value(), &totals)?,
                Err(error) => self.skip(name, table.value(), &error.to_string()),
            }
        }
        Ok(())
    }

    fn dictionaries(&mut self, name: &str) -> Result<()> {
        let Some(txn) = self.snapshot.transaction() else {
            return Ok(());
        };
        for row in txn.open_table(DICTIONARIES)?.iter()? {
            let (id, bytes) = row?;
            self.step()?;
            let bytes = Shown::base64(bytes.value());
            self.write(name, &id.value().to_string(), &bytes)?;
        }
        Ok(())
    }
}
