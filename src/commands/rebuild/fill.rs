//! Filling the new cache with what the store has.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table as RedbTable, WriteTransaction};

use super::super::Context;
use super::super::steps::Steps;
use super::batch::Batch;
use super::plan::Plan;
use super::resume::{PROGRESS_KEY, Progress};
use crate::cache::contents::{self, Contents, Digest};
use crate::cache::entry::{self, METADATA_PREFIX};
use crate::cache::facts::{self, ACTIVITY_KEY, Activity, LIMITS_KEY, REVISION_SEQ_KEY};
use crate::cache::ledger::{Ledger, bytes_table};
use crate::cache::record::Record;
use crate::cache::{Codec, Entry, Table, schema};
use crate::error::Result;
use crate::file::ValueRef;
use crate::source::{self, Kind, Store, Value};

/// do-memory's row with the revision up to which it has read a store.
const WATERMARK_KEY: &str = "sync_watermark_ms";
/// What the store's own library keeps about the store.
const BOOKKEEPING: [&str; 3] = [
    "episode_revisions_backfilled",
    WATERMARK_KEY,
    REVISION_SEQ_KEY,
];

/// Writes rows in one transaction.
pub(super) struct Filler<'a> {
    context: &'a Context<'a>,
    plan: &'a Plan,
    store: &'a Store<'a>,
    txn: &'a WriteTransaction,
    ledger: Ledger<'a>,
    now_ms: i64,
    digests: BTreeMap<Table, Digest>,
    pub(super) progress: Progress,
}

/// Where the rows of a table go.
enum Sink<'txn> {
    /// To its end: they come in the order of their keys.
    End(Batch),
    /// Among the others, which the ledger has open.
    Metadata,
    /// Anywhere, if their key is not taken yet.
    Anywhere(RedbTable<'txn, &'static str, &'static [u8]>),
}

impl<'a> Filler<'a> {
    pub(super) fn begin(
        context: &'a Context<'_>,
        plan: &'a Plan,
        store: &'a Store<'a>,
        txn: &'a WriteTransaction,
        progress: Progress,
    ) -> Result<Self> {
        Ok(Self {
            context,
            plan,
            store,
            txn,
            ledger: Ledger::open(txn)?,
            now_ms: context.now.timestamp_millis(),
            digests: BTreeMap::new(),
            progress,
        })
    }

    /// Reads and writes every table. After an error of the store, what was read is written, and
    /// [`Filler::keep`] may follow.
    pub(super) fn fill(&mut self) -> Result<()> {
        let kinds = self.plan.kinds();
        for kind in &kinds {
            if kind.is_in_order() {
                self.sum_up_earlier(kind.table())?;
            }
            if !self.progress.has_passed(&kinds, *kind) {
                self.table(*kind)?;
            }
        }
        Ok(())
    }

    /// Rows of an earlier run count as well.
    fn sum_up_earlier(&mut self, table: Table) -> Result<()> {
        let mut digest = Digest::default();
        if table.holds_records() && !self.progress.at.is_empty() {
            for row in self.txn.open_table(bytes_table(table.name()))?.iter()? {
                let (key, value) = row?;
                digest.add(key.value(), ValueRef::Bytes(value.value()));
            }
        }
        self.digests.insert(table, digest);
        Ok(())
    }

    fn table(&mut self, kind: Kind) -> Result<()> {
        let table = kind.table();
        let mut sink = match kind {
            Kind::Metadata => Sink::Metadata,
            kind if kind.is_in_order() => Sink::End(Batch::default()),
            _ => Sink::Anywhere(self.txn.open_table(bytes_table(table.name()))?),
        };
        let after = self.progress.after(kind).map(<[u8]>::to_vec);
        self.progress.at = kind.name().to_owned();
        self.progress.after.clone_from(&after);
        let read = self.rows(kind, after.as_deref(), &mut sink);
        if let Sink::End(batch) = &mut sink {
            batch.write(table, &mut self.ledger)?;
        }
        read
    }

    fn rows(&mut self, kind: Kind, after: Option<&[u8]>, sink: &mut Sink<'_>) -> Result<()> {
        let mut steps = Steps::new(self.context, kind.name());
        steps.set_total(self.plan.survey.count(kind).rows);
        let mut rows = self.store.rows(&self.plan.survey, kind, after);
        while let Some((_, row)) = rows.next()? {
            let counts = self
                .progress
                .counts
                .entry(kind.name().to_owned())
                .or_default();
            counts.read += 1;
            match row {
                Ok(entry) => self.put(kind, &entry, sink)?,
                Err(row) => {
                    counts.unreadable += 1;
                    let bytes = row.id.len() + row.why.len();
                    self.progress.unreadable.add(|| (bytes, row));
                }
            }
            self.progress.after = Some(rows.last_key().to_vec());
            steps.tick()?;
        }
        Ok(())
    }

    fn put(&mut self, kind: Kind, entry: &source::Entry, sink: &mut Sink<'_>) -> Result<()> {
        let (table, key) = (kind.table(), entry.key.as_str());
        let counts = self.progress.counts.entry(kind.name().to_owned());
        let counts = counts.or_default();
        if let Sink::Anywhere(rows) = sink
            && rows.get(key)?.is_some()
        {
            counts.superseded += 1;
            return Ok(());
        }
        if table == Table::Metadata && is_bookkeeping(key) {
            counts.left_out += 1;
            return Ok(());
        }
        counts.written += 1;
        match &entry.value {
            Value::Record(record) => self.put_record(record, entry, sink),
            Value::Text(text) => self.ledger.put_plain(table, key, text.as_bytes()),
        }
    }

    fn put_record(
        &mut self,
        record: &Record,
        of: &source::Entry,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let (table, key, bytes) = (record.table(), of.key.as_str(), record.encode()?);
        let (now_ms, ttl_seconds) = (self.now_ms, self.plan.ttl_seconds);
        let entry = recorded(record, of.revision, &bytes, now_ms, ttl_seconds);
        match sink {
            Sink::End(batch) => {
                let digest = self.digests.entry(table).or_default();
                digest.add(key, ValueRef::Bytes(&bytes));
                batch.put(key, bytes, entry, of.revision);
                if batch.is_full() {
                    batch.write(table, &mut self.ledger)?;
                }
                Ok(())
            }
            Sink::Anywhere(rows) => {
                rows.insert(key, bytes.as_slice())?;
                self.ledger.record(table, key, &entry)
            }
            Sink::Metadata => self.ledger.put_plain(table, key, &bytes),
        }
    }

    /// Writes what follows from the rows, and answers what the tables that were filled must hold.
    pub(super) fn finish(mut self) -> Result<(Contents, Progress)> {
        let (txn, tables) = (self.txn, &self.plan.tables);
        if tables.contains(&Table::RecommendationSessions) {
            self.ledger.rebuild_session_index()?;
        }
        self.write_facts()?;
        self.ledger.finish()?;
        txn.open_table(bytes_table(Table::Metadata.name()))?
            .remove(PROGRESS_KEY)?;
        schema::make_tables(txn)?;
        schema::make_own_tables(txn)?;
        let mut contents = Contents::new();
        for table in tables.iter().chain(&[
            Table::Metadata,
            Table::EpisodeRevisions,
            Table::RecommendationEpisodeIndex,
        ]) {
            let written = match self.digests.remove(table) {
                Some(digest) if table.holds_records() => digest.finish(),
                _ => contents::of_written(txn, *table)?,
            };
            contents.insert(table.name().to_owned(), written);
        }
        Ok((contents, self.progress))
    }

    /// Writes how far the work has come, so that a later run can go on.
    pub(super) fn keep(mut self) -> Result<()> {
        let progress = facts::encode(&self.progress)?;
        self.ledger
            .put_plain(Table::Metadata, PROGRESS_KEY, &progress)?;
        self.ledger.finish()
    }

    /// What the engine and do-memory keep about the whole cache.
    fn write_facts(&mut self) -> Result<()> {
        let old = self.plan.old.as_ref();
        if let Some(limits) = old.and_then(|old| old.limits) {
            self.ledger
                .put_plain(Table::Metadata, LIMITS_KEY, &facts::encode(&limits)?)?;
        }
        if !self.plan.tables.contains(&Table::Episodes) {
            return Ok(());
        }
        let begun = Activity {
            since_ms: self.now_ms,
            ..Activity::default()
        };
        let activity = Activity {
            revision: self.ledger.last_revision(),
            ..old.and_then(|old| old.activity.clone()).unwrap_or(begun)
        };
        self.ledger
            .put_plain(Table::Metadata, ACTIVITY_KEY, &facts::encode(&activity)?)?;
        if let Some(watermark) = self.progress.watermark_ms {
            let text = watermark.to_string();
            self.ledger
                .put_plain(Table::Metadata, WATERMARK_KEY, text.as_bytes())?;
        }
        Ok(())
    }
}

/// What is recorded of a row: its time to live begins now, and what was changed last counts as used
/// last.
pub(super) fn recorded(
    record: &Record,
    revision: Option<i64>,
    bytes: &[u8],
    now_ms: i64,
    ttl_seconds: Option<u64>,
) -> Entry {
    let changed = record.changed_at().map(|time| time.timestamp_millis());
    let changed_ms = revision.or(changed).unwrap_or(now_ms).min(now_ms);
    let entry = Entry {
        written_ms: now_ms,
        accessed: u64::try_from(changed_ms.saturating_mul(1_000)).unwrap_or(0),
        expires_ms: None,
        stored_len: bytes.len() as u64,
        raw_len: bytes.len() as u64,
        codec: Codec::Plain,
        digest: entry::digest(bytes),
    };
    entry.expiring_after(ttl_seconds.filter(|_| record.table().expires()))
}

/// Whether a row of `metadata` is about the store or the cache itself, and no fact of an agent's.
#[must_use]
pub fn is_bookkeeping(key: &str) -> bool {
    key.starts_with(METADATA_PREFIX) || BOOKKEEPING.contains(&key)
}
