//! The records of a cache of whichever era.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::migrate::settle;
use super::{Context, access};
use crate::cache::compression::Dictionaries;
use crate::cache::record::Record;
use crate::cache::{Codec, Entry, Table, View, entry, rewrite, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{FileFormat, Snapshot, TableInfo, Value, ValueKind, ValueRef};
use crate::layout::{Origin, Survey};

/// A snapshot that is known to be of a cache that this release can migrate.
pub struct Source<'s> {
    pub snapshot: &'s Snapshot,
    pub origin: Origin,
    pub tables: Vec<TableInfo>,
    /// What our engine has recorded about rows, where it ever had the cache.
    recorded: Option<(View, Dictionaries)>,
}

/// A row of a table of records.
pub struct Row<'a> {
    /// Its bytes as they are in the file.
    pub stored: &'a [u8],
    /// Its bytes before compression, where they can be had.
    pub plain: Result<Cow<'a, [u8]>>,
    pub entry: Option<Entry>,
}

/// A row that was looked up.
pub struct Cached {
    /// The digest of its bytes as they are in the file.
    pub digest: u64,
    /// Its bytes before compression, where they can be had.
    pub plain: Result<Vec<u8>>,
}

impl<'s> Source<'s> {
    /// # Errors
    /// [`ErrorKind::UnknownLayout`] for what is no cache, or a newer one.
    pub fn of(snapshot: &'s Snapshot) -> Result<Self> {
        let tables = snapshot.tables()?;
        require_types(&tables)?;
        access::require_known(snapshot)?;
        let view = snapshot.transaction().cloned().map(View::new);
        Ok(Self {
            snapshot,
            origin: access::origin(snapshot)?,
            recorded: recorded(view, &tables)?,
            tables,
        })
    }

    /// Whether the file says of itself that there is nothing to do.
    pub fn claims_to_be_current(&self) -> bool {
        let version = self.origin.schema;
        let untouched = version.is_none() && self.tables.is_empty();
        self.origin.format == FileFormat::V3
            && (version == Some(schema::SCHEMA_VERSION) || untouched)
    }

    /// Whether our engine has tables of its own in it.
    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// The tables of records that there are, in the order of their numbers.
    pub fn record_tables(&self) -> BTreeSet<Table> {
        let known = |table: &TableInfo| Table::from_name(&table.name);
        let tables = self.tables.iter().filter_map(known);
        tables.filter(|table| table.holds_records()).collect()
    }

    /// The tables that are carried as they are: do-memory's that hold no records, and users'.
    pub fn carried_tables(&self) -> impl Iterator<Item = &TableInfo> {
        self.tables.iter().filter(|table| {
            let records = Table::from_name(&table.name).is_some_and(Table::holds_records);
            !records && !rewrite::is_own(&table.name)
        })
    }

    /// Rows of all tables of records.
    pub fn records(&self) -> u64 {
        let tables = self.record_tables().into_iter();
        tables.map(|table| self.rows_of(table)).sum()
    }

    /// How many rows a table has.
    pub fn rows_of(&self, table: Table) -> u64 {
        let mut tables = self.tables.iter();
        let found = tables.find(|found| found.name == table.name());
        found.map_or(0, |table| table.rows)
    }

    /// Visits each row of a table of records, in the order of the keys.
    ///
    /// # Errors
    /// Those of reading and of `visit`.
    pub fn rows(
        &self,
        table: Table,
        visit: &mut dyn FnMut(&str, Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.snapshot.scan(table.name(), None, &mut |key, value| {
            self.show(table, key, value, visit)
        })
    }

    /// The same of as many rows as tell about all of them, which may be all.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn sample(
        &self,
        table: Table,
        visit: &mut dyn FnMut(&str, Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.snapshot.sample(table.name(), &mut |key, value| {
            self.show(table, key, value, visit)
        })
    }

    fn show(
        &self,
        table: Table,
        key: &str,
        value: ValueRef<'_>,
        visit: &mut dyn FnMut(&str, Row<'_>) -> Result<()>,
    ) -> Result<ControlFlow<()>> {
        if let ValueRef::Bytes(stored) = value {
            visit(key, self.row(table, key, stored)?)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// One row; `None` where there is none.
    ///
    /// # Errors
    /// Those of reading.
    pub fn get(&self, table: Table, key: &str) -> Result<Option<Cached>> {
        let Some(Value::Bytes(stored)) = self.snapshot.get(table.name(), key)? else {
            return Ok(None);
        };
        Ok(Some(Cached {
            digest: entry::digest(&stored),
            plain: self.row(table, key, &stored)?.plain.map(Cow::into_owned),
        }))
    }

    /// What reads the rows of these tables. Of an old cache it has looked at many of them before.
    ///
    /// # Errors
    /// Those of reading, and when it is interrupted.
    pub fn decoder(&self, context: &Context<'_>, tables: &BTreeSet<Table>) -> Result<Decoder> {
        if self.claims_to_be_current() {
            return Ok(Decoder(None));
        }
        let mut survey = Survey::new(self.origin);
        for table in self.record_tables().intersection(tables) {
            self.sample(*table, &mut |_, row| {
                context.cancel.check()?;
                if let Ok(plain) = &row.plain {
                    survey.add(*table, plain);
                }
                Ok(())
            })?;
        }
        Ok(Decoder(Some(survey)))
    }

    fn row<'a>(&self, table: Table, key: &str, stored: &'a [u8]) -> Result<Row<'a>> {
        let mut row = Row {
            stored,
            plain: Ok(Cow::Borrowed(stored)),
            entry: None,
        };
        let Some((view, dictionaries)) = &self.recorded else {
            return Ok(row);
        };
        row.entry = view
            .entry(table, key)?
            .filter(|entry| entry.describes(stored));
        if let Some(entry) = row.entry.filter(|entry| entry.codec != Codec::Plain) {
            let raw = dictionaries.inflate(entry.codec, stored, entry.raw_len);
            row.plain = raw.map(Cow::Owned);
        }
        Ok(row)
    }
}

/// Reads rows of whichever layout.
pub struct Decoder(Option<Survey>);

impl Decoder {
    /// What the bytes of a row mean, or why nobody can tell.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn read(&self, table: Table, plain: &[u8]) -> Result<Record, String> {
        self.read_beside(table, plain, None)
    }

    /// The same of a row that is somewhere else, too: an episode there settles what the bytes of
    /// this one leave open.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn read_beside(
        &self,
        table: Table,
        plain: &[u8],
        other: Option<&Record>,
    ) -> Result<Record, String> {
        match &self.0 {
            Some(survey) => {
                let mut decoded = survey
                    .decode(table, plain)
                    .map_err(|error| error.to_string())?;
                if let Some(Record::Episode(other)) = other {
                    settle(&mut decoded, other);
                }
                Ok(decoded.record)
            }
            None => match Record::decode(table, plain) {
                Some(read) => read.map_err(|misfit| misfit.to_string()),
                None => Err("its table holds no records".to_owned()),
            },
        }
    }
}

fn recorded(view: Option<View>, tables: &[TableInfo]) -> Result<Option<(View, Dictionaries)>> {
    let Some(view) = view else {
        return Ok(None);
    };
    let own = tables.iter().any(|table| rewrite::is_own(&table.name));
    if !own && !schema::is_prepared(view.transaction())? {
        return Ok(None);
    }
    let dictionaries = Dictionaries::load(view.transaction(), 0)?;
    Ok(Some((view, dictionaries)))
}

/// Refuses tables that have a name of do-memory's and values of another type.
fn require_types(tables: &[TableInfo]) -> Result<()> {
    for info in tables {
        let Some(table) = Table::from_name(&info.name) else {
            continue;
        };
        let kind = match table {
            Table::SchemaVersion => ValueKind::U64,
            Table::EpisodeRevisions => ValueKind::I64,
            Table::RecommendationEpisodeIndex => ValueKind::Text,
            _ => ValueKind::Bytes,
        };
        if info.kind != kind {
            return Err(Error::new(
                ErrorKind::UnknownLayout,
                format!("the table {table} has another type than do-memory gives it"),
            )
            .help("name the cache's own file with --cache"));
        }
    }
    Ok(())
}
