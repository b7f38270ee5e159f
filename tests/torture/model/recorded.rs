//! What a cache file holds, read without the engine, and whether it agrees with itself and with the
//! plain model.

use std::collections::BTreeMap;

use redb::backends::InMemoryBackend;
use redb::{ReadableDatabase, ReadableTable, StorageBackend};
use redb_cache::cache::compression::Dictionaries;
use redb_cache::cache::facts::{ACTIVITY_KEY, Activity, Counts, REVISION_SEQ_KEY};
use redb_cache::cache::ledger::REVISIONS;
use redb_cache::cache::record::Record;
use redb_cache::cache::{Codec, Entry, Table, Totals, View};

use super::plain::{Plain, Row, Slot};

pub struct Recorded {
    pub entries: BTreeMap<Slot, (u32, Entry)>,
    pub raw: BTreeMap<String, u32>,
    pub counts: BTreeMap<Table, Counts>,
    last_stamp: u64,
    revisions: BTreeMap<String, i64>,
}

impl Recorded {
    /// Reads all of it, every page verified, from a copy in memory.
    ///
    /// # Errors
    /// What does not agree with the rest.
    pub fn read(file: &[u8]) -> Result<Self, String> {
        let memory = InMemoryBackend::new();
        memory.set_len(file.len() as u64).unwrap();
        memory.write(0, file).unwrap();
        let opened = redb::Builder::new().create_with_backend(memory);
        let mut db = opened.map_err(|error| format!("the file: {error}"))?;
        match db.check_integrity() {
            Ok(true) => Self::of(&View::new(db.begin_read().unwrap())),
            damaged => Err(format!("the file: {damaged:?}")),
        }
    }

    fn of(view: &View) -> Result<Self, String> {
        let mut recorded = Self {
            entries: BTreeMap::new(),
            raw: BTreeMap::new(),
            counts: BTreeMap::new(),
            last_stamp: 0,
            revisions: BTreeMap::new(),
        };
        let dictionaries = Dictionaries::load(view.transaction(), 0).unwrap();
        for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
            recorded.read_rows(view, table, &dictionaries)?;
        }
        recorded.read_facts(view);
        recorded.check_orders(view)?;
        recorded.check_revisions(view)?;
        Ok(recorded)
    }

    fn read_rows(
        &mut self,
        view: &View,
        table: Table,
        dictionaries: &Dictionaries,
    ) -> Result<(), String> {
        let mut totals = Totals::default();
        for row in view.rows(table).unwrap().unwrap().iter().unwrap() {
            let (key, stored) = row.unwrap();
            let (key, stored) = (key.value().to_owned(), stored.value());
            let entry = view.entry(table, &key).unwrap();
            let entry = entry.filter(|entry| entry.describes(stored));
            let entry = entry.ok_or_else(|| format!("{table} {key} has no entry"))?;
            totals.add(&entry);
            let raw = match entry.codec {
                Codec::Plain => stored.to_vec(),
                codec => dictionaries
                    .inflate(codec, stored, entry.raw_len)
                    .map_err(|error| format!("{table} {key}: {error}"))?,
            };
            let value = value_of(table, &raw).ok_or_else(|| format!("{table} {key} is spoilt"))?;
            self.entries.insert((table, key), (value, entry));
        }
        let stated = view.totals(table).unwrap();
        (stated == totals)
            .then_some(())
            .ok_or_else(|| format!("{table} has {totals:?} and states {stated:?}"))
    }

    fn read_facts(&mut self, view: &View) {
        let activity: Option<Activity> = view.fact(ACTIVITY_KEY).unwrap();
        let activity = activity.unwrap_or_default();
        self.last_stamp = activity.last_access;
        for (name, counts) in activity.tables {
            self.counts.insert(Table::from_name(&name).unwrap(), counts);
        }
        for row in view.rows(Table::Metadata).unwrap().unwrap().iter().unwrap() {
            let (key, value) = row.unwrap();
            if let Some(number) = key.value().strip_prefix("raw") {
                let value = std::str::from_utf8(value.value()).unwrap();
                self.raw.insert(number.to_owned(), value.parse().unwrap());
            }
        }
    }

    /// Both orders hold exactly the entries that they are of.
    fn check_orders(&self, view: &View) -> Result<(), String> {
        let listed = view.entries().unwrap().unwrap().iter().unwrap().count();
        if listed != self.entries.len() {
            return Err(format!("{listed} entries of {} rows", self.entries.len()));
        }
        let of = |(table, key): &Slot| (*table, key.clone());
        let mut by_access = Vec::new();
        let mut by_expiry = Vec::new();
        for (slot, (_, entry)) in &self.entries {
            let (table, key) = of(slot);
            if table == Table::Episodes {
                by_access.push((entry.accessed, key.clone()));
            }
            by_expiry.extend(entry.expires_ms.map(|at| (at, table, key)));
        }
        by_access.sort();
        by_expiry.sort_by_key(|(at, table, key)| (*at, table.id(), key.clone()));
        if view.least_recent(None, usize::MAX).unwrap() != by_access {
            return Err("the order of use is not that of the entries".into());
        }
        if view.expired(i64::MAX, None, usize::MAX).unwrap() != by_expiry {
            return Err("the order of expiry is not that of the entries".into());
        }
        Ok(())
    }

    /// Each episode has its revision, and nothing else has one.
    fn check_revisions(&mut self, view: &View) -> Result<(), String> {
        let table = view.transaction().open_table(REVISIONS).unwrap();
        for row in table.iter().unwrap() {
            let (key, revision) = row.unwrap();
            self.revisions
                .insert(key.value().to_owned(), revision.value());
        }
        let episodes = self.entries.keys().filter(|(of, _)| *of == Table::Episodes);
        if !episodes.map(|(_, key)| key).eq(self.revisions.keys()) {
            return Err("the revisions are not those of the episodes".into());
        }
        let last: Option<i64> = view.fact(REVISION_SEQ_KEY).unwrap();
        let greatest = self.revisions.values().max().copied();
        (greatest <= last)
            .then_some(())
            .ok_or_else(|| format!("a revision {greatest:?} after the last one, {last:?}"))
    }

    /// Whether the file holds what `plain` does. Uses and reads may be older, but none that `least`
    /// has, and newer, but none that `most` has not.
    ///
    /// # Errors
    /// The first thing that differs.
    pub fn holds(&self, plain: &Plain, least: &Plain, most: &Plain) -> Result<(), String> {
        for slot in self.entries.keys().chain(plain.rows.keys()) {
            let (there, row) = (self.entries.get(slot), plain.rows.get(slot));
            let same = there.zip(row).is_some_and(|((value, entry), row)| {
                let used = |plain: &Plain| {
                    let written = plain.rows.get(slot).filter(|it| it.born == row.born);
                    written.map(|it| it.accessed)
                };
                (*value, entry.written_ms, entry.expires_ms)
                    == (row.value, row.written_ms, row.expires_ms)
                    && used(least).unwrap_or(row.born) <= entry.accessed
                    && entry.accessed <= used(most).unwrap_or(u64::MAX)
            });
            if !same {
                return Err(format!("{slot:?} is {there:?}, not {row:?}"));
            }
        }
        if self.raw != plain.raw {
            return Err(format!("raw rows are {:?}, not {:?}", self.raw, plain.raw));
        }
        self.counts_agree(plain, least, most)?;
        self.revisions_agree(plain)
    }

    fn counts_agree(&self, plain: &Plain, least: &Plain, most: &Plain) -> Result<(), String> {
        for table in Table::ALL {
            let of = |counts: &BTreeMap<_, Counts>| counts.get(&table).copied().unwrap_or_default();
            let (reads, is, most) = (of(&least.counts), of(&self.counts), of(&most.counts));
            // What is done to rows is counted with them.
            let least = Counts {
                hits: reads.hits,
                misses: reads.misses,
                ..of(&plain.counts)
            };
            // Nothing is left where something smaller is taken from something greater.
            let none = Counts::default();
            if least.minus(&is) != none || is.minus(&most) != none {
                return Err(format!("{table} counts {is:?}, not {least:?} to {most:?}"));
            }
        }
        Ok(())
    }

    /// Revisions are given out in the order of the writes.
    fn revisions_agree(&self, plain: &Plain) -> Result<(), String> {
        let mut episodes: Vec<_> = self
            .revisions
            .iter()
            .map(|(key, revision)| (plain.rows[&(Table::Episodes, key.clone())], revision))
            .collect();
        episodes.sort_by_key(|(row, _)| row.born);
        let in_order = episodes.is_sorted_by(|(_, one), (_, next)| one < next);
        let none_too_early = episodes.iter().all(|(row, at)| row.written_ms <= **at);
        (in_order && none_too_early)
            .then_some(())
            .ok_or_else(|| format!("the revisions are {:?}", self.revisions))
    }

    /// Lets `plain` be what was recorded, which it [`holds`](Self::holds).
    pub fn adopt(&self, plain: &mut Plain) {
        for (slot, row) in &mut plain.rows {
            let Row { accessed, .. } = row;
            *accessed = self.entries[slot].1.accessed;
        }
        plain.counts = self.counts.clone();
        plain.last_stamp = self.last_stamp;
    }

    /// The length of each row as stored.
    pub fn lengths(&self) -> BTreeMap<Slot, u64> {
        let entries = self.entries.iter();
        entries
            .map(|(slot, (_, entry))| (slot.clone(), entry.stored_len))
            .collect()
    }
}

/// The number that a value stands for.
fn value_of(table: Table, bytes: &[u8]) -> Option<u32> {
    match Record::decode(table, bytes)?.ok()? {
        Record::Episode(episode) => episode.task_description.parse().ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number"
        )]
        Record::Embedding(vector) => vector.first().map(|number| *number as u32),
        Record::Summary(summary) => summary.summary_text.parse().ok(),
        Record::Session(session) => session.recommended_pattern_ids.first()?.parse().ok(),
        _ => None,
    }
}
