//! A folder in which somebody else plants links, pipes and devices, and strange names.

mod names;
mod staged;
mod swapped;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::attempt::{Attempt, attempt, panics_nowhere};
use crate::common;
use crate::figures::{Count, is_long};
use crate::scene::{VERBS, Verb, ensure};

const SECRET: &[u8] = b"nobody but its owner may change this";

/// What reads, besides the verbs that change a cache.
const READERS: &[&[&str]] = &[
    &["inspect"],
    &["inspect", "episodes"],
    &["stats"],
    &["health", "--deep"],
    &["export"],
    &["compact", "--dry-run"],
    &["sweep", "--dry-run"],
    &["clear", "--all", "--dry-run"],
    &["migrate", "--dry-run"],
    &["diff", "--from", "@store"],
];

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("attacks: the path is something else", paths),
        Trial::test("attacks: names planted beforehand", planted),
        Trial::test("attacks: modes under any umask", modes),
        Trial::test("attacks: other links to the cache", hard_links),
    ];
    trials.extend(names::trials());
    trials.extend(staged::trials());
    trials.extend(swapped::trials());
    trials
}

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

    fn plant(&self, what: &str, name: &str) {
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

/// It ends with an exit code that is published, or 1 and a reason.
pub fn ends(ended: &Attempt) -> Result<(), String> {
    panics_nowhere(&ended.stderr)?;
    ensure(matches!(ended.code, Some(0..=3 | 10..=18)), || {
        format!("it hangs or ends so: {:?} {}", ended.code, ended.said())
    })
}

fn all_verbs() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    let writers = VERBS.iter().map(|verb| (verb.fixture, verb.args));
    let readers = READERS.iter().map(|args| ("0.1.47", *args));
    writers.chain(readers)
}

/// Every verb on a path that names something else than a file.
fn paths() -> Result<(), Failed> {
    let mut count = Count::of("attacks: paths");
    for what in [
        "link",
        "dangling link",
        "loop",
        "pipe",
        "folder",
        "full folder",
        "socket",
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "link to a cache",
    ] {
        for (fixture, args) in all_verbs() {
            let held = on_a(what, fixture, args);
            count.case(held.map_err(|why| format!("{what}: {args:?}: {why}")));
        }
    }
    count.end()
}

fn on_a(what: &str, fixture: &str, args: &[&str]) -> Result<(), String> {
    let place = Place::bare(fixture);
    if what != "link to a cache" {
        fs::remove_file(place.cache()).unwrap();
    }
    place.plant(what, "cache.redb");
    let before = fs::symlink_metadata(place.cache()).unwrap();
    let ended = place.run(args);
    ends(&ended)?;
    place.harms_nobody()?;
    let after = fs::symlink_metadata(place.cache()).unwrap();
    ensure(
        before.ino() == after.ino() && before.mode() == after.mode(),
        || format!("the path is another thing: {}", ended.said()),
    )?;
    // There is no backup to go back to.
    let works = what == "link to a cache" && !args.contains(&"--rollback");
    ensure(
        works == matches!(ended.code, Some(0 | 3)) || args.contains(&"health"),
        || format!("exit {:?}: {}", ended.code, ended.said()),
    )?;
    ensure(
        !common::names(place.folder())
            .iter()
            .any(|name| name.starts_with('.')),
        || format!("it leaves {:?}", common::names(place.folder())),
    )
}

/// The names that a verb makes files under.
const MADE: &[&str] = &[
    ".cache.redb.redb-cache-stage",
    ".cache.redb.redb-cache-part",
    ".cache.redb.redb-cache-lock",
    "cache.redb.backup-1",
    "cache.redb.migrated-1",
    "cache.redb.quarantine-1",
    ".cache.redb.quarantine-1.redb-cache-part",
    ".cache.redb.quarantine-1.redb-cache-lock",
    "kept",
    ".kept.redb-cache-part",
    ".kept.redb-cache-lock",
    "new.redb",
    ".new.redb.redb-cache-part",
    ".new.redb.redb-cache-lock",
];

fn planted() -> Result<(), Failed> {
    let mut count = Count::of("attacks: planted names");
    let mut n = 0;
    for verb in VERBS {
        for name in MADE {
            let of = |word: &str| !name.contains(word) || verb.args.contains(&&*format!("@{word}"));
            if !of("kept") || !of("new.redb") {
                continue;
            }
            for what in [
                "link",
                "dangling link",
                "link to the cache",
                "second name",
                "pipe",
                "folder",
                "full folder",
                "socket",
                "loop",
            ] {
                n += 1;
                if n % 2 == 0 && !is_long() {
                    continue;
                }
                let held = beside_a(what, name, verb);
                count.case(held.map_err(|why| format!("{name} is a {what}: {}: {why}", verb.what)));
            }
        }
    }
    count.end()
}

fn beside_a(what: &str, name: &str, verb: &Verb) -> Result<(), String> {
    let place = Place::of(verb);
    if fs::symlink_metadata(place.path(name)).is_ok() {
        return Ok(());
    }
    let existed = place.cache().exists();
    place.plant(what, name);
    let ended = place.run(verb.args);
    ends(&ended)?;
    place.harms_nobody()?;
    if existed {
        place.is_whole()?;
        let metadata = fs::symlink_metadata(place.cache()).unwrap();
        ensure(
            metadata.is_file() && metadata.mode() & 0o777 == 0o644,
            || format!("the cache is now {metadata:?}"),
        )?;
    }
    ensure(
        what != "full folder" || place.path(name).join("file").exists(),
        || "a folder was emptied".to_owned(),
    )
}

/// Whatever the umask lets through, no file is open to more than the cache was.
fn modes() -> Result<(), Failed> {
    let mut count = Count::of("attacks: modes");
    for verb in VERBS {
        for mode in [0o600, 0o640, 0o400, 0o644, 0o666] {
            for umask in ["000", "077"] {
                let held = with_mode(verb, mode, umask);
                let why = |why| format!("{}: mode {mode:o}, umask {umask}: {why}", verb.what);
                count.case(held.map_err(why));
            }
        }
    }
    count.end()
}

fn with_mode(verb: &Verb, mode: u32, umask: &str) -> Result<(), String> {
    let place = Place::of(verb);
    let chmod = |name: &str| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.path(name), permissions).unwrap();
    };
    let before = common::names(place.folder());
    before.iter().for_each(|name| chmod(name));
    let kept = before.contains(&"cache.redb".to_owned());
    let program = place.program(&place.cache(), verb.args);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("umask {umask}; exec \"$@\""), "-"])
        .arg(program.get_program())
        .args(program.get_args());
    let ended = attempt(&shell);
    ends(&ended)?;
    for name in common::names(place.folder()) {
        let found = fs::metadata(place.path(&name)).unwrap().mode() & 0o777;
        // Its owner may write what is new.
        let allowed = if kept { mode | 0o600 } else { 0o600 };
        let allowed = if before.contains(&name) {
            mode
        } else {
            allowed
        };
        ensure(found & !allowed == 0, || {
            format!("{name} has mode {found:o}")
        })?;
        ensure(name != "cache.redb" || !kept || found == mode, || {
            format!("the cache has mode {found:o}")
        })?;
    }
    Ok(())
}

/// Another name of the cache is left with the old or the new, whole.
fn hard_links() -> Result<(), Failed> {
    let mut count = Count::of("attacks: other links to the cache");
    for verb in VERBS {
        let place = Place::of(verb);
        if !place.cache().exists() {
            continue;
        }
        let other = place.path("other.redb");
        fs::hard_link(place.cache(), &other).unwrap();
        let bytes = fs::read(&other).unwrap();
        let ended = place.run(verb.args);
        let swapped = matches!(verb.steps, crate::scene::Steps::Swap { .. });
        let held = ends(&ended).and_then(|()| {
            ensure(!swapped || fs::read(&other).unwrap() == bytes, || {
                "the other link is changed".to_owned()
            })
        });
        let held = held.and_then(|()| place.is_whole());
        count.case(held.map_err(|why| format!("{}: {why}", verb.what)));
    }
    count.end()
}

/// What kind of file it is, for messages.
pub fn kind_of(path: &Path) -> &'static str {
    match fs::symlink_metadata(path) {
        Err(_) => "nothing",
        Ok(found) if found.is_symlink() => "a link",
        Ok(found) if found.is_dir() => "a folder",
        Ok(found) if found.file_type().is_fifo() => "a pipe",
        Ok(_) => "a file",
    }
}
