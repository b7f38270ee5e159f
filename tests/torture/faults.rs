//! Every call that touches a file fails in turn, once and from then on.

use std::path::Path;

use libtest_mimic::{Failed, Trial};

use crate::figures::{self, Count};
use crate::scene::{Scene, VERBS, Verb, ensure};
use crate::strace::{self, Call, Point, Strace, Traced};

/// The calls that are made to fail. `close` is not among them: files are made durable before they
/// are closed, and Rust's own library panics where a folder cannot be closed.
pub const CALLS: &[&str] = &[
    "read",
    "pread64",
    "preadv",
    "write",
    "pwrite64",
    "pwritev",
    "fsync",
    "fdatasync",
    "sync_file_range",
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
    "?open",
    "openat",
    "?chmod",
    "fchmod",
    "fchown",
    "copy_file_range",
    "sendfile",
    "?fstat",
    "?newfstatat",
    "?stat",
    "?lstat",
    "statx",
    "statfs",
    "fstatfs",
    "getdents64",
    "?readlink",
    "readlinkat",
    "lseek",
    "flock",
    "fcntl",
];

/// Calls that are made often and change nothing.
const LOOKING: &[&str] = &["pread64", "read", "statx", "fcntl", "readlink"];
/// Of those, the quick part tries so many.
const QUICK: usize = 5;

/// How a call fails.
pub struct Fault {
    calls: &'static [&'static str],
    /// As strace is told.
    with: &'static str,
    /// What the program must say of it.
    cause: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        calls: CALLS,
        with: "error=EIO",
        cause: "os error 5",
    },
    Fault {
        calls: &[
            "write",
            "pwrite64",
            "pwritev",
            "fsync",
            "fdatasync",
            "truncate",
            "ftruncate",
            "fallocate",
            "copy_file_range",
            "sendfile",
            "rename",
            "renameat",
            "link",
            "linkat",
            "open",
            "openat",
        ],
        with: "error=ENOSPC",
        cause: "os error 28",
    },
    Fault {
        calls: &[
            "open", "openat", "rename", "renameat", "link", "linkat", "unlink", "unlinkat",
            "fchmod",
        ],
        with: "error=EACCES",
        cause: "os error 13",
    },
    // The file ends early, or takes nothing.
    Fault {
        calls: &[
            "read",
            "pread64",
            "write",
            "pwrite64",
            "copy_file_range",
            "sendfile",
        ],
        with: "retval=0",
        cause: "",
    },
];

/// A call without which the work is as good: the first is in what strace writes of it, the other
/// is why.
const HARMLESS: &[(&[&str], &str)] = &[
    (
        &["fcntl", "F_OFD_GETLK"],
        "a question who else has the file; /proc/locks answers as well",
    ),
    (
        &["fcntl", "F_DUPFD_CLOEXEC"],
        "the same question, on a descriptor of its own",
    ),
    (
        &["statx", "AT_EMPTY_PATH"],
        "the same question: which file /proc/locks would name",
    ),
    (
        &["statx", "/cache.redb\""],
        "whether the file that is locked is the one that has the name: it is looked for again",
    ),
    (
        &["statx", "NOFOLLOW", ".redb-cache-"],
        "a file that is left is in nobody's way; the next run removes it",
    ),
    (&["unlink", ".redb-cache-"], "the same"),
    (&["openat", ".redb-cache-part"], "the same"),
    (
        &["flock"],
        "it keeps off redb before 4.3; ranges are locked as well",
    ),
    (
        &["linkat", "EACCES"],
        "where there are no hard links the backup is a copy",
    ),
    (
        &["copy_file_range", "= 0"],
        "then Rust's own library copies by reading and writing",
    ),
    (&["read(", "\"\"", "= 0"], "where the file ends anyway"),
    (
        &["pread64", "\"\"", "= 0"],
        "a file that ends early is being written, and is read again",
    ),
    (
        &["pread64", ".redb-cache-", "EIO"],
        "all of it was read and compared: redb reads some pages once more to close it",
    ),
    (&["pread64", "backup-1>", "EIO"], "the same"),
];

/// What cannot happen, or nobody can do anything about, and why.
const NOT_TRIED: &[(&str, &str)] = &[
    ("F_GETFD", "an assertion of Rust's own library"),
    ("F_UNLCK", "a lock ends with its process"),
    ("LOCK_UN", "a lock ends with its process"),
];

pub fn trials() -> Vec<Trial> {
    VERBS.iter().map(trial).collect()
}

fn trial(verb: &'static Verb) -> Trial {
    let what = format!("a failing call: {}", verb.what);
    strace::trial(what.clone(), what, move |what| fail_each(what, verb))
}

fn fail_each(what: &str, verb: &Verb) -> Result<(), Failed> {
    let scene = Scene::set(verb);
    let mut count = Count::of(if figures::is_long() {
        what.to_owned()
    } else {
        format!("{what}, of calls that only look every {QUICK}th")
    });
    let strace = Strace {
        calls: CALLS,
        paths: scene.paths(),
    };
    let (mut points, output) = strace.points(&scene.program());
    assert!(scene.is_success(&output), "{output:?}");
    points.retain(is_tried);
    for (inject, fault) in injections(&points) {
        scene.reset();
        let traced = strace.run(&scene.program(), Some(&inject));
        let held = judge(&scene, fault, &traced);
        count.case(held.map_err(|why| format!("{inject}: {why}")));
    }
    count.end()
}

fn is_tried(point: &Point) -> bool {
    figures::is_long() || !LOOKING.contains(&&*point.call) || point.n % QUICK == 1
}

/// Every fault of every call, once and from then on, as strace is told.
pub fn injections(points: &[Point]) -> Vec<(String, &'static Fault)> {
    let mut injections = Vec::new();
    for Point { call, n, text } in points {
        if NOT_TRIED.iter().any(|(what, _)| text.contains(what)) {
            continue;
        }
        for fault in FAULTS.iter().filter(|fault| fault.calls.contains(&&**call)) {
            // SQLite takes what a file does not have for zeros, and a file has its middle.
            if fault.cause.is_empty() && text.contains("/store>") {
                continue;
            }
            for lasts in ["", "+"] {
                injections.push((format!("{call}:{}:when={n}{lasts}", fault.with), fault));
            }
        }
    }
    injections
}

fn judge(scene: &Scene<'_>, fault: &Fault, traced: &Traced) -> Result<(), String> {
    let failed = traced.calls.iter().any(Call::is_injected);
    ensure(failed, || "the call was not made".to_owned())?;
    check_ended(traced)?;
    check_no_sync_again(traced)?;
    if scene.is_part(&traced.output) {
        scene.check_part()?;
    } else {
        scene.check()?;
    }
    if scene.is_success(&traced.output) {
        check_harmless(traced)?;
        return scene.check_done();
    }
    // What is wrong with a disk `repair` reports.
    let said = [&*traced.output.stdout, &*traced.output.stderr].concat();
    check_told(
        scene.folder(),
        fault,
        traced,
        &String::from_utf8_lossy(&said),
    )?;
    if scene.is_untouched() {
        return Ok(());
    }
    scene.check_again()
}

/// By itself, and not by a panic.
pub fn check_ended(traced: &Traced) -> Result<(), String> {
    let said = String::from_utf8_lossy(&traced.output.stderr);
    let panicked = ["panicked", "internal error", "redb gave up"];
    let orderly = traced.output.status.code().is_some_and(|code| code != 101)
        && !panicked.iter().any(|word| said.contains(word));
    ensure(orderly, || format!("{:?}", traced.output))
}

/// What a failed fsync has not made durable never will be: the pages count as written.
fn check_no_sync_again(traced: &Traced) -> Result<(), String> {
    let syncs = traced
        .calls
        .iter()
        .filter(|call| matches!(&*call.name, "fsync" | "fdatasync"));
    let mut failed: Vec<&str> = Vec::new();
    for call in syncs {
        let file = call.text.split(['<', '>']).nth(1).unwrap_or_default();
        ensure(!failed.contains(&file), || {
            format!("synchronized again: {}", call.text)
        })?;
        if call.is_injected() {
            failed.push(file);
        }
    }
    Ok(())
}

fn check_harmless(traced: &Traced) -> Result<(), String> {
    let injected = traced.calls.iter().filter(|call| call.is_injected());
    let harmful = injected.into_iter().find(|call| {
        let is_it = |parts: &[&str]| parts.iter().all(|part| call.text.contains(part));
        !HARMLESS.iter().any(|(parts, _)| is_it(parts))
    });
    ensure(harmful.is_none(), || {
        format!("it counts as done in spite of {}", harmful.unwrap().text)
    })
}

/// Which file, and what the system said. SQLite has words of its own for it.
pub fn check_told(folder: &Path, fault: &Fault, traced: &Traced, said: &str) -> Result<(), String> {
    let injected = traced.calls.iter().filter(|call| call.is_injected());
    let failed: Vec<_> = injected.map(|call| call.text.as_str()).collect();
    // Each thread has a call of that number. What is not told of was read again.
    let of_store = failed.iter().any(|call| call.contains("/store"));
    let failed = failed.join(", ");
    ensure(said.contains(folder.to_str().unwrap()), || {
        format!("no file is named after {failed}: {said}")
    })?;
    if of_store && said.contains("the durable store") {
        return Ok(());
    }
    ensure(said.contains(fault.cause), || {
        format!("the cause is not told after {failed}: {said}")
    })?;
    ensure(
        fault.with != "error=ENOSPC" || traced.output.status.code() == Some(15),
        || {
            format!(
                "exit {:?} after {failed}: {said}",
                traced.output.status.code()
            )
        },
    )
}
