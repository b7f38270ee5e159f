//! Where an attack takes place, and who may come to harm.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::attempt::{Attempt, attempt};
use crate::common;
use crate::scene::{Verb, ensure};

const SECRET: &[u8] = b"nobody but its owner may change this";

/// A folder with a cache, its store, and outside of it the file of a victim.
pub struct Place {
    folder: TempDir,
    outside: TempDir,
}

impl Place {
    pub fn of(verb: &Verb) -> Self {
        let place = Self::bare(verb.fixture);
        for args in verb.before {
            match args {
                ["rm", name] => fs::remove_file(place.path(name)).unwrap(),
                _ => drop(place.run(args)),
            }
        }
        place
    }

    pub fn bare(fixture: &str) -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
            outside: tempfile::tempdir().unwrap(),
        };
        for (from, to) in [("cache.redb", "cache.redb"), ("turso.db", "store")] {
            let bytes = fs::read(common::fixture(fixture).join(from)).unwrap();
            fs::write(place.path(to), bytes).unwrap();
        }
        fs::write(place.victim(), SECRET).unwrap();
        place
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn cache(&self) -> PathBuf {
        self.path("cache.redb")
    }

    pub fn victim(&self) -> PathBuf {
        self.outside.path().join("victim")
    }

    /// Nothing is there until somebody makes it.
    pub fn absent(&self) -> PathBuf {
        self.outside.path().join("absent")
    }

    pub fn program(&self, cache: &Path, args: &[&str]) -> Command {
        let args: Vec<_> = args
            .iter()
            .map(|arg| match arg.strip_prefix('@') {
                Some(name) => self.path(name).to_str().unwrap().to_owned(),
                None => (*arg).to_owned(),
            })
            .collect();
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        common::program(cache, &args)
    }

    pub fn run(&self, args: &[&str]) -> Attempt {
        attempt(&self.program(&self.cache(), args))
    }

    /// The victim is as it was, and what was absent still is.
    pub fn harms_nobody(&self) -> Result<(), String> {
        ensure(fs::read(self.victim()).unwrap() == SECRET, || {
            "the victim is changed".to_owned()
        })?;
        let metadata = fs::metadata(self.victim()).unwrap();
        ensure(
            metadata.mode() & 0o777 == 0o644 || metadata.nlink() > 1,
            || format!("the victim has mode {:o}", metadata.mode()),
        )?;
        ensure(!self.absent().exists(), || {
            "it made a file elsewhere".to_owned()
        })
    }

    /// The cache can be read, in whichever state.
    pub fn is_whole(&self) -> Result<(), String> {
        let output = common::run(&self.cache(), &["export"]);
        ensure(matches!(output.status.code(), Some(0 | 3)), || {
            format!("the cache is broken: {output:?}")
        })
    }

    pub fn plant(&self, what: &str, name: &str) {
        let path = self.path(name);
        match what {
            "link" => symlink(self.victim(), path).unwrap(),
            "dangling link" => symlink(self.absent(), path).unwrap(),
            "loop" => symlink(&path, &path).unwrap(),
            "link to the cache" => symlink(self.cache(), path).unwrap(),
            "second name" => fs::hard_link(self.victim(), path).unwrap(),
            "pipe" => {
                let made = Command::new("mkfifo").arg(path).status().unwrap();
                assert!(made.success());
            }
            "folder" => fs::create_dir(path).unwrap(),
            "full folder" => {
                fs::create_dir(&path).unwrap();
                fs::write(path.join("file"), SECRET).unwrap();
            }
            "socket" => drop(UnixListener::bind(path).unwrap()),
            "/dev/null" | "/dev/zero" | "/dev/full" => symlink(what, path).unwrap(),
            "link to a cache" => {
                fs::rename(self.cache(), self.path("elsewhere.redb")).unwrap();
                symlink(self.path("elsewhere.redb"), path).unwrap();
            }
            _ => panic!("what is a {what}?"),
        }
    }
}
