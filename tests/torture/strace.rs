//! The program under strace, which counts its calls of the system, and kills it or lets a call
//! fail at any of them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use libtest_mimic::{Failed, Trial};

use crate::figures;

/// A trial that traces the program; `what` it is in the table of figures is handed on to it.
pub fn trial(
    name: impl Into<String>,
    what: impl Into<String>,
    run: impl FnOnce(&str) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let what = what.into();
    let usable = is_usable(&what);
    Trial::test(name, move || run(&what)).with_ignored_flag(!usable)
}

/// Whether the program can be traced here. Where it cannot, the table of figures says so.
fn is_usable(what: &str) -> bool {
    static PROBED: OnceLock<Result<(), String>> = OnceLock::new();
    let probed = PROBED.get_or_init(probe);
    if let Err(why) = probed {
        figures::not_checked(what, why);
    }
    probed.is_ok()
}

fn probe() -> Result<(), String> {
    let traced = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=none", "true"])
        .output()
        .map_err(|error| format!("strace does not run: {error}"))?;
    if traced.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&traced.stderr);
    let first = said.lines().next().unwrap_or_default();
    Err(format!("strace may not trace: {first}"))
}

/// The `n`th call of one kind by one thread, as `when=` of strace counts.
#[derive(Clone, Debug)]
pub struct Point {
    pub call: String,
    pub n: usize,
    /// What strace writes of it where nothing goes wrong.
    pub text: String,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.call, self.n)
    }
}

/// One run of the program.
pub struct Traced {
    pub output: Output,
    /// The calls, as strace writes them; of one that another thread interrupts only its beginning.
    pub calls: Vec<Call>,
}

/// One call.
pub struct Call {
    thread: String,
    /// Its name.
    pub name: String,
    /// What strace writes of it: arguments, with paths, and the result.
    pub text: String,
}

/// Which calls are looked at.
pub struct Strace {
    /// Names; one with `?` need not exist on this machine.
    pub calls: &'static [&'static str],
    /// Only calls that touch one of these.
    pub paths: Vec<PathBuf>,
}

impl Strace {
    /// Runs a program to its end; `inject` is what strace's option of that name takes. The calls
    /// are then that one, and those that make a file durable.
    pub fn run(&self, program: &Command, inject: Option<&str>) -> Traced {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let mut strace = Command::new("strace");
        if inject.is_some_and(|inject| !inject.contains("signal=")) {
            // The program is not stopped at other calls, which takes half the time. strace 6.1
            // sends no signal so.
            strace.arg("--seccomp-bpf");
        }
        strace.args(["-f", "-y", "-s", "0", "-o"]).arg(trace.path());
        strace.args(["-e", "signal=none", "-e"]);
        strace.arg(format!("trace={}", self.traced(inject)));
        for path in &self.paths {
            strace.arg("-P").arg(path);
        }
        if let Some(inject) = inject {
            strace.args(["-e", &format!("inject={inject}")]);
        }
        strace.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => strace.env(name, value),
                None => strace.env_remove(name),
            };
        }
        let output = strace.output().unwrap();
        let trace = std::fs::read(trace.path()).unwrap();
        let trace = String::from_utf8_lossy(&trace);
        Traced {
            output,
            calls: trace.lines().filter_map(Call::of).collect(),
        }
    }

    fn traced(&self, inject: Option<&str>) -> String {
        match inject.and_then(|inject| inject.split(':').next()) {
            Some(call) => format!("{call},fsync,fdatasync"),
            None => self.calls.join(","),
        }
    }

    /// Every call that the program makes, with its output.
    pub fn points(&self, program: &Command) -> (Vec<Point>, Output) {
        let traced = self.run(program, None);
        let mut points = in_order(traced.calls);
        // The same call of several threads is one point: it meets whoever comes there first.
        points.sort_by(|a, b| (&a.call, a.n).cmp(&(&b.call, b.n)));
        points.dedup_by(|a, b| (&a.call, a.n) == (&b.call, b.n));
        (points, traced.output)
    }

    /// The same as they come, those of several threads apart.
    pub fn points_in_order(&self, program: &Command) -> Vec<Point> {
        in_order(self.run(program, None).calls)
    }
}

fn in_order(calls: Vec<Call>) -> Vec<Point> {
    let mut counts = BTreeMap::<_, usize>::new();
    let mut points = Vec::new();
    for call in calls {
        let n = counts.entry((call.name.clone(), call.thread)).or_default();
        *n += 1;
        points.push(Point {
            call: call.name,
            n: *n,
            text: call.text,
        });
    }
    points
}

impl Call {
    /// `None` for lines about the end of a thread or of an interrupted call.
    fn of(line: &str) -> Option<Self> {
        let (thread, text) = line.split_once(' ')?;
        let text = text.trim_start();
        let (name, _) = text.split_once('(')?;
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then(|| Self {
            thread: thread.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
        })
    }

    /// Whether it is one that was made to fail.
    pub fn is_injected(&self) -> bool {
        self.text.ends_with("(INJECTED)")
    }
}
