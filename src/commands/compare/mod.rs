//! Comparing a cache with the durable store, row by row.

mod level;
mod sample;
mod verdict;

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use xxhash_rust::xxh3::xxh3_128;

pub use self::sample::Size;
pub use self::verdict::{Found, Verdict};
use super::Context;
use super::rebuild::is_bookkeeping;
use super::records::{Decoder, Source};
use super::steps::Steps;
use crate::cache::Table;
use crate::cache::record::Record;
use crate::error::Result;
use crate::file::{Snapshot, Value};
use crate::source::{self, Kind, Store, Survey, Unreadable};

/// Everything that a comparison needs to know.
pub struct Comparison<'a> {
    store: &'a Store<'a>,
    survey: &'a Survey,
    source: Source<'a>,
    decoder: Decoder,
    steps: Steps<'a>,
    /// Episodes that the cache may have more than it has; `None` is no limit.
    room: Option<u64>,
}

/// How many rows either side keeps about itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeptApart {
    /// Rows of the cache.
    pub in_cache: u64,
    /// Rows of the store.
    pub in_store: u64,
}

impl<'a> Comparison<'a> {
    /// Prepares to compare these tables of a cache of any era, which has so many episodes at most.
    ///
    /// # Errors
    /// When the cache cannot be read or is of an unknown layout.
    pub fn new(
        context: &'a Context<'_>,
        store: &'a Store<'a>,
        survey: &'a Survey,
        snapshot: &'a Snapshot,
        tables: &BTreeSet<Table>,
        limit: Option<u64>,
    ) -> Result<Self> {
        let source = Source::of(snapshot)?;
        let episodes = snapshot.table(Table::Episodes.name())?;
        let episodes = episodes.map_or(0, |info| info.rows);
        Ok(Self {
            room: limit.map(|limit| limit.saturating_sub(episodes)),
            decoder: source.decoder(context, tables)?,
            source,
            store,
            survey,
            steps: Steps::new(context, "comparing"),
        })
    }

    /// Compares all rows of a table of the cache with those of the store. Its memory grows by some
    /// thirty bytes a row.
    ///
    /// # Errors
    /// When one of them cannot be read, those of `visit`, and when it is interrupted.
    pub fn table(
        &mut self,
        table: Table,
        visit: &mut dyn FnMut(Found<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut seen: HashSet<u128> = HashSet::new();
        for kind in kinds(self.survey, table) {
            self.steps.set_total(self.survey.count(kind).rows);
            let mut rows = self.store.rows(self.survey, kind, None);
            while let Some((id, row)) = rows.next()? {
                self.steps.tick()?;
                let key = match &row {
                    Ok(entry) => entry.key.as_str(),
                    Err(row) => row.key.as_deref().unwrap_or(&id),
                };
                if !seen.insert(digest(key)) {
                    continue;
                }
                self.stored(kind, &id, row, visit)?;
            }
        }
        let snapshot = self.source.snapshot;
        snapshot.scan(table.name(), None, &mut |key, _| {
            self.steps.tick()?;
            if !is_kept_apart(table, key) && !seen.contains(&digest(key)) {
                visit(Found {
                    table,
                    key,
                    in_store: None,
                    in_cache: None,
                    verdict: Verdict::MissingInStore,
                })?;
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Counts the rows of a table that either side keeps about itself: they are never compared.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn kept_apart(&self, table: Table) -> Result<KeptApart> {
        let mut apart = KeptApart::default();
        if table != Table::Metadata {
            return Ok(apart);
        }
        for kind in kinds(self.survey, table) {
            let mut keys = self.store.keys(self.survey, kind);
            while let Some((_, key)) = keys.next()? {
                apart.in_store += u64::from(key.is_ok_and(|key| is_bookkeeping(&key)));
            }
        }
        let snapshot = self.source.snapshot;
        snapshot.scan(table.name(), None, &mut |key, _| {
            apart.in_cache += u64::from(is_bookkeeping(key));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(apart)
    }

    /// Whether the cache need not have a row: it is full, or has not the episode that the row hangs
    /// on.
    fn is_beyond_limit(&mut self, entry: &source::Entry) -> Result<bool> {
        let (Some(room), source::Value::Record(record)) = (&mut self.room, &entry.value) else {
            return Ok(false);
        };
        let episodes = match record {
            Record::Episode(_) => {
                let is_full = *room == 0;
                *room = room.saturating_sub(1);
                return Ok(is_full);
            }
            Record::Embedding(_) => match entry.key.strip_prefix("episode_") {
                Some(episode) => vec![episode.to_owned()],
                None => Vec::new(),
            },
            Record::Summary(summary) => vec![summary.episode_id.to_string()],
            Record::Relationship(it) => {
                vec![it.from_episode_id.to_string(), it.to_episode_id.to_string()]
            }
            Record::EpisodePatternRelationship(it) => vec![it.episode_id.to_string()],
            _ => Vec::new(),
        };
        for episode in episodes {
            if self.source.get(Table::Episodes, &episode)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Compares a row of the store with that of the cache.
    fn stored(
        &mut self,
        kind: Kind,
        id: &str,
        row: Result<source::Entry, Unreadable>,
        visit: &mut dyn FnMut(Found<'_>) -> Result<()>,
    ) -> Result<()> {
        let table = kind.table();
        let found = |key, in_cache, verdict| Found {
            table,
            key,
            in_store: Some((kind, id)),
            in_cache,
            verdict,
        };
        match row {
            Ok(entry) if is_kept_apart(table, &entry.key) => Ok(()),
            Ok(entry) => {
                let Some(cached) = self.source.get(table, &entry.key)? else {
                    let verdict = if self.is_beyond_limit(&entry)? {
                        Verdict::BeyondLimit
                    } else {
                        Verdict::MissingInCache
                    };
                    return visit(found(&entry.key, None, verdict));
                };
                let verdict = self.verdict(table, &entry, cached.plain)?;
                visit(found(&entry.key, Some(cached.digest), verdict))
            }
            Err(unreadable) => visit(found(id, None, Verdict::Unreadable(unreadable))),
        }
    }

    fn verdict(
        &self,
        table: Table,
        entry: &source::Entry,
        plain: Result<Vec<u8>>,
    ) -> Result<Verdict> {
        let stored = match &entry.value {
            source::Value::Record(record) => record,
            source::Value::Text(text) => {
                let equal = plain.is_ok_and(|plain| plain == text.as_bytes());
                let fields = (!equal).then(|| "value".to_owned());
                return Ok(Verdict::of(fields.into_iter().collect(), false));
            }
        };
        let cached = plain
            .map_err(|error| error.to_string())
            .and_then(|plain| self.decoder.read_beside(table, &plain, Some(stored)));
        let cached = match cached {
            Ok(cached) => cached,
            Err(why) => return Ok(Verdict::Undecodable { why }),
        };
        let older = match (self.revision(table, &entry.key)?, entry.revision) {
            (Some(cached), Some(stored)) if self.survey.watermark_ms.is_some() => cached < stored,
            _ => {
                let seconds = |record: &Record| record.changed_at().map(|time| time.timestamp());
                seconds(&cached) < seconds(stored)
            }
        };
        let fields = level::differences(cached, stored.clone(), self.survey);
        Ok(Verdict::of(fields, older))
    }

    fn revision(&self, table: Table, key: &str) -> Result<Option<i64>> {
        if table != Table::Episodes {
            return Ok(None);
        }
        let revisions = Table::EpisodeRevisions.name();
        Ok(match self.source.snapshot.get(revisions, key)? {
            Some(Value::I64(revision)) => Some(revision),
            _ => None,
        })
    }
}

/// The tables of the store that fill one of the cache.
pub fn kinds(survey: &Survey, table: Table) -> impl Iterator<Item = Kind> {
    let kinds = survey.tables.iter().map(|(kind, _)| *kind);
    kinds.filter(move |kind| kind.table() == table)
}

/// What either side keeps about itself.
fn is_kept_apart(table: Table, key: &str) -> bool {
    table == Table::Metadata && is_bookkeeping(key)
}

fn digest(key: &str) -> u128 {
    xxh3_128(key.as_bytes())
}
