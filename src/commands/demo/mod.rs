//! `demo`: the newcomer's first minute.

mod sample;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use super::{Context, Report};
use crate::error::{Error, ErrorKind, Result};
use crate::ui::{self, Format, Severity};

/// Build a small cache in a folder and walk through the verbs on it
///
/// Shows each command and what it really prints. Without a folder the cache is built in a
/// temporary one and removed at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache demo
  redb-cache demo /tmp/demo && redb-cache --cache /tmp/demo/cache.redb inspect")]
pub struct Args {
    /// The folder to build it in and keep it
    pub dir: Option<PathBuf>,
}

/// One command of the walk, as it really went.
#[derive(Debug, Serialize)]
struct Step {
    why: &'static str,
    command: String,
    exit_code: Option<i32>,
    /// What it printed; `None` where it printed to the terminal itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<String>,
}

/// The walk.
#[derive(Debug, Serialize)]
pub struct DemoReport {
    cache: PathBuf,
    kept: bool,
    steps: Vec<Step>,
}

/// What is shown, in order; `ID` stands for the key of an episode.
const WALK: [(&str, &[&str]); 10] = [
    ("What is in the file?", &["inspect"]),
    (
        "Which episodes are the largest?",
        &["inspect", "episodes", "--largest", "3"],
    ),
    ("One heuristic as JSON.", &["inspect", "heuristics", "ID"]),
    ("How large is it, and how well does it do?", &["stats"]),
    ("Does it need attention?", &["health"]),
    (
        "What would a sweep remove, and why?",
        &["sweep", "--dry-run"],
    ),
    ("Remove it, as cron would.", &["sweep"]),
    (
        "Give the space back, and compress.",
        &["compact", "--recompress", "6"],
    ),
    ("Write rows as JSON Lines.", &["export", "heuristics"]),
    ("And now?", &["health"]),
];

/// Carries the command out.
///
/// # Errors
/// When the folder cannot be written or already holds a cache.
pub fn run(args: &Args, context: &Context<'_>) -> Result<DemoReport> {
    let temporary;
    let folder = match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).map_err(|error| Error::from(error).at(dir))?;
            dir.as_path()
        }
        None => {
            temporary = tempfile::Builder::new()
                .prefix("redb-cache-demo-")
                .tempdir()?;
            temporary.path()
        }
    };
    let cache = folder.join("cache.redb");
    if cache.exists() {
        return Err(Error::new(
            ErrorKind::Usage,
            "the demo does not touch a cache that is there",
        )
        .at(&cache)
        .help("name another folder"));
    }
    let key = sample::build(&cache, context.now)?;
    let mut steps = Vec::new();
    for (why, words) in WALK {
        context.cancel.check()?;
        steps.push(step(context, &cache, why, words, &key)?);
        if context.ui.output().reader_left() {
            break;
        }
    }
    Ok(DemoReport {
        cache: cache.clone(),
        kept: args.dir.is_some(),
        steps,
    })
}

/// Runs this program itself, so that what is seen is what anybody gets.
fn step(
    context: &Context<'_>,
    cache: &Path,
    why: &'static str,
    words: &[&str],
    key: &str,
) -> Result<Step> {
    let words: Vec<&str> = words
        .iter()
        .map(|word| if *word == "ID" { key } else { word })
        .collect();
    let command = format!("redb-cache {}", words.join(" "));
    let mut child = Command::new(std::env::current_exe()?);
    child
        .args(&words)
        .env("REDB_CACHE_PATH", cache)
        .stdin(Stdio::null());
    for limit in ["REDB_MAX_CACHE_SIZE", "REDB_TTL_SECONDS"] {
        child.env_remove(limit);
    }
    if context.ui.format() == Format::Table {
        let output = context.ui.output();
        output.write(format!("\n# {why}\n$ {command}\n").as_bytes())?;
        output.flush()?;
        let status = child.status()?;
        return Ok(Step {
            why,
            command,
            exit_code: status.code(),
            stdout: None,
        });
    }
    let done = child.stderr(Stdio::inherit()).output()?;
    let stdout = Some(String::from_utf8_lossy(&done.stdout).into_owned());
    Ok(Step {
        why,
        command,
        exit_code: done.status.code(),
        stdout,
    })
}

impl Report for DemoReport {
    fn schema(&self) -> &'static str {
        "demo"
    }

    fn view(&self) -> ui::View {
        let view = ui::View::new();
        if self.kept {
            let cache = self.cache.display();
            view.note(Severity::Info, format!("the cache stays at {cache}"))
                .next(format!("redb-cache --cache {cache} inspect"))
        } else {
            view.note(
                Severity::Info,
                "that was a temporary cache; `redb-cache demo DIR` keeps it",
            )
            .next("redb-cache --cache PATH inspect")
        }
    }
}
