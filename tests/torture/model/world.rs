//! The engine and the model, side by side.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::ReadableDatabase;
use redb_cache::cache::record::{
    Embedding, Episode, EpisodeSummary, RecommendationSession, Stored,
};
use redb_cache::cache::sweep::{self, Bounds};
use redb_cache::cache::{ManualClock, Table, View};
use redb_cache::{RedbConfig, RedbStorage};

use super::made::{embedding, episode, session, summary};
use super::operation::{Limits, Operation, Setting};
use super::plain::{Plain, Slot};
use super::recorded::Recorded;
use crate::common;

/// So late that by the clock of this machine, which the program goes by, nothing has expired.
const START_MS: i64 = 4_000_000_000_000;

pub struct World {
    _dir: tempfile::TempDir,
    path: PathBuf,
    setting: Setting,
    limits: Limits,
    clock: Arc<ManualClock>,
    cache: Option<RedbStorage>,
    plain: Plain,
    /// As it was when it was opened, which the file has of uses and reads at least.
    opened: Plain,
    /// What a crash may leave: every state since the last that is known to be durable.
    since_durable: Vec<Plain>,
    /// The last number given to a value.
    number: u32,
}

type Outcome = Result<(), String>;

impl World {
    pub fn new(setting: &Setting) -> Result<Self, String> {
        // Where there are no disks to wait for: a process that dies loses nothing there either.
        let dir = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let mut world = Self {
            path: dir.path().join("cache.redb"),
            _dir: dir,
            setting: setting.clone(),
            limits: setting.limits,
            clock: Arc::new(ManualClock::at_ms(START_MS)),
            cache: None,
            plain: Plain::at_ms(START_MS),
            opened: Plain::default(),
            since_durable: Vec::new(),
            number: 0,
        };
        world.open(setting.limits)?;
        Ok(world)
    }

    pub fn run(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Insert(slot) => self.insert(slot)?,
            Operation::InsertDurable(key) => {
                let value = self.next();
                self.cache()
                    .insert_durable(key, episode(value))
                    .map_err(said)?;
                self.plain.put([((Table::Episodes, key.clone()), value)]);
                self.durable();
            }
            Operation::Batch(keys, durable) => self.batch(keys, *durable)?,
            Operation::Get(slot) => self.get(slot)?,
            Operation::Remove(slot) => {
                let was = self.removed(slot)?;
                same("removed", was, self.plain.remove(slot))?;
            }
            Operation::WriteRaw(key) => {
                let value = self.next();
                let bytes = value.to_string();
                let cache = self.cache();
                cache
                    .insert_raw("metadata", raw(key), bytes.as_bytes())
                    .map_err(said)?;
                self.plain.raw.insert(key.clone(), value);
            }
            Operation::RemoveRaw(key) => {
                self.cache()
                    .remove_raw("metadata", raw(key))
                    .map_err(said)?;
                self.plain.raw.remove(key);
            }
            Operation::AdvanceMs(by) => {
                self.clock.advance_ms(*by);
                self.plain.now_ms += by;
            }
            Operation::Expire => {
                let removed = self.cache().remove_expired().map_err(said)?;
                self.durable();
                same("expired", removed, self.plain.expire())?;
            }
            Operation::Flush => {
                self.cache().flush().map_err(said)?;
                self.durable();
            }
            Operation::Statistics => self.statistics()?,
            Operation::Reopen(limits) => {
                self.close()?;
                self.open(*limits)?;
            }
            Operation::Crash(limits) => self.crash(*limits)?,
            Operation::Sweep {
                ttl_ms,
                episodes,
                percent,
            } => {
                self.sweep(*ttl_ms, *episodes, *percent)?;
            }
            Operation::SweepByProgram(episodes) => self.sweep_by_program(*episodes)?,
            Operation::Compact(args) => self.compact(args)?,
        }
        self.since_durable.push(self.plain.clone());
        Ok(())
    }

    /// Closes the cache, whose file then says exactly what the model does.
    pub fn close(&mut self) -> Outcome {
        if let Some(cache) = self.cache.take() {
            cache.close().map_err(said)?;
        }
        self.durable();
        let plain = &self.plain;
        self.recorded()?.holds(plain, plain, plain)
    }

    fn open(&mut self, limits: Limits) -> Outcome {
        let config = RedbConfig {
            clock: self.clock.clone(),
            ..self.setting.config(limits)
        };
        self.cache = Some(RedbStorage::with_full_config(&self.path, config).map_err(said)?);
        self.plain.open(limits.episodes, limits.ttl_seconds);
        self.limits = limits;
        self.opened = self.plain.clone();
        self.durable();
        Ok(())
    }

    /// What the closed file holds.
    fn recorded(&self) -> Result<Recorded, String> {
        Recorded::read(&std::fs::read(&self.path).unwrap())
    }

    fn cache(&self) -> &RedbStorage {
        self.cache.as_ref().unwrap()
    }

    /// All until now is durable.
    fn durable(&mut self) {
        self.since_durable = vec![self.plain.clone()];
    }

    fn next(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    fn insert(&mut self, slot: &Slot) -> Outcome {
        let value = self.next();
        let (cache, key) = (self.cache(), &slot.1);
        match slot.0 {
            Table::Embeddings => cache.insert_as::<Embedding>(key, embedding(value)),
            Table::Summaries => cache.insert_as::<EpisodeSummary>(key, summary(value)),
            Table::RecommendationSessions => {
                cache.insert_as::<RecommendationSession>(key, session(value))
            }
            _ => cache.insert(key, episode(value)),
        }
        .map_err(said)?;
        self.plain.put([(slot.clone(), value)]);
        Ok(())
    }

    fn batch(&mut self, keys: &[String], durable: bool) -> Outcome {
        let numbered: Vec<_> = keys.iter().map(|key| (key, self.next())).collect();
        let rows = numbered.iter().map(|(key, value)| (*key, episode(*value)));
        let written = match durable {
            true => self.cache().insert_all::<Episode>(rows),
            false => self.cache().insert_all_buffered::<Episode>(rows),
        };
        written.map_err(said)?;
        let slot = |key: &String| (Table::Episodes, key.clone());
        self.plain
            .put(numbered.iter().map(|(key, value)| (slot(key), *value)));
        if durable {
            self.durable();
        }
        Ok(())
    }

    fn get(&mut self, slot: &Slot) -> Outcome {
        let value = self.plain.get(slot);
        let (cache, key) = (self.cache(), &slot.1);
        let read = match slot.0 {
            Table::Embeddings => read(cache, key, value.map(embedding)),
            Table::Summaries => read(cache, key, value.map(summary)),
            Table::RecommendationSessions => read(cache, key, value.map(session)),
            _ => {
                let read = cache.get(key).map_err(said)?;
                let task = read.map(|episode| episode.task_description.clone());
                same("read", task, value.map(|value| value.to_string()))
            }
        };
        read.map_err(|why| format!("{slot:?}: {why}"))
    }

    fn removed(&self, (table, key): &Slot) -> Result<bool, String> {
        match table {
            Table::Embeddings => self.cache().remove_as::<Embedding>(key),
            Table::Summaries => self.cache().remove_as::<EpisodeSummary>(key),
            Table::RecommendationSessions => self.cache().remove_as::<RecommendationSession>(key),
            _ => self.cache().remove(key),
        }
        .map_err(said)
    }

    fn statistics(&mut self) -> Outcome {
        let stats = self.cache().get_stats().map_err(said)?;
        self.durable();
        for (key, value) in &self.plain.raw {
            let read = self.cache().get_raw("metadata", raw(key)).map_err(said)?;
            same("raw row", read, Some(value.to_string().into_bytes()))?;
        }
        for (name, stats) in &stats.tables {
            let table = Table::from_name(name).unwrap();
            let counts = self.plain.counts.get(&table).copied().unwrap_or_default();
            same(name, stats.activity, counts)?;
            let rows = self
                .plain
                .rows
                .keys()
                .filter(|slot| slot.0 == table)
                .count();
            same(name, stats.entries, rows as u64)?;
        }
        let recorded = Recorded::read(&self.left_by_a_crash())?;
        recorded.holds(&self.plain, &self.opened, &self.plain)
    }

    /// What a process that is killed now leaves: the file as it is, since what was written stays in
    /// the system's memory. Two equal readings say how it was between them.
    fn left_by_a_crash(&self) -> Vec<u8> {
        let mut bytes = std::fs::read(&self.path).unwrap();
        loop {
            let again = std::fs::read(&self.path).unwrap();
            if again == bytes {
                return bytes;
            }
            bytes = again;
        }
    }

    fn crash(&mut self, limits: Limits) -> Outcome {
        let left = self.left_by_a_crash();
        drop(self.cache.take());
        std::fs::write(&self.path, &left).unwrap();
        let recorded = Recorded::read(&left)?;
        let mut why = String::new();
        // The last that fits: states that differ in their uses alone are told apart by those.
        for state in self.since_durable.iter().rev() {
            match recorded.holds(state, &self.opened, &self.plain) {
                Ok(()) => {
                    let now_ms = self.plain.now_ms;
                    self.plain = state.clone();
                    // The clock knows nothing of the crash.
                    self.plain.now_ms = now_ms;
                    recorded.adopt(&mut self.plain);
                    return self.open(limits);
                }
                Err(reason) => why = reason,
            }
        }
        let states = self.since_durable.len();
        Err(format!("none of {states} states; the oldest: {why}"))
    }

    fn sweep(
        &mut self,
        ttl_ms: Option<i64>,
        episodes: Option<u64>,
        percent: Option<u64>,
    ) -> Outcome {
        self.close()?;
        let lengths = self.recorded()?.lengths();
        let all: u64 = lengths.values().sum();
        let bounds = Bounds {
            ttl_ms,
            max_episodes: episodes,
            max_bytes: percent.map(|percent| all * percent / 100),
        };
        let db = redb::Database::open(&self.path).unwrap();
        let view = View::new(db.begin_read().unwrap());
        let plan = sweep::plan(&view, &bounds, self.plain.now_ms).map_err(said)?;
        drop(view);
        sweep::remove(&db, &plan.doomed).map_err(said)?;
        drop(db);
        self.plain.sweep(&bounds, &lengths);
        self.reopen()
    }

    fn sweep_by_program(&mut self, episodes: u64) -> Outcome {
        self.close()?;
        let limit = episodes.to_string();
        program(&self.path, &["sweep", "--max-entries", &limit])?;
        let bounds = Bounds {
            max_episodes: Some(episodes),
            ..Bounds::default()
        };
        // By its clock nothing has expired yet.
        let now_ms = std::mem::replace(&mut self.plain.now_ms, 0);
        let lengths = self.plain.rows.keys().map(|slot| (slot.clone(), 0));
        let lengths = lengths.collect();
        self.plain.sweep(&bounds, &lengths);
        self.plain.now_ms = now_ms;
        self.reopen()
    }

    fn compact(&mut self, args: &[&str]) -> Outcome {
        self.close()?;
        program(&self.path, args)?;
        self.reopen()
    }

    /// Opens the file after the closed one was worked on.
    fn reopen(&mut self) -> Outcome {
        self.close()?;
        self.open(self.limits)
    }
}

fn program(path: &Path, args: &[&str]) -> Outcome {
    let output = common::run(path, args);
    match output.status.code() {
        Some(0) => Ok(()),
        _ => Err(format!("{args:?}: {output:?}")),
    }
}

fn read<T: Stored + PartialEq + std::fmt::Debug>(
    cache: &RedbStorage,
    key: &str,
    value: Option<T>,
) -> Outcome {
    let read = cache.get_as::<T>(key).map_err(said)?;
    same("read", read.as_deref(), value.as_ref())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Outcome {
    match is == should {
        true => Ok(()),
        false => Err(format!("{what}: {is:?} instead of {should:?}")),
    }
}

fn said(error: redb_cache::Error) -> String {
    format!("an error: {error}")
}

fn raw(key: &str) -> String {
    format!("raw{key}")
}
