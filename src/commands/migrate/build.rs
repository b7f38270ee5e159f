//! Writing the migrated cache: one pass over the rows learns, a second one decides and writes.

use std::fs::File;
use std::io::Seek;
use std::path::Path;

use redb::{Database, TableHandle, WriteTransaction};

use super::super::access::PAGE_CACHE;
use super::super::records::{Row, Source};
use super::super::steps::{Parts, Steps};
use super::super::{Context, staging};
use super::consult::Advice;
use super::judge::{Fate, Judge};
use super::quarantine::Quarantine;
use super::report::MigrateReport;
use crate::cache::contents::{self, Contents, Digest};
use crate::cache::ledger::Ledger;
use crate::cache::rewrite;
use crate::cache::{Codec, Entry, Loader, Table, entry, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Snapshot, ValueRef};

/// Where a migrated cache is built.
pub(super) struct Site<'a> {
    pub(super) context: &'a Context<'a>,
    /// The empty file.
    pub(super) stage: &'a File,
    /// Refuses to begin without that many bytes of room.
    pub(super) require_space: &'a dyn Fn(u64) -> Result<()>,
    /// The original, where a copy of the whole file is the same cache: nobody else can write it.
    pub(super) locked: Option<&'a Path>,
    /// Where rows go that cannot be migrated; without it, one of them ends the writing.
    pub(super) quarantine: Option<&'a mut Quarantine>,
    /// The store that is asked where the bytes leave something open.
    pub(super) advice: Option<&'a Advice<'a>>,
}

/// What was read, and what the stage must hold.
pub(super) struct Built {
    pub(super) report: MigrateReport,
    /// `None` where a row could not be migrated and had nowhere to go.
    pub(super) contents: Option<Contents>,
}

impl Site<'_> {
    /// Builds the cache. May be called again, after which nothing of the first call counts.
    ///
    /// # Errors
    /// When the original is no cache that can be migrated, a row cannot be read or written, the
    /// disk has no room, and when it is interrupted.
    pub(super) fn build(&mut self, snapshot: &Snapshot) -> Result<Built> {
        let source = Source::of(snapshot)?;
        if let Some(quarantine) = &mut self.quarantine {
            quarantine.begin(source.origin.schema);
        }
        let mut parts = Parts::begin(self.context);
        let judge = Judge::learn(&source, self.advice, Steps::new(self.context, "surveying"))?;
        parts.done("surveyed");
        let in_copy = !rewrite::can_rewrite(&source.tables);
        self.make_room(&source, &judge, in_copy)?;
        self.begin_stage(in_copy)?;
        let mut db = file::open_stage(self.stage.try_clone()?, PAGE_CACHE)?;
        if in_copy {
            drop_rewritten(&db)?;
            staging::squeeze(self.context, &mut db)?;
        }
        let built = self.fill(&db, &source, judge, in_copy)?;
        db.close()?;
        parts.done("written");
        if built.contents.is_some() {
            staging::squeeze_if_loose(self.context, self.stage)?;
            parts.done("squeezed");
        }
        Ok(built)
    }

    /// Writes every table, in one transaction. redb keeps at most its page cache of it in memory.
    fn fill(
        &mut self,
        db: &Database,
        source: &Source<'_>,
        judge: Judge<'_>,
        in_copy: bool,
    ) -> Result<Built> {
        let txn = db.begin_write()?;
        let mut writer = Writer {
            source,
            judge,
            txn: &txn,
            steps: Steps::new(self.context, "migrating"),
            quarantine: self.quarantine.as_deref_mut(),
            contents: Some(Contents::new()),
            inflated: false,
        };
        writer.write(in_copy)?;
        let built = Built {
            report: MigrateReport {
                inflated: writer.inflated,
                ..MigrateReport::new(source, writer.judge.found)
            },
            contents: writer.contents,
        };
        if built.contents.is_some() {
            txn.commit()?;
        } else {
            txn.abort()?;
        }
        Ok(built)
    }

    /// What is written takes about as much as what is read: JSON text and the fields that are new
    /// take a little more, the pages of a dense file less.
    fn make_room(&self, source: &Source<'_>, judge: &Judge<'_>, in_copy: bool) -> Result<()> {
        let mut bytes = judge.bytes.saturating_add(judge.bytes / 4);
        for table in source.carried_tables() {
            let pages = source.snapshot.measure(&table.name)?;
            bytes = bytes.saturating_add(pages.bytes());
        }
        if in_copy {
            bytes = bytes.saturating_add(source.snapshot.length());
        }
        (self.require_space)(bytes.saturating_add(1 << 20))
    }

    fn begin_stage(&self, in_copy: bool) -> Result<()> {
        let mut stage = self.stage;
        stage.set_len(0)?;
        stage.rewind()?;
        if !in_copy {
            return Ok(());
        }
        let Some(original) = self.locked else {
            return Err(Error::new(
                ErrorKind::Failed,
                "the cache has tables whose rows only their owner can read, which --output cannot carry",
            )
            .help("copy the file while nobody uses it, and migrate the copy in place"));
        };
        if file::Header::read(original)?.require_current().is_err() {
            return Err(Error::new(
                ErrorKind::Failed,
                "the cache has tables whose rows only their owner can read, and file format v2, \
                 which no copy can carry",
            )
            .help("let the program that owns those tables remove them first"));
        }
        let (mut original, _) = file::open_regular(original, false)?;
        std::io::copy(&mut original, &mut stage)?;
        Ok(())
    }
}

/// What is written anew goes from a copy of the whole file.
fn drop_rewritten(db: &Database) -> Result<()> {
    let txn = db.begin_write()?;
    for table in txn.list_tables()? {
        let records = Table::from_name(table.name()).is_some_and(Table::holds_records);
        if records || rewrite::is_own(table.name()) {
            txn.delete_table(table)?;
        }
    }
    txn.commit()?;
    Ok(())
}

struct Writer<'a, 's> {
    source: &'a Source<'s>,
    judge: Judge<'a>,
    txn: &'a WriteTransaction,
    steps: Steps<'a>,
    quarantine: Option<&'a mut Quarantine>,
    contents: Option<Contents>,
    inflated: bool,
}

impl Writer<'_, '_> {
    /// Writes every table.
    fn write(&mut self, in_copy: bool) -> Result<()> {
        self.steps
            .set_total(self.source.tables.iter().map(|table| table.rows).sum());
        let recorded = self.source.is_recorded();
        let mut ledger = recorded.then(|| Ledger::open(self.txn)).transpose()?;
        for table in self.source.record_tables() {
            let content = self.records(table, ledger.as_mut())?;
            self.expect(table.name(), content);
        }
        if let Some(ledger) = ledger {
            ledger.finish()?;
        }
        for table in self.source.carried_tables() {
            let content = if in_copy {
                contents::of_table(self.source.snapshot, table)?
            } else {
                self.carry(table)?
            };
            self.expect(&table.name, content);
        }
        schema::make_tables(self.txn)?;
        if recorded {
            schema::make_own_tables(self.txn)?;
        }
        for table in Table::ALL {
            self.expect(table.name(), Digest::default().finish());
        }
        Ok(())
    }

    /// What was said first of a table stays.
    fn expect(&mut self, table: &str, content: (u64, u128)) {
        if let Some(contents) = &mut self.contents {
            contents.entry(table.to_owned()).or_insert(content);
        }
    }

    fn carry(&mut self, table: &file::TableInfo) -> Result<(u64, u128)> {
        let mut digest = Digest::default();
        rewrite::copy_table(self.source.snapshot, self.txn, table, &mut |key, value| {
            digest.add(key, value);
            self.steps.tick()
        })?;
        Ok(digest.finish())
    }

    fn records(
        &mut self,
        table: Table,
        mut ledger: Option<&mut Ledger<'_>>,
    ) -> Result<(u64, u128)> {
        let mut digest = Digest::default();
        let mut loader = Loader::new(self.txn, table.name())?;
        let source = self.source;
        source.rows(table, &mut |key, row| {
            self.steps.tick()?;
            let Some(bytes) = self.bytes(table, key, &row)? else {
                return Ok(());
            };
            digest.add(key, ValueRef::Bytes(&bytes));
            if let (Some(ledger), Some(entry)) = (&mut ledger, &row.entry) {
                ledger.record(table, key, &plain(entry, &bytes))?;
                self.inflated |= entry.codec != Codec::Plain;
            }
            loader.put(key, bytes)
        })?;
        loader.finish()?;
        Ok(digest.finish())
    }

    /// What is written of a row. `None` where nothing is.
    fn bytes(&mut self, table: Table, key: &str, row: &Row<'_>) -> Result<Option<Vec<u8>>> {
        let bytes = match self.judge.row(table, key, row)? {
            Fate::Carry => row.plain.as_ref().ok().map(|plain| plain.to_vec()),
            Fate::Write(record) => Some(record.encode()?),
            Fate::SetAside => {
                match &mut self.quarantine {
                    Some(quarantine) => quarantine.put(table, key, row.stored)?,
                    None => self.contents = None,
                }
                None
            }
        };
        Ok(bytes.filter(|_| self.contents.is_some()))
    }
}

/// What is recorded of a row that is stored as do-memory stores it.
fn plain(recorded: &Entry, bytes: &[u8]) -> Entry {
    Entry {
        stored_len: bytes.len() as u64,
        raw_len: bytes.len() as u64,
        codec: Codec::Plain,
        digest: entry::digest(bytes),
        ..*recorded
    }
}
