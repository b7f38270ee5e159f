//! Where rows go that cannot be migrated: a cache of its own, with nothing but them.
//!
//! They keep their table, their key and every byte, and the file states the schema version of the
//! original, so that `inspect` shows them and a later release may migrate them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use redb::{Database, WriteTransaction};

use super::super::access::PAGE_CACHE;
use super::super::staging;
use crate::cache::contents::{self, Contents};
use crate::cache::ledger::bytes_table;
use crate::cache::schema::{VERSION_KEY, VERSIONS};
use crate::cache::{Table, View};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Header, NewFile};

/// What it is, in errors.
const WHAT: &str = "quarantine file";
/// The word in the names that are given.
const NAME: &str = "quarantine";

/// A quarantine file that comes to be with its first row.
pub(super) struct Quarantine {
    to: PathBuf,
    /// One that a run before may have left, which was killed before the swap.
    earlier: Option<PathBuf>,
    mode: u32,
    schema: Option<u64>,
    open: Option<Open>,
}

/// Fields drop in this order.
struct Open {
    txn: WriteTransaction,
    db: Database,
    draft: NewFile,
}

impl Quarantine {
    /// A file at `path`, else with the next number beside the file that the rest becomes.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] when what is at `path` is nothing of redb's.
    pub(super) fn new(path: Option<&Path>, result: &Path, original: &Path) -> Result<Self> {
        let mode = fs::metadata(original)?.mode();
        let (to, earlier) = match path {
            Some(path) => {
                NewFile::require_folder(path, WHAT)?;
                let found = file::look_up(path).map_err(|error| Error::from(error).at(path))?;
                let taken = found.is_some();
                if taken && Header::read(path).is_err() {
                    return Err(taken_by_another(path));
                }
                (path.to_owned(), taken.then(|| path.to_owned()))
            }
            None => (
                file::next_numbered(result, NAME)?,
                file::numbered(result, NAME)?.pop().map(|(_, path)| path),
            ),
        };
        Ok(Self {
            to,
            earlier,
            mode,
            schema: None,
            open: None,
        })
    }

    /// Begins anew, for rows of a cache of that schema version.
    pub(super) fn begin(&mut self, schema: Option<u64>) {
        self.open = None;
        self.schema = schema;
    }

    /// Sets a row aside.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn put(&mut self, table: Table, key: &str, stored: &[u8]) -> Result<()> {
        self.insert(table, key, stored)
            .map_err(|error| error.at(&self.to))
    }

    fn insert(&mut self, table: Table, key: &str, stored: &[u8]) -> Result<()> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.create()?,
        };
        open.txn
            .open_table(bytes_table(table.name()))?
            .insert(key, stored)?;
        self.open = Some(open);
        Ok(())
    }

    fn create(&self) -> Result<Open> {
        let (draft, file) = NewFile::draft(&self.to, WHAT, self.mode)?;
        let db = file::open_stage(file, PAGE_CACHE)?;
        let txn = db.begin_write()?;
        if let Some(version) = self.schema {
            txn.open_table(VERSIONS)?.insert(VERSION_KEY, version)?;
        }
        Ok(Open { txn, db, draft })
    }

    /// Makes it durable under its name, and answers where it is. `None` is no row set aside.
    ///
    /// # Errors
    /// When it does not read back, or its name is taken.
    pub(super) fn finish(self, rows: u64) -> Result<Option<PathBuf>> {
        let Some(Open { txn, db, draft }) = self.open else {
            return Ok(None);
        };
        let written = || {
            txn.commit()?;
            db.close()?;
            staging::contents(draft.path())
        };
        let held = written().map_err(|error| error.at(&self.to))?;
        let count = |(name, (rows, _)): (&String, &(u64, u128))| {
            let records = Table::from_name(name).is_some_and(Table::holds_records);
            if records { *rows } else { 0 }
        };
        if held.iter().map(count).sum::<u64>() != rows {
            return Err(Error::new(
                ErrorKind::Failed,
                "the quarantine file does not hold the rows that were set aside",
            )
            .at(&self.to)
            .help("the cache is unchanged; run the same command again"));
        }
        if let Some(earlier) = self.earlier
            && contents(&earlier).is_ok_and(|earlier| earlier == held)
        {
            return Ok(Some(earlier));
        }
        draft.finish()?;
        Ok(Some(self.to))
    }
}

fn contents(path: &Path) -> Result<Contents> {
    file::read(path, &staging::quiet(), |snapshot| {
        let txn = snapshot.transaction().cloned();
        let txn = txn.ok_or_else(|| taken_by_another(path))?;
        contents::of(snapshot, &View::new(txn))
    })
}

fn taken_by_another(path: &Path) -> Error {
    Error::new(
        ErrorKind::Failed,
        format!("the {WHAT} would overwrite a file"),
    )
    .at(path)
    .help("name a path that does not exist")
}
