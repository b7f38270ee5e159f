//! `--salvage`: what is left of a cache, in a new one.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use redb::{Database, TableHandle, WriteTransaction};

use super::super::access::PAGE_CACHE;
use super::super::inspect::portion::Portion;
use super::super::inspect::reading::Reader;
use super::super::records::Source;
use super::super::steps::Steps;
use super::super::{Context, staging};
use super::quarantine::Quarantine;
use super::report::{Outcome, RepairReport};
use super::sums::Sums;
use super::write::{self, Put, Writer};
use super::{Args, examine, quiet, text};
use crate::cache::facts::{self, SALVAGED_KEY};
use crate::cache::ledger::{Ledger, bytes_table};
use crate::cache::{Table, rewrite};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Account, Commit, FileFormat, FoundRow, NewFile, Remains, ValueRef};

/// Bytes of rows that do not decode, held at once.
const HELD: usize = 16 << 20;
/// What it is, in errors.
const WHAT: &str = "salvaged cache";

/// Carries `--salvage` out.
///
/// # Errors
/// Those of [`run`](super::run).
pub(super) fn run(args: &Args, context: &Context<'_>, out: &Path) -> Result<RepairReport> {
    NewFile::require_free(out, WHAT)?;
    NewFile::require_folder(out, WHAT)?;
    let remains = quiet(context)?;
    let mut steps = Steps::new(context, "reading");
    let (commit, account) = remains.best(&mut || steps.tick())?;
    let mut report = RepairReport::new(&remains, &commit, &account);
    let header = examine::legible_header(remains.path())?;
    report.closed_cleanly = header.map(|header| header.closed_cleanly());
    if report.kept == 0 && !account.is_whole() {
        return Err(Error::new(
            ErrorKind::Damaged,
            "no page with rows can be read: there is nothing to save",
        )
        .at(remains.path())
        .help("restore a backup, or run: redb-cache rebuild"));
    }
    if args.dry_run {
        return Ok(report);
    }
    let (new, stage) = NewFile::create(out, WHAT, remains.metadata().mode())?;
    new.require_space(remains.metadata().len())
        .map_err(|error| error.at(out))?;
    let mut salvage = Salvage {
        context,
        remains: &remains,
        commit: &commit,
        quarantine: Quarantine::beside(out, remains.metadata().mode())?,
        report: &mut report,
        sums: Sums::default(),
        added: Sums::default(),
    };
    salvage.write(&account, stage.try_clone()?)?;
    salvage.drop_undecodable(new.path(), &stage)?;
    salvage.verify(new.path())?;
    context.cancel.check()?;
    let quarantine = salvage.quarantine.finish()?;
    let sums = salvage.sums;
    report.keep(&sums);
    report.note_unreadable(&remains);
    report.quarantine = quarantine.map(|path| text(&path));
    report.bytes_after = Some(fs::metadata(new.path())?.len());
    new.finish()?;
    report.output = Some(text(out));
    report.outcome = Outcome::Salvaged;
    Ok(report)
}

struct Salvage<'a> {
    context: &'a Context<'a>,
    remains: &'a Remains,
    commit: &'a Commit,
    quarantine: Quarantine,
    report: &'a mut RepairReport,
    /// What the new cache must hold.
    sums: Sums,
    /// And besides, of our own.
    added: Sums,
}

/// A row of records that does not decode.
struct Bad {
    table: Table,
    key: String,
    value: Vec<u8>,
    why: String,
}

impl Salvage<'_> {
    /// Writes every row of a whole page, in one transaction. redb keeps at most its page cache of it
    /// in memory.
    fn write(&mut self, account: &Account, stage: File) -> Result<()> {
        let mut db = file::open_stage(stage, PAGE_CACHE)?;
        let txn = db.begin_write()?;
        let mut writer = Writer::new(&txn);
        for table in &account.tables {
            if write::is_copied(&table.name, table.kind) {
                writer.make(&table.name, table.kind)?;
            }
        }
        let mut steps = Steps::new(self.context, "salvaging");
        steps.set_total(account.readable());
        let (remains, commit) = (self.remains, self.commit);
        remains.read(commit, &mut |row| {
            self.row(&mut writer, &row)?;
            steps.tick()
        })?;
        drop(writer);
        if self.remains.format() == FileFormat::V2 {
            self.note_origin(&txn)?;
        }
        if account
            .tables
            .iter()
            .any(|table| rewrite::is_own(&table.name))
        {
            write::own(remains, commit, &txn)?;
        }
        txn.commit()?;
        staging::squeeze(self.context, &mut db)?;
        // Nothing that was read counts if somebody wrote meanwhile.
        remains.require_quiet()?;
        Ok(db.close()?)
    }

    /// What an untyped row means depends on the release that wrote it, of which the format of the
    /// file tells something.
    fn note_origin(&mut self, txn: &WriteTransaction) -> Result<()> {
        let metadata = Table::Metadata.name();
        let format = facts::encode(&2)?;
        txn.open_table(bytes_table(metadata))?
            .insert(SALVAGED_KEY, format.as_slice())?;
        self.added.add(metadata, SALVAGED_KEY.as_bytes(), &format);
        Ok(())
    }

    fn row(&mut self, writer: &mut Writer<'_>, row: &FoundRow<'_>) -> Result<()> {
        if !write::is_copied(&row.table.name, row.table.kind) {
            return Ok(());
        }
        let why = if !row.is_whole {
            format!("the page at byte {} fails its checksum", row.page)
        } else {
            match writer.put(row)? {
                Put::Done => {
                    self.sums.add(&row.table.name, row.key, row.value);
                    return Ok(());
                }
                Put::Taken => "another row has its key".to_owned(),
                Put::Misfit => "it is not of the type of its table".to_owned(),
            }
        };
        self.set_aside(&row.table.name, row.key, row.value, &why)
    }

    fn set_aside(&mut self, table: &str, key: &[u8], value: &[u8], why: &str) -> Result<()> {
        self.report.set_aside(table, key, value, why);
        self.quarantine.put(table, key, value, why)
    }

    /// Sets rows aside whose page is whole, and which yet do not decode.
    fn drop_undecodable(&mut self, path: &Path, stage: &File) -> Result<()> {
        loop {
            let bad = self.undecodable(path)?;
            if bad.is_empty() {
                return Ok(());
            }
            for row in &bad {
                let (table, key) = (row.table.name(), row.key.as_bytes());
                self.sums.remove(table, key, &row.value);
                self.set_aside(table, key, &row.value, &row.why)?;
            }
            let db = file::open_stage(stage.try_clone()?, PAGE_CACHE)?;
            remove(&db, &bad)?;
            db.close()?;
        }
    }

    /// The first of those rows, as many as are held at once.
    fn undecodable(&self, path: &Path) -> Result<Vec<Bad>> {
        file::read(path, &staging::quiet(), |snapshot| {
            let source = Source::of(snapshot)?;
            let mut reader = Reader::of(snapshot)?;
            reader.learn(snapshot, Portion::ALL, self.context)?;
            let mut steps = Steps::new(self.context, "decoding");
            steps.set_total(source.records());
            let mut bad = Vec::new();
            let mut bytes = 0;
            for table in source.record_tables() {
                snapshot.scan(table.name(), None, &mut |key, stored| {
                    steps.tick()?;
                    let entry = reader.entry(table.name(), key, stored).unwrap_or_default();
                    let read = reader.value(table.name(), entry.as_ref(), stored);
                    if let (Err(why), ValueRef::Bytes(value)) = (read, stored) {
                        bytes += value.len();
                        bad.push(Bad {
                            table,
                            key: key.to_owned(),
                            value: value.to_owned(),
                            why,
                        });
                    }
                    Ok(if bytes < HELD {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    })
                })?;
            }
            Ok(bad)
        })
    }

    /// Reads all of the new cache back, by redb and by us, and compares it with what was written.
    fn verify(&self, path: &Path) -> Result<()> {
        staging::contents(path)?;
        let copy = Remains::open(path)?;
        let (_, account, sums) = examine::newest(&copy, self.context)?;
        if account.is_whole() && sums == self.sums.plus(&self.added) {
            return Ok(());
        }
        Err(examine::unequal(
            &copy,
            "the salvaged cache does not hold what was read",
            "the original is unchanged; run the same command again",
        ))
    }
}

/// Removes rows, and what is recorded about them.
fn remove(db: &Database, rows: &[Bad]) -> Result<()> {
    let txn = db.begin_write()?;
    let recorded = txn
        .list_tables()?
        .any(|table| rewrite::is_own(table.name()));
    if recorded {
        let mut ledger = Ledger::open(&txn)?;
        for row in rows {
            ledger.forget(row.table, &row.key)?;
        }
        ledger.finish()?;
    }
    for row in rows {
        txn.open_table(bytes_table(row.table.name()))?
            .remove(row.key.as_str())?;
    }
    txn.commit()?;
    Ok(())
}
