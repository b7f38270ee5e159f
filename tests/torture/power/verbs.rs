//! The verbs that write, each on a cache for which it has much to do.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::writer;
use crate::common::{copy_of, leave_open, program, store_of};

/// The name of the cache in its folder.
pub const CACHE: &str = "cache.redb";

/// How a verb works.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It puts another file in the place of the cache.
    Replaces,
    /// It changes the cache in transactions, each of which leaves a complete cache.
    InPlace,
    /// The engine in an agent, which makes the cache and says of each write that it is durable.
    Writes,
}

/// What is done to a cache before.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    Run(&'static [&'static str]),
    /// Its last writer was killed.
    LeftOpen,
}

/// A verb as it is recorded.
pub struct Verb {
    pub name: &'static str,
    pub way: Way,
    /// Where the original must be, byte by byte, as soon as the cache is another.
    pub backup: Option<&'static str>,
    fixture: Option<&'static str>,
    /// What comes before.
    prepared: Before,
    args: &'static [&'static str],
}

/// All that write.
pub fn all() -> Vec<Verb> {
    let verb = |name, way, fixture, args, backup| Verb {
        name,
        way,
        backup,
        fixture,
        prepared: Before::Nothing,
        args,
    };
    let replaces =
        |name, fixture, args, backup| verb(name, Way::Replaces, Some(fixture), args, Some(backup));
    let numbered = "cache.redb.backup-1";
    vec![
        replaces(
            "migrate file format v2",
            "0.1.6-real-a",
            &["migrate"],
            numbered,
        ),
        replaces("migrate file format v3", "0.1.22", &["migrate"], numbered),
        replaces(
            "compact",
            "0.1.47",
            &["compact", "--backup", "kept.redb"],
            "kept.redb",
        ),
        Verb {
            prepared: Before::Run(&["migrate"]),
            ..replaces(
                "rollback",
                "0.1.22",
                &["migrate", "--rollback", "--yes"],
                "cache.redb.migrated-1",
            )
        },
        Verb {
            prepared: Before::LeftOpen,
            ..replaces("repair", "0.1.47", &["repair", "--yes"], numbered)
        },
        replaces(
            "rebuild",
            "0.1.47",
            &["rebuild", "--yes", "--from"],
            numbered,
        ),
        verb(
            "clear",
            Way::InPlace,
            Some("0.1.47"),
            &["clear", "--all", "--yes", "--backup", "kept.redb"],
            Some("kept.redb"),
        ),
        verb(
            "sweep",
            Way::InPlace,
            Some("0.1.47"),
            &["sweep", "--max-entries", "10", "--batch", "20"],
            None,
        ),
        verb("engine single writer", Way::Writes, None, &["single"], None),
        verb(
            "engine exclusive writer",
            Way::Writes,
            None,
            &["exclusive"],
            None,
        ),
        verb("engine multi writer", Way::Writes, None, &["multi"], None),
    ]
}

impl Verb {
    /// A folder with the cache, and what is to be run in it.
    pub fn prepare(&self) -> (TempDir, Command) {
        let folder = match self.fixture {
            Some(name) => copy_of(name).0,
            None => tempfile::tempdir().unwrap(),
        };
        match self.prepared {
            Before::Nothing => {}
            Before::Run(args) => {
                let run = self.command_with(folder.path(), args).output().unwrap();
                assert!(run.status.success(), "{run:?}");
            }
            Before::LeftOpen => leave_open(&folder.path().join(CACHE)),
        }
        let command = self.command(folder.path());
        (folder, command)
    }

    /// The verb on the cache in this folder.
    pub fn command(&self, folder: &Path) -> Command {
        self.command_with(folder, self.args)
    }

    /// The same once more. In-place work never overwrites a backup: the README asks for another
    /// name.
    pub fn command_again(&self, folder: &Path) -> Command {
        let is_taken = |arg: &str| Some(arg) == self.backup && folder.join(arg).exists();
        let again = |arg: &&'static str| match *arg {
            arg if self.way == Way::InPlace && is_taken(arg) => "again.redb",
            arg => arg,
        };
        let args: Vec<_> = self.args.iter().map(again).collect();
        self.command_with(folder, &args)
    }

    fn command_with(&self, folder: &Path, args: &[&str]) -> Command {
        let cache = folder.canonicalize().unwrap().join(CACHE);
        let mut command = match self.way {
            Way::Writes => writer::command(&cache, args[0]),
            _ => program(&cache, args),
        };
        if args.last() == Some(&"--from") {
            command.arg(store_of(self.fixture.unwrap()).unwrap());
        }
        command.current_dir(folder);
        command
    }
}
