//! Signals at every call that touches a file, and streams that take nothing or are not there.

use std::process::Command;

use libtest_mimic::{Failed, Trial};

use crate::attempt::{Attempt, attempt, panics_nowhere};
use crate::common;
use crate::figures::{Count, is_long};
use crate::scene::{Scene, VERBS, Verb, ensure};
use crate::strace::{self, Point, Strace};

/// What touches files. Only some of many writes that follow each other, unless long.
const CALLS: &[&str] = &[
    "openat",
    "?rename",
    "renameat",
    "?renameat2",
    "?link",
    "linkat",
    "?unlink",
    "unlinkat",
    "fsync",
    "fdatasync",
    "fchmod",
    "fchown",
    "ftruncate",
    "flock",
    "pwrite64",
    "write",
    "close",
];

pub fn trials() -> Vec<Trial> {
    let signals = VERBS.iter().map(|verb| {
        let what = "signals at each call";
        let name = format!("{what}: {}", verb.what);
        strace::trial(name, what, |what| signals(what, verb))
    });
    let streams = Trial::test("streams that take nothing", streams);
    signals.chain([streams]).collect()
}

fn signals(what: &str, verb: &Verb) -> Result<(), Failed> {
    let scene = Scene::set(verb);
    let mut count = Count::of(what);
    let strace = Strace {
        calls: CALLS,
        paths: scene.paths(),
    };
    let (points, _) = strace.points(&scene.program());
    let mut stopped = 0;
    for (at, point) in points.iter().enumerate() {
        let repeats = matches!(point.call.as_str(), "pwrite64" | "write" | "close");
        if repeats && point.n % 8 != 1 && !is_long() {
            continue;
        }
        let all = [("INT", 130), ("TERM", 143)];
        let some = if is_long() {
            &all[..]
        } else {
            &all[at % 2..][..1]
        };
        for (signal, code) in some {
            scene.reset();
            let held = sent_at(&scene, &strace, point, signal, *code);
            stopped += u64::from(held == Ok(true));
            let why = |why| format!("{}: {signal} at {point}: {why}", verb.what);
            count.case(held.map(drop).map_err(why));
        }
    }
    count.case(ensure(stopped > 0, || "no signal stopped it".to_owned()));
    count.end()
}

/// It stops, or has done its work; and leaves nothing but a whole cache. Says whether it stopped.
fn sent_at(
    scene: &Scene<'_>,
    strace: &Strace,
    point: &Point,
    signal: &str,
    code: i32,
) -> Result<bool, String> {
    let inject = format!("{}:signal={signal}:when={}", point.call, point.n);
    let output = strace.run(&scene.program(), Some(&inject)).output;
    panics_nowhere(&output.stderr)?;
    let stopped = output.status.code() == Some(code);
    ensure(stopped || scene.is_success(&output), || {
        format!("it ends so: {output:?}")
    })?;
    scene.check()?;
    scene.check_clean()?;
    Ok(stopped)
}

/// A shell's redirection, and which streams it takes away.
const STREAMS: [(&str, bool); 10] = [
    (">/dev/full", true),
    ("2>/dev/full", false),
    (">/dev/full 2>&1", true),
    (">&-", false),
    ("2>&-", false),
    (">&- 2>&- <&-", false),
    ("<&- >/dev/full", true),
    ("| head -c 1 >/dev/null", false),
    ("2>&1 | true", false),
    ("2>/dev/full | true", false),
];

const VERBS_THAT_SAY: &[&str] = &[
    "inspect",
    "inspect --exact --format json",
    "inspect episodes",
    "inspect metadata episode_count --raw",
    "inspect nothing",
    "stats",
    "stats --format json",
    "health",
    "health --deep --format json",
    "export",
    "export episodes --all -v",
    "sweep --ttl 1d",
    "sweep --ttl 1d --dry-run --format json",
    "clear --all",
    "clear --all --yes -v",
    "clear --all --dry-run",
    "compact -v",
    "compact --dry-run --format json",
    "migrate",
    "migrate --dry-run",
    "migrate --output {new}",
    "rebuild --yes -v --from {store}",
    "rebuild --dry-run --format json --from {store}",
    "diff --from {store}",
    "diff --format json --from {store}",
    "diff --from /nowhere",
    "demo",
    "--help",
    "--version",
    "help",
    "compact --nonsense",
    "compact --nonsense --format json",
];

fn streams() -> Result<(), Failed> {
    let mut count = Count::of("streams that take nothing");
    for fixture in ["0.1.47", "0.1.33"] {
        for verb in VERBS_THAT_SAY {
            // An old cache is another matter only to who migrates it.
            if fixture != "0.1.47" && !verb.starts_with("migrate") && !is_long() {
                continue;
            }
            let usual = redirected(fixture, verb, "");
            for (how, loses) in STREAMS {
                let ended = redirected(fixture, verb, how);
                let held = says_so(&usual, &ended, how, loses);
                count.case(held.map_err(|why| format!("{verb} {how}: {why}")));
            }
        }
    }
    count.end()
}

/// A result that is lost is a failure; talk that nobody hears is none.
fn says_so(usual: &Attempt, ended: &Attempt, how: &str, loses: bool) -> Result<(), String> {
    panics_nowhere(&ended.stderr)?;
    let Some(code) = ended.code else {
        return Err("killed, or hangs".to_owned());
    };
    let lost = loses && !usual.stdout.is_empty();
    ensure(code != 0 || !lost, || {
        "the result is lost with exit 0".to_owned()
    })?;
    let allowed = if lost {
        vec![usual.code, Some(1)]
    } else if how.contains('|') {
        // What ended early did less, and found less.
        vec![usual.code, Some(0)]
    } else {
        vec![usual.code]
    };
    ensure(allowed.contains(&ended.code), || {
        format!("exit {code} instead of {allowed:?}")
    })
}

fn redirected(fixture: &str, verb: &str, how: &str) -> Attempt {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (from, to) in [("cache.redb", "cache.redb"), ("turso.db", "store")] {
        let bytes = std::fs::read(common::fixture(fixture).join(from)).unwrap();
        std::fs::write(path(to), bytes).unwrap();
    }
    let verb = verb.replace("{store}", &path("store"));
    let verb = verb.replace("{new}", &path("new.redb"));
    let args: Vec<_> = verb.split(' ').collect();
    let program = common::program(path("cache.redb").as_ref(), &args);
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!("\"$@\" {how}; exit ${{PIPESTATUS[0]}}"), "-"])
        .arg(program.get_program())
        .args(program.get_args())
        .env("TMPDIR", folder.path());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    attempt(&shell)
}
