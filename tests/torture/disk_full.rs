//! Disks that are really full: small file systems, a step larger each time.

use std::path::Path;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::figures::{self, Count};
use crate::scene::{Scene, Steps, VERBS, Verb, ensure};

/// Bytes from one size to the next.
const STEP: u64 = 96 << 10;
const LONG_STEP: u64 = 4 << 10;
/// Room in which every verb succeeds.
const ENOUGH: u64 = 64 << 20;
/// How often a size is tried that is too small for what is there.
const TRIES: usize = 100;

/// A file system in memory, whose size can be changed.
struct Tmpfs(TempDir);

impl Tmpfs {
    fn mount(size: u64) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let size = format!("size={size}");
        run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"], dir.path())?;
        Ok(Self(dir))
    }

    /// Tries again: until a child that another trial starts is the program, it holds a copy of every
    /// file that is open here, removed ones as well, and they take room.
    fn resize(&self, size: u64) {
        let options = format!("remount,size={size}");
        let mut resized = Err(String::new());
        for _ in 0..TRIES {
            resized = run("mount", &["-o", &options], self.0.path());
            if resized.is_ok() {
                break;
            }
        }
        resized.unwrap();
    }

    fn used(&self) -> u64 {
        let status = rustix::fs::statvfs(self.0.path()).unwrap();
        (status.f_blocks - status.f_bfree) * status.f_frsize
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        run("umount", &[], self.0.path()).unwrap();
    }
}

fn run(program: &str, args: &[&str], at: &Path) -> Result<(), String> {
    let output = Command::new(program).args(args).arg(at).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure(output.status.success(), || said)
}

pub fn trials() -> Vec<Trial> {
    let mountable = Tmpfs::mount(ENOUGH).map(drop);
    let trial = |verb: &'static Verb| {
        let what = format!("a full disk: {}", verb.what);
        if let Err(why) = &mountable {
            figures::not_checked(&what, why);
        }
        Trial::test(what.clone(), move || fill(&what, verb)).with_ignored_flag(mountable.is_err())
    };
    VERBS.iter().map(trial).collect()
}

fn fill(what: &str, verb: &Verb) -> Result<(), Failed> {
    let disk = Tmpfs::mount(ENOUGH)?;
    let scene = Scene::set_in(verb, tempfile::tempdir_in(disk.0.path()).unwrap());
    let step = if figures::is_long() { LONG_STEP } else { STEP };
    let mut count = Count::of(format!("{what}, every {} KiB", step >> 10));
    let (mut refused, mut done) = (0, 0);
    let mut size = disk.used();
    // A few sizes after the first that is enough, as more room must never be worse.
    while done < 4 && size < ENOUGH {
        disk.resize(ENOUGH);
        scene.reset();
        disk.resize(size);
        let output = scene.program().output().unwrap();
        disk.resize(ENOUGH);
        let is_done = scene.is_success(&output);
        let held = if is_done {
            done += 1;
            scene.check().and_then(|()| scene.check_done())
        } else {
            refused += 1;
            check_refused(&scene, &output)
        };
        count.case(held.map_err(|why| format!("{size} bytes: {why}")));
        size += step;
    }
    let both = done == 4 && (refused > 0 || verb.steps != Steps::Swap { keeps: true });
    count.case(ensure(both, || {
        format!("{refused} sizes were refused and {done} were enough")
    }));
    count.end()
}

fn check_refused(scene: &Scene<'_>, output: &std::process::Output) -> Result<(), String> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure(output.status.code() == Some(15), || format!("{output:?}"))?;
    let told = said.contains(scene.folder().to_str().unwrap()) && said.contains("make room");
    ensure(told, || format!("it does not say what is needed: {said}"))?;
    scene.check()?;
    scene.check_clean()?;
    match scene.verb.steps {
        Steps::Swap { .. } => ensure(scene.is_untouched(), || {
            format!("something was changed: {:?}", scene.names())
        }),
        _ => scene.check_again(),
    }
}
