//! A folder in which somebody else plants links, pipes and devices, and strange names.

mod names;
mod place;
mod staged;
mod swapped;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use libtest_mimic::{Failed, Trial};

pub use self::place::Place;
use crate::attempt::{Attempt, attempt, panics_nowhere};
use crate::common;
use crate::figures::{Count, is_long};
use crate::scene::{VERBS, Verb, ensure};

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
