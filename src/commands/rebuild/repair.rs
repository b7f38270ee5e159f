//! Putting rows of the store into a cache that stays in place, in short transactions.

use std::collections::{BTreeMap, HashMap};

use redb::Database;

use super::super::compare::{Comparison, Found, Verdict, kinds};
use super::super::{Context, access};
use super::Args;
use super::fill::recorded;
use super::plan::Plan;
use super::report::{Counts, Outcome, RebuildReport};
use crate::cache::entry;
use crate::cache::ledger::{Ledger, Row};
use crate::cache::record::Record;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{self, Kind, Store, Value};

/// Rows that are written in one transaction.
const BATCH: usize = 200;

/// Rows to be taken from the store: their key there, and the digest that the cache's had when they
/// were compared.
type Wanted = BTreeMap<Kind, HashMap<String, Option<u64>>>;

/// Repairs the cache.
///
/// # Errors
/// Those of [`run`](super::run).
pub(super) fn run(
    args: &Args,
    context: &Context<'_>,
    store: &Store<'_>,
    plan: &Plan,
) -> Result<RebuildReport> {
    require_current(context, plan)?;
    let mut report = RebuildReport::new(store, plan);
    let wanted = compare(args, context, store, plan, &mut report)?;
    let mut counts = BTreeMap::new();
    if args.dry_run {
        counts.extend(
            wanted
                .iter()
                .map(|(kind, rows)| (*kind, would_write(rows.len()))),
        );
        report.repaired(plan, &counts);
        return Ok(report);
    }
    let db = access::open_for_writing(context)?;
    for (kind, rows) in wanted {
        let mut repair = Repair {
            context,
            plan,
            db: &db,
            kind,
            seen: rows,
            counts: Counts::default(),
        };
        repair.run(store, &mut report)?;
        counts.insert(kind, repair.counts);
    }
    store.confirm()?;
    report.repaired(plan, &counts);
    report.outcome = Outcome::Repaired;
    Ok(report)
}

fn require_current(context: &Context<'_>, plan: &Plan) -> Result<()> {
    match &plan.old {
        Some(old) if old.is_current => Ok(()),
        Some(_) => Err(Error::new(
            ErrorKind::OldFormat,
            "the cache is not of the current layout",
        )
        .at(&context.cache)
        .help("run: redb-cache migrate, or rebuild without --only-missing and --only-stale")),
        None => Err(
            Error::new(ErrorKind::NotFound, "there is no cache to repair")
                .at(&context.cache)
                .help("run: redb-cache rebuild, which makes one"),
        ),
    }
}

fn would_write(rows: usize) -> Counts {
    Counts {
        written: rows as u64,
        ..Counts::default()
    }
}

fn compare(
    args: &Args,
    context: &Context<'_>,
    store: &Store<'_>,
    plan: &Plan,
    report: &mut RebuildReport,
) -> Result<Wanted> {
    access::stream(context, |snapshot| {
        let mut wanted = Wanted::new();
        let limit = plan.survey.kept.newest;
        let mut comparison =
            Comparison::new(context, store, &plan.survey, snapshot, &plan.tables, limit)?;
        for table in &plan.tables {
            if kinds(&plan.survey, *table).next().is_none() {
                continue;
            }
            comparison.table(*table, &mut |found: Found<'_>| {
                let takes = match found.verdict {
                    Verdict::MissingInCache => args.only_missing,
                    Verdict::Older { .. } | Verdict::Undecodable { .. } => args.only_stale,
                    Verdict::Unreadable(row) => {
                        report.add_unreadable(row);
                        false
                    }
                    _ => false,
                };
                if let (true, Some((kind, id))) = (takes, found.in_store) {
                    let rows = wanted.entry(kind).or_default();
                    rows.insert(id.to_owned(), found.in_cache);
                }
                Ok(())
            })?;
        }
        Ok(wanted)
    })
}

struct Repair<'a> {
    context: &'a Context<'a>,
    plan: &'a Plan,
    db: &'a Database,
    kind: Kind,
    seen: HashMap<String, Option<u64>>,
    counts: Counts,
}

impl Repair<'_> {
    fn run(&mut self, store: &Store<'_>, report: &mut RebuildReport) -> Result<()> {
        let ids: Vec<String> = self.seen.keys().cloned().collect();
        let mut rows = store.rows_with(&self.plan.survey, self.kind, &ids);
        let mut batch = Vec::new();
        while let Some((id, row)) = rows.next()? {
            self.counts.read += 1;
            match row {
                Ok(entry) => batch.push((id, entry)),
                Err(row) => {
                    self.counts.unreadable += 1;
                    report.add_unreadable(row);
                }
            }
            if batch.len() == BATCH {
                self.write(&mut batch)?;
            }
        }
        self.write(&mut batch)
    }

    /// Writes rows in one transaction. What somebody else has written since stays.
    fn write(&mut self, batch: &mut Vec<(String, source::Entry)>) -> Result<()> {
        self.context.cancel.check()?;
        batch.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
        let txn = self.db.begin_write()?;
        let mut ledger = Ledger::open(&txn)?;
        for (id, entry) in batch.drain(..) {
            let (table, key) = (self.kind.table(), entry.key.as_str());
            let seen = self.seen.get(&id).copied().flatten();
            let now = ledger.stored(table, key)?;
            if now.map(|stored| entry::digest(&stored)) != seen {
                continue;
            }
            match &entry.value {
                Value::Record(record) => self.put(&mut ledger, key, record, entry.revision)?,
                Value::Text(text) => ledger.put_plain(table, key, text.as_bytes())?,
            }
            self.counts.written += 1;
        }
        ledger.finish()?;
        txn.commit()?;
        Ok(())
    }

    fn put(
        &self,
        ledger: &mut Ledger<'_>,
        key: &str,
        record: &Record,
        revision: Option<i64>,
    ) -> Result<()> {
        let bytes = record.encode()?;
        let now_ms = self.context.now.timestamp_millis();
        let entry = recorded(record, revision, &bytes, now_ms, self.plan.ttl_seconds);
        let row = Row {
            key,
            stored: &bytes,
            entry: &entry,
        };
        ledger.put_all(record.table(), &[row])?;
        if let Some(revision) = revision {
            ledger.copy_revisions(&[(key, revision)])?;
        }
        match record {
            Record::Session(session) => ledger.index_session(session),
            _ => Ok(()),
        }
    }
}
