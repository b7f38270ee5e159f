//! A verb that changes a cache, on a cache of its own, and what must be true of that at any moment.

mod checks;
mod verbs;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chrono::SecondsFormat;
use serde_json::Value;
use tempfile::TempDir;

use crate::common;
pub use verbs::{Steps, VERBS, Verb};

/// The rows that a cache exports, as lines of JSON.
type Rows = BTreeSet<String>;

/// The folder of a cache, before and after the verb.
pub struct Scene<'a> {
    pub verb: &'a Verb,
    folder: TempDir,
    /// When it was set.
    began: String,
    /// The files before.
    given: BTreeMap<String, Vec<u8>>,
    /// How it ends undisturbed.
    exit: i32,
    /// What the target may hold, from the old to the new.
    states: Vec<Rows>,
}

/// `Err(why)` unless it held.
pub fn ensure(held: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if held { Ok(()) } else { Err(why()) }
}

/// As do-memory writes times.
pub fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// A text without the times that are not before `began`, which say when a verb ran.
pub fn without_since(began: &str, text: &str) -> String {
    let mut parts: Vec<_> = text.split('"').collect();
    for part in &mut parts {
        if part.starts_with("20") && part.ends_with('Z') && *part >= began {
            *part = "now";
        }
    }
    parts.join("\"")
}

impl<'a> Scene<'a> {
    /// Sets the scene, and lets the verb run once to see what comes of it.
    pub fn set(verb: &'a Verb) -> Self {
        Self::set_in(verb, tempfile::tempdir().unwrap())
    }

    /// The same in a folder that is given.
    pub fn set_in(verb: &'a Verb, folder: TempDir) -> Self {
        let copy = |name: &str, to: &str| {
            let from = common::fixture(verb.fixture).join(name);
            fs::write(folder.path().join(to), fs::read(from).unwrap()).unwrap();
        };
        copy("cache.redb", "cache.redb");
        if verb.args.contains(&"@store") {
            copy("turso.db", "store");
        }
        let mut scene = Self {
            verb,
            folder,
            began: now(),
            given: BTreeMap::new(),
            exit: 0,
            states: Vec::new(),
        };
        for args in verb.before {
            match args {
                ["rm", name] => fs::remove_file(scene.path(name)).unwrap(),
                ["left", name] => common::leave_open(&scene.path(name)),
                _ => assert!(scene.command(args).output().unwrap().status.success()),
            }
        }
        for name in scene.names() {
            let bytes = fs::read(scene.path(&name)).unwrap();
            scene.given.insert(name, bytes);
        }
        scene.look_ahead();
        scene
    }

    fn look_ahead(&mut self) {
        let old = match self.given.contains_key(self.verb.target) {
            true => self.export().unwrap(),
            false => Rows::new(),
        };
        let doomed = self.doomed();
        let output = self.run();
        self.exit = output.status.code().unwrap();
        assert!([0, 3].contains(&self.exit), "{output:?}");
        let new = self.export().unwrap();
        let mut states = vec![old];
        for batch in doomed {
            let mut left = states.last().unwrap().clone();
            left.retain(|row| !batch.iter().any(|begin| row.starts_with(begin)));
            states.push(left);
        }
        if doomed_in_file(self.verb.steps) {
            assert!(states.last() == Some(&new), "the verb does something else");
        } else {
            states.push(new);
        }
        self.states = states;
        self.reset();
    }

    /// How the rows begin that each step in the file removes.
    fn doomed(&self) -> Vec<Vec<String>> {
        // The revision of an episode goes with it.
        let begins = |table: &Value, rest: &str| {
            let tables: &[_] = match table.as_str().unwrap() {
                "episodes" => &["episodes", "episode_revisions"],
                other => &[other],
            };
            let begin = |table: &&str| format!("{{\"table\":\"{table}\",{rest}");
            tables.iter().map(begin).collect::<Vec<_>>()
        };
        let plan = || {
            let args = [self.verb.args, &["--dry-run"]].concat();
            let args: Vec<_> = args.iter().map(|arg| self.word(arg)).collect();
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            common::json(&self.path("cache.redb"), &args, 0)
        };
        match self.verb.steps {
            Steps::Swap { .. } => Vec::new(),
            Steps::Tables => {
                let plan = plan();
                let tables = plan["tables"].as_array().unwrap().iter();
                tables.map(|share| begins(&share["table"], "")).collect()
            }
            Steps::Rows(at_a_time) => {
                let plan = plan();
                let rows = plan["would_remove"].as_array().unwrap();
                let row = |row: &Value| begins(&row["table"], &format!("\"key\":{},", row["key"]));
                let mut batches: Vec<Vec<&Value>> = Vec::new();
                for row in rows {
                    // What hangs on an episode goes with it.
                    let hangs = row["reason"] == "dependent";
                    match batches.last_mut() {
                        Some(batch) if hangs || batch.len() < at_a_time => batch.push(row),
                        _ => batches.push(vec![row]),
                    }
                }
                let batch = |rows: Vec<&Value>| rows.into_iter().flat_map(row).collect();
                batches.into_iter().map(batch).collect()
            }
        }
    }

    /// The folder as it was before the verb.
    pub fn reset(&self) {
        for name in self.names() {
            fs::remove_file(self.path(&name)).unwrap();
        }
        for (name, bytes) in &self.given {
            fs::write(self.path(name), bytes).unwrap();
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The names in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        common::names(self.folder.path())
    }

    /// Every path in the folder that the program may touch.
    pub fn paths(&self) -> Vec<PathBuf> {
        paths_in(self.folder())
    }

    fn word(&self, word: &str) -> String {
        match word.strip_prefix('@') {
            Some(name) => self.path(name).to_str().unwrap().to_owned(),
            None => word.to_owned(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let args: Vec<_> = args.iter().map(|arg| self.word(arg)).collect();
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        common::program(&self.path("cache.redb"), &args)
    }

    /// The verb, to be run.
    pub fn program(&self) -> Command {
        self.command(self.verb.args)
    }

    fn run(&self) -> Output {
        self.program().output().unwrap()
    }

    /// Whether this is how the verb ends when nothing goes wrong.
    pub fn is_success(&self, output: &Output) -> bool {
        output.status.code() == Some(self.exit)
    }

    fn export(&self) -> Result<Rows, String> {
        let output = common::run(&self.path(self.verb.target), &["export"]);
        ensure(output.status.success(), || {
            format!("{} cannot be exported: {output:?}", self.verb.target)
        })?;
        let rows = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
        Ok(rows
            .lines()
            .map(|row| without_since(&self.began, row))
            .collect())
    }
}

/// Every path in a folder that one of [`VERBS`] may touch.
pub fn paths_in(folder: &Path) -> Vec<PathBuf> {
    let names = [
        "cache.redb",
        ".cache.redb.redb-cache-stage",
        ".cache.redb.redb-cache-part",
        ".cache.redb.redb-cache-lock",
        "cache.redb.backup-1",
        "cache.redb.migrated-1",
        "kept",
        ".kept.redb-cache-part",
        ".kept.redb-cache-lock",
        "new.redb",
        ".new.redb.redb-cache-part",
        ".new.redb.redb-cache-lock",
        "store",
        "store-wal",
        "store-shm",
    ];
    let paths = names.into_iter().map(|name| folder.join(name));
    paths.chain([folder.to_owned()]).collect()
}

const fn doomed_in_file(steps: Steps) -> bool {
    !matches!(steps, Steps::Swap { .. })
}
