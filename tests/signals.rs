//! Ctrl-C and SIGTERM, sent to a process of its own: this test binary, run again.
#![cfg(test)]
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use redb_cache::ui::Cancel;
use rustix::process::{Pid, Signal, kill_process};

const LONG: Duration = Duration::from_secs(60);

/// Says that a test plays its role, in a process of its own.
const ROLE: &str = "TEST_ROLE";

/// Runs one of the roles below until it says that it waits.
fn start(name: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(ROLE, name)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended too early");
    }
    (child, said)
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_signal_ends_the_command_at_its_next_safe_point() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (mut child, _said) = start("polite");
        let sent = Instant::now();
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert!(sent.elapsed() < LONG / 4);
    }
}

#[test]
fn a_second_signal_ends_at_once_what_has_no_safe_point() {
    let (mut child, _said) = start("stubborn");
    send(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(child.try_wait().unwrap(), None);
    send(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Whether the process has come so far that SIGINT asks it to stop. Where that cannot be told, it
/// is taken to have.
fn catches_signals(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let caught = status.ok().and_then(|status| {
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    caught.is_none_or(|mask| mask & (1 << (Signal::INT.as_raw() - 1)) != 0)
}

#[test]
fn a_wait_for_a_cache_in_use_is_interrupted() {
    let (dir, path) = common::copy_of("0.1.47");
    let holder = redb::Database::open(&path).unwrap();
    let backup = dir.path().join("backup");
    for verb in [
        &["sweep"][..],
        &["clear", "--all", "--yes"],
        &[
            "clear",
            "--all",
            "--yes",
            "--backup",
            backup.to_str().unwrap(),
        ],
        &["compact"],
    ] {
        let mut child = common::program(&path, &[verb, &["--lock-timeout", "1m"]].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !catches_signals(&child) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Long enough to come to the wait; before that, it would stop all the more.
        std::thread::sleep(Duration::from_millis(500));
        let sent = Instant::now();
        send(&child, Signal::INT);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{verb:?}");
        assert!(sent.elapsed() < Duration::from_secs(2), "{verb:?}");
    }
    drop(holder);
    assert_eq!(common::names(dir.path()), ["cache.redb"]);
}

#[test]
fn polite() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let cancel = Cancel::on_signals().unwrap();
    println!("waiting");
    let ended = cancel.sleep(LONG).unwrap_err();
    std::process::exit(ended.kind().exit_code().into());
}

#[test]
fn stubborn() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let _cancel = Cancel::on_signals().unwrap();
    println!("waiting");
    std::thread::sleep(LONG);
}
