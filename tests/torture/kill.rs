//! SIGKILL at every call that changes a file.

use std::os::unix::process::ExitStatusExt;

use libtest_mimic::{Failed, Trial};

use crate::figures::Count;
use crate::scene::{Scene, VERBS, Verb, ensure};
use crate::strace::{self, Point, Strace};

/// Whatever changes a file or a folder, makes a file, locks it or lets it go.
const CALLS: &[&str] = &[
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "?pwritev2",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "msync",
    "?rename",
    "renameat",
    "?renameat2",
    "?link",
    "linkat",
    "?unlink",
    "unlinkat",
    "truncate",
    "ftruncate",
    "fallocate",
    "?mkdir",
    "mkdirat",
    "?chmod",
    "fchmod",
    "fchmodat",
    "?chown",
    "fchown",
    "fchownat",
    "copy_file_range",
    "sendfile",
    "splice",
    "openat",
    "flock",
    "fcntl",
    "close",
];

pub fn trials() -> Vec<Trial> {
    VERBS.iter().map(trial).collect()
}

fn trial(verb: &'static Verb) -> Trial {
    let what = format!("kill at each call: {}", verb.what);
    strace::trial(what.clone(), what, move |what| kill(what, verb))
}

fn kill(what: &str, verb: &Verb) -> Result<(), Failed> {
    let scene = Scene::set(verb);
    let mut count = Count::of(what);
    let strace = Strace {
        calls: CALLS,
        paths: scene.paths(),
    };
    let (points, output) = strace.points(&scene.program());
    assert!(scene.is_success(&output), "{output:?}");
    for point in points {
        scene.reset();
        let held = killed_at(&scene, &strace, &point);
        count.case(held.map_err(|why| format!("killed at {point}: {why}")));
    }
    count.end()
}

fn killed_at(scene: &Scene<'_>, strace: &Strace, point: &Point) -> Result<(), String> {
    let inject = format!("{}:signal=KILL:when={}", point.call, point.n);
    let traced = strace.run(&scene.program(), Some(&inject));
    ensure(traced.output.status.signal() == Some(9), || {
        format!("it was not killed: {:?}", traced.output)
    })?;
    scene.check()?;
    scene.check_again()
}
