//! What a rebuild is to do.

use std::collections::BTreeSet;
use std::time::Instant;

use super::super::{Context, store};
use super::Args;
use super::old::Old;
use super::report::{Outcome, RebuildReport};
use crate::cache::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{Kept, Kind, Store, Survey};

/// Rows of each table that a dry run reads, to know how long they take.
const SAMPLE: u64 = 200;

/// What a rebuild is to do, before it touches anything.
pub(super) struct Plan {
    /// The cache that is there.
    pub(super) old: Option<Old>,
    pub(super) survey: Survey,
    /// The tables of the cache to be filled.
    pub(super) tables: BTreeSet<Table>,
    /// Whether the other tables stay as they are in the cache.
    pub(super) carries: bool,
    /// Seconds from now to expiry.
    pub(super) ttl_seconds: Option<u64>,
    /// The options that decide which rows there are and what is recorded of them, as they were given.
    pub(super) asked: String,
}

impl Plan {
    /// Finds out what there is. Nobody is asked for anything yet.
    pub(super) fn make(
        args: &Args,
        context: &Context<'_>,
        old: Option<Old>,
        from: &Store<'_>,
    ) -> Result<Self> {
        let tables = store::tables(&args.table)?;
        let carries = !args.table.is_empty() && old.is_some();
        if carries && !old.as_ref().is_some_and(|old| old.is_legible) {
            return Err(Error::new(
                ErrorKind::Damaged,
                "the tables that would stay as they are cannot be read",
            )
            .at(&context.cache)
            .help("rebuild all tables: the old cache is kept as a backup"));
        }
        if carries && !old.as_ref().is_some_and(|old| old.is_current) {
            return Err(Error::new(
                ErrorKind::OldFormat,
                "tables of an old cache cannot stay as they are beside new ones",
            )
            .at(&context.cache)
            .help("run: redb-cache migrate, or rebuild all tables"));
        }
        let limits = old.as_ref().and_then(|old| old.limits);
        let newest = args
            .max_entries
            .or(limits.map(|limits| limits.max_cache_size));
        let newest = newest.filter(|_| !args.all);
        let since_ms = args.since.map(|since| since.at_ms(context.now));
        // Never earlier than asked for.
        let ttl = args
            .ttl
            .map(|ttl| ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0));
        let survey = from.survey(Kept::new(newest, since_ms))?;
        if !args.table.is_empty() {
            store::require_there(&tables, &survey)?;
        }
        Ok(Self {
            old,
            survey,
            tables,
            carries,
            asked: format!("{newest:?} {:?} {ttl:?}", args.since),
            ttl_seconds: ttl.or(limits.and_then(|limits| limits.ttl_seconds)),
        })
    }

    /// The tables of the store to be read, in the order in which the cache numbers its own: what is
    /// recorded of rows is then appended, and never inserted between.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let all = self.survey.tables.iter().map(|(kind, _)| *kind);
        let mut kinds: Vec<_> = all
            .filter(|kind| self.tables.contains(&kind.table()))
            .collect();
        kinds.sort_by_key(|kind| (kind.table().id(), *kind));
        kinds
    }

    /// What would be done. Reads a few rows of each table, for the time that they take.
    pub(super) fn forecast(&self, store: &Store<'_>) -> Result<RebuildReport> {
        let mut report = RebuildReport::new(store, self);
        let mut estimate = 0.0;
        for kind in self.kinds() {
            let began = Instant::now();
            let (mut read, mut rows) = (0u64, store.rows(&self.survey, kind, None));
            while let Some((_, row)) = rows.next()? {
                read += 1;
                if let Err(unreadable) = row {
                    report.add_unreadable(unreadable);
                }
                if read == SAMPLE {
                    break;
                }
            }
            let count = self.survey.count(kind);
            let seconds = began.elapsed().as_secs_f64();
            estimate += seconds * (count.rows.max(read) as f64) / (read.max(1) as f64);
        }
        report.estimated_ms = Some((estimate * 1_000.0) as u64);
        report.outcome = Outcome::Forecast;
        Ok(report)
    }
}
