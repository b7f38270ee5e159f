//! Runs the program and tells what it took. Only whoever waits for a process is told so by the
//! system, which std does not pass on: a Python that stays waits for all of them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;

/// One line of JSON in, the arguments; one line out, what came of it. A run that hangs without
/// using the processor ends as well.
const SCRIPT: &str = r"
import json, os, resource, signal, subprocess, sys, tempfile
for line in sys.stdin:
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(json.loads(line), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=said)
        resource.prlimit(child.pid, resource.RLIMIT_CPU, (60, 60))
        signal.signal(signal.SIGALRM, lambda *_: os.kill(child.pid, signal.SIGKILL))
        signal.alarm(300)
        _, status, used = os.wait4(child.pid, 0)
        signal.alarm(0)
        child.returncode = 0
        said.seek(0)
        print(json.dumps({
            'exit': os.waitstatus_to_exitcode(status),
            'cpu_ms': int(1000 * (used.ru_utime + used.ru_stime)),
            'rss_kib': used.ru_maxrss,
            'stderr': said.read(4000).decode('utf-8', 'replace'),
        }), flush=True)
";

/// What came of a run. A signal is its number below zero.
#[derive(Debug, Deserialize)]
pub struct Ended {
    pub exit: i32,
    pub cpu_ms: u64,
    pub rss_kib: u64,
    pub stderr: String,
}

pub struct Runner {
    python: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Runner {
    pub fn start() -> Self {
        let mut python = Command::new("python3")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs the program");
        Self {
            input: python.stdin.take().unwrap(),
            output: BufReader::new(python.stdout.take().unwrap()),
            python,
        }
    }

    /// Runs a verb on a cache, to its end.
    pub fn run(&mut self, cache: &Path, verb: &[&str]) -> Ended {
        let mut args = vec![env!("CARGO_BIN_EXE_redb-cache"), "--lock-timeout", "0s"];
        args.extend(["--cache", cache.to_str().unwrap()]);
        args.extend(verb);
        let line = serde_json::to_string(&args).unwrap();
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        drop(self.python.kill());
        drop(self.python.wait());
    }
}
