//! The program, run once under watch: how it ended, what it said, and what it took.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use wait4::Wait4;

/// Names the file in which the watcher writes what the program took.
const WATCHER: &str = "TORTURE_WATCHER";
/// So long nothing takes here, whatever else the machine does.
const HANGS: Duration = Duration::from_secs(60);

/// How a run ended.
#[derive(Debug)]
pub struct Attempt {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Time of a processor, whoever else has it.
    pub cpu: Duration,
    /// Bytes of memory at most.
    pub peak: u64,
}

/// Runs the program to its end.
///
/// This test binary watches it in a process of its own: what the kernel counts as the memory of a
/// process is never less than that of the one that began it.
pub fn attempt(program: &Command) -> Attempt {
    let took = tempfile::NamedTempFile::new().unwrap();
    let mut watcher = Command::new(std::env::current_exe().unwrap());
    watcher.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => watcher.env(name, value),
            None => watcher.env_remove(name),
        };
    }
    if let Some(folder) = program.get_current_dir() {
        watcher.current_dir(folder);
    }
    let output = watcher
        .env(WATCHER, took.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let numbers = std::fs::read_to_string(took.path()).unwrap();
    let numbers: Vec<i64> = numbers
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    let [code, micros, peak] = numbers[..] else {
        panic!("the watcher failed: {output:?}");
    };
    Attempt {
        code: (code >= 0).then(|| i32::try_from(code).unwrap()),
        stdout: output.stdout,
        stderr: output.stderr,
        cpu: Duration::from_micros(micros.unsigned_abs()),
        peak: peak.unsigned_abs(),
    }
}

/// In the process of the watcher: runs the program. `None` in any other.
pub fn watched() -> Option<ExitCode> {
    let took = PathBuf::from(std::env::var_os(WATCHER)?);
    let mut args = std::env::args_os().skip(1);
    let program: OsString = args.next().unwrap();
    let child = Command::new(program)
        .args(args)
        .env_remove(WATCHER)
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    std::thread::spawn(move || {
        std::thread::sleep(HANGS);
        let _ = kill_process(pid, Signal::KILL);
    });
    let ended = child.wait4().unwrap();
    let usage = ended.rusage;
    let cpu = (usage.utime + usage.stime).as_micros();
    let code = ended.status.code().unwrap_or(-1);
    std::fs::write(took, format!("{code} {cpu} {}", usage.maxrss)).unwrap();
    Some(ExitCode::SUCCESS)
}

impl Attempt {
    /// What was said on either stream.
    pub fn said(&self) -> String {
        let streams = [&self.stderr, &self.stdout];
        let texts = streams.map(|stream| String::from_utf8_lossy(stream).into_owned());
        texts.join("\n")
    }

    /// An exit code that the README publishes, and no word of a panic.
    pub fn ends_well(&self) -> Result<(), String> {
        let told = String::from_utf8_lossy(&self.stderr);
        let told: String = told.chars().take(600).collect();
        match self.code {
            None => Err(format!("killed, or hangs: {told}")),
            Some(0 | 2 | 3 | 10..=18) => panics_nowhere(&self.stderr),
            Some(code) => Err(format!("exit {code}: {told}")),
        }
    }
}

/// What the program says of a panic, and what the standard library says.
pub fn panics_nowhere(stderr: &[u8]) -> Result<(), String> {
    let said = String::from_utf8_lossy(stderr);
    for word in [
        "panicked",
        "internal error",
        "RUST_BACKTRACE",
        "this is a bug",
    ] {
        if said.contains(word) {
            let said: String = said.chars().take(600).collect();
            return Err(format!("it panics: {said}"));
        }
    }
    Ok(())
}
