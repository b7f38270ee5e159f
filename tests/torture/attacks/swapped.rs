//! The path, or the stage, becomes something else while the program is at work.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use rustix::process::{Pid, Signal, kill_process};

use super::{Place, kind_of};
use crate::attempt::panics_nowhere;
use crate::common;
use crate::figures::{Count, is_long};
use crate::scene::{Scene, VERBS, Verb, ensure, paths_in};
use crate::strace::{self, Point, Strace};

/// Between which the paths are looked at anew.
pub(super) const CALLS: &[&str] = &[
    "openat",
    "flock",
    "fcntl",
    "fsync",
    "ftruncate",
    "fchmod",
    "?link",
    "linkat",
    "?rename",
    "renameat",
    "?unlink",
    "unlinkat",
    "close",
];

/// What takes the place of which file.
const SWAPS: [(&str, &str); 8] = [
    ("cache.redb", "a link to the victim"),
    ("cache.redb", "another cache"),
    ("cache.redb", "a pipe"),
    ("cache.redb", "nothing"),
    ("cache.redb", "a folder"),
    (".cache.redb.redb-cache-stage", "a link to the victim"),
    (".cache.redb.redb-cache-stage", "a pipe"),
    (".cache.redb.redb-cache-stage", "nothing"),
];

pub fn trials() -> Vec<Trial> {
    let trial = |verb: &'static Verb| {
        let what = "attacks: swapped midway";
        let name = format!("{what}: {}", verb.what);
        strace::trial(name, what, |what| swapped(what, verb))
    };
    VERBS.iter().map(trial).collect()
}

fn swapped(what: &str, verb: &Verb) -> Result<(), Failed> {
    let mut count = Count::of(what);
    let scene = Scene::set(verb);
    let strace = Strace {
        calls: CALLS,
        paths: scene.paths(),
    };
    let (points, _) = strace.points(&scene.program());
    drop(scene);
    for (at, point) in points.iter().enumerate() {
        // Between a file that is closed and the next call nothing is looked at.
        if point.call == "close" && !is_long() {
            continue;
        }
        let some = if is_long() {
            &SWAPS[..]
        } else {
            &SWAPS[at % SWAPS.len()..][..1]
        };
        for (name, by) in some {
            let held = swapped_at(verb, point, name, by);
            let why = |why| format!("{}: {name} is {by} after {point}: {why}", verb.what);
            count.case(held.map_err(why));
        }
    }
    count.end()
}

/// Stops after one call, swaps, goes on.
fn swapped_at(verb: &Verb, point: &Point, name: &str, by: &str) -> Result<(), String> {
    let place = Place::of(verb);
    let old = fs::read(place.cache()).ok();
    let mut stopped = Stopped::after(&place, verb, point, &paths_in(place.folder()));
    let swapped = stopped.is_stopped() && swap(&place, name, by);
    let (code, said) = stopped.go_on()?;
    panics_nowhere(said.as_bytes())?;
    ensure(matches!(code, Some(0..=3 | 10..=18)), || {
        format!("it ends with {code:?}: {said}")
    })?;
    place.harms_nobody()?;
    let aside = place.path("aside");
    if swapped && name == "cache.redb" && aside.exists() {
        let whole = fs::read(&aside).ok() == old || {
            let output = common::run(&aside, &["export"]);
            matches!(output.status.code(), Some(0 | 3))
        };
        ensure(whole, || "what was put aside is broken".to_owned())?;
    }
    let other = place.path("other.redb");
    if swapped && by == "another cache" && !other.exists() {
        let output = common::run(&place.cache(), &["export"]);
        ensure(matches!(output.status.code(), Some(0 | 3)), || {
            format!(
                "{} at the path is broken: {output:?}",
                kind_of(&place.cache())
            )
        })?;
    }
    Ok(())
}

fn swap(place: &Place, name: &str, by: &str) -> bool {
    let path = place.path(name);
    let other = place.path("other.redb");
    if fs::symlink_metadata(&path).is_err() {
        let plants = by == "a link to the victim";
        if plants {
            symlink(place.victim(), &path).unwrap();
        }
        return plants;
    }
    let bytes = fs::read(common::fixture("0.1.47").join("cache.redb")).unwrap();
    fs::write(&other, bytes).unwrap();
    fs::rename(&path, place.path("aside")).unwrap();
    match by {
        "a link to the victim" => symlink(place.victim(), &path).unwrap(),
        "another cache" => fs::rename(&other, &path).unwrap(),
        "a folder" => fs::create_dir(&path).unwrap(),
        "a pipe" => {
            let made = Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
        }
        _ => {}
    }
    true
}

/// The program under strace, stopped after a call or at its end.
pub(super) struct Stopped {
    strace: Child,
    log: tempfile::NamedTempFile,
}

impl Stopped {
    /// Only calls that touch one of the `paths` count.
    pub(super) fn after(place: &Place, verb: &Verb, point: &Point, paths: &[PathBuf]) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let program = place.program(&place.cache(), verb.args);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-s", "0", "-o"]).arg(log.path());
        strace.args(["-e", "signal=SIGSTOP", "-e"]);
        strace.arg(format!("trace={}", CALLS.join(",")));
        for path in paths {
            strace.arg("-P").arg(path);
        }
        let inject = format!("inject={}:signal=STOP:when={}", point.call, point.n);
        strace.args(["-e", &inject]);
        strace.arg(program.get_program()).args(program.get_args());
        let strace = strace
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { strace, log }
    }

    /// Waits until it is stopped; no when it ended before.
    pub(super) fn is_stopped(&mut self) -> bool {
        loop {
            let log = fs::File::open(self.log.path()).unwrap();
            let mut lines = BufReader::new(log).lines().map_while(Result::ok);
            if lines.any(|line| line.contains("--- stopped by SIGSTOP")) {
                return true;
            }
            if self.strace.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it go on to its end, which must come.
    pub(super) fn go_on(mut self) -> Result<(Option<i32>, String), String> {
        let began = Instant::now();
        let children = format!("/proc/{0}/task/{0}/children", self.strace.id());
        // Another of its threads may be stopped at a call of the same number.
        while self.strace.try_wait().unwrap().is_none() {
            let child = fs::read_to_string(&children).unwrap_or_default();
            let child = child.trim().parse().ok().and_then(Pid::from_raw);
            if let Some(child) = child {
                let _ = kill_process(child, Signal::CONT);
            }
            if began.elapsed() > Duration::from_secs(60) {
                if let Some(child) = child {
                    let _ = kill_process(child, Signal::KILL);
                }
                let _ = self.strace.wait();
                return Err("it hangs".to_owned());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let output = self.strace.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status.code(), said))
    }
}
