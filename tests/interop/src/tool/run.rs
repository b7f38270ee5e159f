//! One run of the binary, and what it printed.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::exit;

/// No command may take longer, whatever it waits for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// The command line, for messages.
    pub command: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Results.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
    /// From start to exit.
    pub took: Duration,
    /// The most memory that it had at once, in bytes; `None` where the system does not tell.
    pub peak: Option<u64>,
}

pub(super) fn run_to_end(mut command: Command, name: String) -> Result<Run> {
    let started = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| name.clone())?;
    let stdout = read_aside(child.stdout.take());
    let stderr = read_aside(child.stderr.take());
    let mut peak = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // It can only be asked while it runs.
        peak = peak_of(child.id()).or(peak);
        if started.elapsed() > PATIENCE {
            child.kill()?;
            bail!("{name} did not end in {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(1));
    };
    let took = started.elapsed();
    let text = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
    Ok(Run {
        command: name,
        code: status.code(),
        stdout: text(stdout),
        stderr: text(stderr),
        took,
        peak,
    })
}

fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

fn read_aside(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Run {
    /// All of it, for a message.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self {
            command,
            code,
            stderr,
            took,
            ..
        } = self;
        format!("`{command}` ended with {code:?} after {took:?}\n{stderr}")
    }

    /// The one document that `--format json` prints, of the expected schema.
    ///
    /// # Errors
    /// When the output is not one JSON document, or of another schema.
    pub fn document(&self, verb: &str) -> Result<Value> {
        let document: Value =
            serde_json::from_str(&self.stdout).with_context(|| self.describe())?;
        let schema = document.get("schema").and_then(Value::as_str);
        let want = format!("redb-cache/{verb}/1");
        ensure!(
            schema == Some(&want),
            "the schema is {schema:?} instead of {want:?}"
        );
        Ok(document)
    }

    /// Demands the refusal that a writing verb owes the holder of a cache: exit 11 at once, naming program and process.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn demand_in_use(&self, program: &str, pid: u32) -> Result<()> {
        ensure!(
            self.code == Some(exit::IN_USE),
            "not refused as in use: {}",
            self.describe()
        );
        ensure!(
            self.took < Duration::from_secs(1),
            "took too long to refuse: {}",
            self.describe()
        );
        let said = format!("{}{}", self.stdout, self.stderr);
        let names_pid = said
            .split(|c: char| !c.is_ascii_digit())
            .any(|number| number == pid.to_string());
        ensure!(
            names_pid,
            "does not name process {pid}: {}",
            self.describe()
        );
        ensure!(
            said.contains(program),
            "does not name the program {program}: {}",
            self.describe()
        );
        Ok(())
    }

    /// Whether the output says that it was read without the lock.
    #[must_use]
    pub fn says_without_the_lock(&self) -> bool {
        [&self.stdout, &self.stderr]
            .iter()
            .any(|text| text.contains("without the lock"))
    }
}

/// The number of rows of a table that a document of `inspect` or `stats` reports, wherever in the document it is:
/// `{"table" or "name": TABLE, "rows" or "entries": N}` or `{TABLE: N}` or `{TABLE: {"rows" or "entries": N}}`.
#[must_use]
pub fn reported_rows(document: &Value, table: &str) -> Option<u64> {
    let count = |value: &Value| {
        value.as_u64().or_else(|| {
            ["rows", "entries"]
                .iter()
                .find_map(|key| value.get(key)?.as_u64())
        })
    };
    match document {
        Value::Array(items) => items.iter().find_map(|item| reported_rows(item, table)),
        Value::Object(fields) => {
            let named = ["table", "name"]
                .iter()
                .any(|key| fields.get(*key).and_then(Value::as_str) == Some(table));
            let here = if named {
                count(document)
            } else {
                fields.get(table).and_then(count)
            };
            here.or_else(|| {
                fields
                    .values()
                    .find_map(|field| reported_rows(field, table))
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::reported_rows;
    use serde_json::json;

    #[test]
    fn rows_are_found_in_any_likely_document() {
        let want = Some(70);
        assert_eq!(
            reported_rows(
                &json!({"tables": [{"name": "episodes", "rows": 70}]}),
                "episodes"
            ),
            want
        );
        assert_eq!(
            reported_rows(
                &json!({"tables": [{"table": "episodes", "entries": 70}]}),
                "episodes"
            ),
            want
        );
        assert_eq!(
            reported_rows(&json!({"tables": {"episodes": {"rows": 70}}}), "episodes"),
            want
        );
        assert_eq!(
            reported_rows(
                &json!({"entries": {"patterns": 1, "episodes": 70}}),
                "episodes"
            ),
            want
        );
        assert_eq!(
            reported_rows(&json!({"entries": {"patterns": 1}}), "episodes"),
            None
        );
    }
}
