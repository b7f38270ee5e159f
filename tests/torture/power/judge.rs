//! What an image must hold, at the moment at which it is found.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redb::ReadableTable;
use redb_cache::Concurrency;
use redb_cache::cache::record::{self, Episode};
use redb_cache::cache::{Table, View, contents};
use redb_cache::file::{self, ReadOptions, guard};
use tempfile::TempDir;

use super::verbs::{CACHE, Verb, Way};
use super::writer::{self, Newest};
use crate::images::{Content, Disk, Fate, Image};
use crate::recording::{Op, Recording};

/// Rows and a digest for each table, of the engine's own as well.
type Held = BTreeMap<String, (u64, u128)>;

/// A state of the cache; `None` where the path names no complete cache.
type State = Option<usize>;

/// Knows which states the cache went through, and which of them may be found when.
pub struct Judge<'a> {
    verb: &'a Verb,
    reader: Reader,
    /// The states one after another, if nothing is lost.
    past: Vec<State>,
    /// For each moment: the first of them that may be found, and the last.
    bounds: Vec<(usize, usize)>,
    /// For each moment: what the agent had been told to be durable.
    promised: Vec<Newest>,
    /// The bytes of the original, where there was one.
    original: Option<u128>,
    /// Since the moment when the program had said that all is done.
    ended: usize,
    /// What it left.
    after: State,
}

impl<'a> Judge<'a> {
    /// Goes through the recording once with nothing lost, and once with all lost that may be.
    pub fn of(verb: &'a Verb, recording: &'a Recording) -> Self {
        guard::hush_caught_panics();
        let mut judge = Self {
            verb,
            reader: Reader::new(verb),
            past: Vec::new(),
            bounds: Vec::new(),
            promised: Vec::new(),
            original: None,
            ended: recording.ops.len(),
            after: None,
        };
        let mut disk = Disk::before(recording);
        let before = disk.image(&[]);
        judge.original = before.get(CACHE).map(|content| content.digest);
        let mut newest = Newest::new();
        loop {
            judge.note_moment(&disk, &newest);
            match disk.step() {
                None => break,
                Some(Op::Said(said)) => writer::note(&mut newest, said),
                Some(Op::Exit(code)) => assert_eq!(*code, 0, "{} failed", verb.name),
                Some(_) => {}
            }
        }
        judge.after = *judge.past.last().unwrap();
        assert!(matches!(recording.ops.last(), Some(Op::Exit(0))));
        assert_ne!(judge.after, judge.past[0], "{} did nothing", verb.name);
        judge
    }

    fn note_moment(&mut self, disk: &Disk<'_>, newest: &Newest) {
        let now = self
            .reader
            .state(&disk.image(&vec![Fate::Kept; disk.unsynced()]));
        if self.past.last() != Some(&now) {
            self.past.push(now);
        }
        let last = self.past.len() - 1;
        // What is durable may not be lost again. A state that should never be found is told then.
        let durable = self
            .reader
            .state(&disk.image(&vec![Fate::Lost; disk.unsynced()]));
        let from = self.bounds.last().map_or(0, |(first, _)| *first);
        let found = (from..=last).rev().find(|at| self.past[*at] == durable);
        self.bounds.push((found.unwrap_or(from), last));
        self.promised.push(newest.clone());
    }

    /// Whether this may be found at that moment.
    pub fn image(&mut self, moment: usize, image: &Image) -> Result<(), String> {
        let state = self.reader.state(image);
        let (first, last) = self.bounds[moment];
        if !self.past[first..=last].contains(&state) {
            return Err(match (state, image.get(CACHE)) {
                (Some(_), _) => "the cache is neither old nor new".into(),
                (None, None) => "there is no cache".into(),
                (None, Some(content)) => format!(
                    "the cache is not complete: {}",
                    self.reader.why(content.digest)
                ),
            });
        }
        if moment >= self.ended && state != self.after {
            return Err("the command had exited with 0, and what it did is not there".into());
        }
        self.require_backup(state, image)?;
        self.require_promised(moment, state)
    }

    /// The original is kept as soon as the cache is another, and never under its name but whole.
    fn require_backup(&self, state: State, image: &Image) -> Result<(), String> {
        let Some(name) = self.verb.backup else {
            return Ok(());
        };
        match image.get(name) {
            Some(backup) if Some(backup.digest) == self.original => Ok(()),
            Some(_) => Err("the backup is not the original".into()),
            None if state == self.past[0] => Ok(()),
            None => Err("the cache is another, and the original is not kept".into()),
        }
    }

    fn require_promised(&self, moment: usize, state: State) -> Result<(), String> {
        let none = Newest::new();
        let newest = state.map_or(&none, |state| &self.reader.states[state].newest);
        for (key, n) in &self.promised[moment] {
            if newest.get(key).is_none_or(|found| found < n) {
                let found = newest.get(key);
                return Err(format!(
                    "{key}={n} was acknowledged, and found is {found:?}"
                ));
            }
        }
        Ok(())
    }

    /// Whether what is found is so unlike a cache that whether the verb copes with it is always
    /// tried.
    pub fn wants_rerun(&self, image: &Image) -> bool {
        let content = image.get(CACHE);
        content.is_some_and(|content| self.reader.known[&content.digest].is_err())
    }

    /// Runs the verb again on what was found, with nothing cleaned by hand.
    pub fn rerun(&mut self, image: &Image) -> Result<(), String> {
        let folder = memory_folder();
        for (name, content) in image {
            std::fs::write(folder.path().join(name), &content.bytes).unwrap();
        }
        if self.verb.way == Way::Writes {
            return self.reopen(&folder.path().join(CACHE));
        }
        let output = self.verb.command_again(folder.path()).output().unwrap();
        if output.status.code() != Some(0) {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if file::is_unfinished(&path) {
                return Err(format!("{} is left", path.display()));
            }
        }
        let (found, _) = held(&folder.path().join(CACHE), false)?;
        let after = &self.reader.states[self.after.expect("a state")].held;
        // Notes of when it was done differ.
        let rows = |held: &Held| -> Vec<(String, u64)> {
            held.iter()
                .map(|(name, (rows, _))| (name.clone(), *rows))
                .collect()
        };
        if rows(&found) == rows(after) {
            return Ok(());
        }
        Err(format!("{:?} instead of {:?}", rows(&found), rows(after)))
    }

    fn reopen(&self, cache: &Path) -> Result<(), String> {
        let write = || {
            let cache = writer::open(cache, Concurrency::default())?;
            cache.insert_durable("again", crate::common::long_episode(0))?;
            cache.close()
        };
        write().map_err(|error| error.to_string())
    }
}

/// What was found in a complete cache.
struct Found {
    digest: u128,
    held: Held,
    newest: Newest,
}

/// Reads caches, each once.
struct Reader {
    folder: TempDir,
    way: Way,
    /// By the digest of the file.
    known: HashMap<u128, Result<usize, String>>,
    states: Vec<Found>,
}

impl Reader {
    fn new(verb: &Verb) -> Self {
        Self {
            folder: memory_folder(),
            way: verb.way,
            known: HashMap::new(),
            states: Vec::new(),
        }
    }

    fn state(&mut self, image: &Image) -> State {
        let content = image.get(CACHE)?;
        if !self.known.contains_key(&content.digest) {
            let read = self.read(content);
            self.known.insert(content.digest, read);
        }
        self.known[&content.digest].as_ref().ok().copied()
    }

    fn why(&self, digest: u128) -> &str {
        self.known[&digest]
            .as_ref()
            .err()
            .map_or("", String::as_str)
    }

    fn read(&mut self, content: &Content) -> Result<usize, String> {
        let path = self.folder.path().join(CACHE);
        std::fs::write(&path, &content.bytes).unwrap();
        let (held, newest) = held(&path, self.way == Way::Writes)?;
        // A file that takes the place of another is that very file, also where it holds the same.
        let is_same = |state: &Found| match self.way {
            Way::Replaces => state.digest == content.digest,
            _ => state.held == held,
        };
        let known = self.states.iter().position(is_same);
        Ok(known.unwrap_or_else(|| {
            self.states.push(Found {
                digest: content.digest,
                held,
                newest,
            });
            self.states.len() - 1
        }))
    }
}

/// Reads all of a cache, every page verified, as redb's own repair leaves it.
fn held(path: &Path, of_engine: bool) -> Result<(Held, Newest), String> {
    let options = ReadOptions {
        lock_timeout: Duration::ZERO,
        verify: true,
    };
    let read = file::read(path, &options, |snapshot| {
        let mut held = Held::new();
        for table in snapshot.tables()? {
            held.insert(table.name.clone(), contents::of_table(snapshot, &table)?);
        }
        let mut newest = Newest::new();
        if let (true, Some(txn)) = (of_engine, snapshot.transaction()) {
            let view = View::new(Arc::clone(txn));
            let rows = view.rows(Table::Episodes)?;
            for row in rows.into_iter().map(|rows| rows.iter()) {
                for row in row? {
                    let (key, stored) = row?;
                    let episode = record::decode::<Episode>(stored.value())?;
                    newest.extend(writer::written(key.value(), &episode));
                }
            }
        }
        Ok((held, newest))
    });
    read.map_err(|error| error.to_string())
}

/// A folder on no disk, where there is one.
fn memory_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}
