//! Verbs that only read, when a call fails: what they say is right, or they fail.

use std::path::Path;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::common;
use crate::faults::{self, Fault};
use crate::figures::{self, Count};
use crate::scene::{self, ensure};
use crate::strace::{self, Strace, Traced};

/// The verbs.
const VERBS: &[&[&str]] = &[&["inspect"], &["stats"], &["health", "--deep"], &["export"]];

/// A release of each file format.
const FORMATS: &[(&str, &str)] = &[("redb v2 file", "0.1.6"), ("redb v3 file", "0.1.47")];

/// Of the calls, the quick part tries so many.
const QUICK: usize = 4;

pub fn trials() -> Vec<Trial> {
    let each = VERBS
        .iter()
        .flat_map(|verb| FORMATS.iter().map(move |format| (verb, format)));
    each.map(|(verb, (format, fixture))| {
        let what = format!("a failing call: {}, {format}", verb.join(" "));
        strace::trial(what.clone(), what, move |what| {
            fail_each(what, verb, fixture)
        })
    })
    .collect()
}

fn fail_each(what: &str, verb: &[&str], fixture: &str) -> Result<(), Failed> {
    let (dir, cache) = common::copy_of(fixture);
    let before = common::state(&cache);
    let args = [verb, &["--format", "json", "--lock-timeout", "100ms"]].concat();
    let program = || common::program(&cache, &args);
    let strace = Strace {
        calls: faults::CALLS,
        paths: vec![dir.path().to_owned(), cache.clone()],
    };
    let (mut points, output) = strace.points(&program());
    let right = Said::of(&program(), None, &strace);
    assert_eq!(right.code(), output.status.code());
    let mut count = Count::of(if figures::is_long() {
        what.to_owned()
    } else {
        format!("{what}, every {QUICK}th")
    });
    points.retain(|point| figures::is_long() || point.n % QUICK == 1);
    for (inject, fault) in faults::injections(&points) {
        let said = Said::of(&program(), Some(&inject), &strace);
        let held = judge(dir.path(), fault, &right, &said).and_then(|()| {
            ensure(common::state(&cache) == before, || "it wrote".to_owned())?;
            ensure(common::names(dir.path()).len() == 1, || {
                format!("left behind: {:?}", common::names(dir.path()))
            })
        });
        count.case(held.map_err(|why| format!("{inject}: {why}")));
    }
    count.end()
}

/// A run, and what it said but for how long it took and when that was.
struct Said(Traced, String);

impl Said {
    fn of(program: &Command, inject: Option<&str>, strace: &Strace) -> Self {
        let began = scene::now();
        let traced = strace.run(program, inject);
        let stdout = String::from_utf8_lossy(&traced.output.stdout).into_owned();
        let mut parts = stdout.split("elapsed_ms\":");
        let first = parts.next().unwrap_or_default().to_owned();
        let timeless = parts.fold(first, |text, part| {
            text + part.trim_start_matches(|c: char| c.is_ascii_digit())
        });
        Self(traced, scene::without_since(&began, &timeless))
    }

    fn code(&self) -> Option<i32> {
        self.0.output.status.code()
    }

    /// Of `health`, which says of each check how it came out.
    fn checks(&self) -> Option<Vec<(String, String)>> {
        let report: Value = serde_json::from_str(&self.1).ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let checks = report["checks"].as_array()?.iter();
        Some(
            checks
                .map(|check| (text(&check["name"]), text(&check["state"])))
                .collect(),
        )
    }

    /// Whether it says what is right, or at least nothing wrong.
    fn is(&self, right: &Self) -> bool {
        let (Some(said), Some(right)) = (self.checks(), right.checks()) else {
            return self.1 == right.1;
        };
        let besides = ["lock", "closed_cleanly", "free_space"];
        said.iter().zip(&right).all(|(said, right)| match &*said.1 {
            "unknown" if besides.contains(&&*said.0) => true,
            "unknown" | "broken" if self.code() != Some(0) => true,
            _ => said == right,
        })
    }
}

fn judge(folder: &Path, fault: &Fault, right: &Said, said: &Said) -> Result<(), String> {
    faults::check_ended(&said.0)?;
    let code = said.code();
    if code == right.code() {
        return ensure(said.is(right), || {
            format!("exit {code:?} with another result: {}", said.1)
        });
    }
    ensure(code != Some(0), || format!("exit 0: {}", said.1))?;
    // What is wrong is what `health` reports.
    let output = &said.0.output;
    let told = [&*output.stdout, &*output.stderr].concat();
    faults::check_told(folder, fault, &said.0, &String::from_utf8_lossy(&told))
}
