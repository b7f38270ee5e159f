//! The stage is somebody else's when it is to be made, or holds something else than what was written
//! when it comes to be verified.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use redb::TableDefinition;

use super::Place;
use super::swapped::{self, Stopped};
use crate::attempt::panics_nowhere;
use crate::common;
use crate::figures::Count;
use crate::scene::{Steps, VERBS, Verb, ensure, paths_in};
use crate::strace::{self, Point, Strace};

const STAGE: &str = ".cache.redb.redb-cache-stage";
/// Bytes at the beginning of a stage that a bad disk leaves alone.
const SPARED: usize = 16 << 10;

/// Changes a stage.
type Lie = fn(&Path);

/// What the stage holds then.
const LIES: [(&str, Lie); 2] = [
    ("pages that were never written", lose_pages),
    ("a whole cache without one of the rows", lose_a_row),
];

pub fn trials() -> Vec<Trial> {
    let swaps = |verb: &&Verb| {
        matches!(verb.steps, Steps::Swap { .. })
            && verb.target == "cache.redb"
            && verb.before.is_empty()
    };
    let trial = |verb: &'static Verb| {
        let what = "attacks: another stage than was written";
        let name = format!("{what}: {}", verb.what);
        strace::trial(name, what, |what| lie(what, verb))
    };
    let planted = |verb: &'static Verb| {
        let what = "attacks: a link in the place of the stage";
        let name = format!("{what}: {}", verb.what);
        strace::trial(name, what, |what| plant(what, verb))
    };
    let verbs = || VERBS.iter().filter(swaps);
    verbs().map(trial).chain(verbs().map(planted)).collect()
}

/// The last call before the stage is made is when nobody looks any more.
fn plant(what: &str, verb: &Verb) -> Result<(), Failed> {
    let mut count = Count::of(what);
    let place = Place::of(verb);
    let strace = Strace {
        calls: swapped::CALLS,
        paths: paths_in(place.folder()),
    };
    let points = strace.points_in_order(&place.program(&place.cache(), verb.args));
    let made = points
        .iter()
        .position(|point| point.text.contains(STAGE) && point.text.contains("O_CREAT"))
        .expect("the stage is made");
    let place = Place::of(verb);
    // A stage gets the mode of the cache, which is not that of the victim.
    fs::set_permissions(place.cache(), Permissions::from_mode(0o600)).unwrap();
    let paths = paths_in(place.folder());
    let mut stopped = Stopped::after(&place, verb, &points[made - 1], &paths);
    assert!(stopped.is_stopped());
    symlink(place.victim(), place.path(STAGE)).unwrap();
    let (code, said) = stopped.go_on()?;
    let refused = ensure(!matches!(code, Some(0 | 3)), || format!("{code:?}: {said}"));
    count.case(refused.and_then(|()| place.harms_nobody()));
    count.end()
}

fn lie(what: &str, verb: &Verb) -> Result<(), Failed> {
    let mut count = Count::of(what);
    let point = last_close(&Place::of(verb), verb);
    for (lie, tell) in LIES {
        let held = is_found(verb, &point, tell);
        count.case(held.map_err(|why| format!("{}: {lie}: {why}", verb.what)));
    }
    count.end()
}

/// The close after which the stage is opened to be verified.
fn last_close(place: &Place, verb: &Verb) -> Point {
    let strace = Strace {
        calls: &["openat", "close"],
        paths: vec![place.path(STAGE)],
    };
    let points = strace.points_in_order(&place.program(&place.cache(), verb.args));
    let verified = points
        .iter()
        .position(|point| point.call == "openat" && point.text.contains("O_RDONLY"))
        .expect("the stage is opened to be verified");
    let mut before = points[..verified].iter().rev();
    before.find(|point| point.call == "close").unwrap().clone()
}

fn is_found(verb: &Verb, point: &Point, tell: Lie) -> Result<(), String> {
    let place = Place::of(verb);
    let old = fs::read(place.cache()).unwrap();
    let mut stopped = Stopped::after(&place, verb, point, &[place.path(STAGE)]);
    ensure(stopped.is_stopped(), || "it is not stopped".to_owned())?;
    tell(&place.path(STAGE));
    let (code, said) = stopped.go_on()?;
    panics_nowhere(said.as_bytes())?;
    ensure(!matches!(code, Some(0 | 3)), || {
        format!("it ends with {code:?}: {said}")
    })?;
    ensure(fs::read(place.cache()).is_ok_and(|now| now == old), || {
        "the cache is not what it was".to_owned()
    })
}

fn lose_pages(stage: &Path) {
    let mut bytes = fs::read(stage).unwrap();
    bytes[SPARED..].fill(0);
    fs::write(stage, bytes).unwrap();
}

fn lose_a_row(stage: &Path) {
    let episodes = TableDefinition::<&str, &[u8]>::new("episodes");
    let db = redb::Database::open(stage).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(episodes).unwrap().pop_first().unwrap();
    txn.commit().unwrap();
    drop(db);
    assert!(common::run(stage, &["export"]).status.success());
}
