//! Files damaged in every way that can be counted: every bit of the header, pages changed, zeroed,
//! swapped, doubled and cut off, bytes of rows. Whatever the verb, it ends with one of its exit
//! codes, within its limits, and leaves the file alone.

mod cases;
mod runner;

use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use redb_cache::file::{FileFormat, Header};
use serde_json::Value;

use self::cases::{Case, Fixture};
use self::runner::{Ended, Runner};
use crate::common;
use crate::figures::{Count, is_long};

/// Verbs that only look. Each of them must come to an end on every file.
const VERBS: [&[&str]; 6] = [
    &["inspect"],
    &["stats"],
    &["health", "--deep"],
    &["export"],
    &["migrate", "--dry-run"],
    &["repair", "--dry-run"],
];
/// Of the program as it is released; one that is hardly optimized takes longer.
const MAX_CPU_MS: u64 = if cfg!(debug_assertions) {
    20_000
} else {
    5_000
};
const MAX_RSS_KIB: u64 = 256 << 10;

pub fn trials() -> Vec<Trial> {
    let releases = common::releases();
    let every = |name: &String, number: usize, all: usize| {
        let (name, what) = (name.clone(), format!("damage {name}"));
        Trial::test(what, move || every_verb_ends(&name, number, all))
    };
    let mut trials = Vec::new();
    // Between them, the fixtures of a format have every bit of the header.
    for format in [FileFormat::V2, FileFormat::V3] {
        let of = |name: &&String| format_of(name) == format;
        let of_format: Vec<_> = releases.iter().filter(of).collect();
        let all = of_format.len();
        let numbered = of_format.into_iter().enumerate();
        trials.extend(numbered.map(|(number, name)| every(name, number, all)));
    }
    trials.push(Trial::test(
        "damage that only health --deep sees",
        deep_sees,
    ));
    trials
}

fn format_of(name: &str) -> FileFormat {
    let path = common::fixture(name).join("cache.redb");
    Header::read(path).unwrap().format()
}

fn every_verb_ends(name: &str, number: usize, all: usize) -> Result<(), Failed> {
    let fixture = Fixture::of(name);
    let mut runner = Runner::start();
    let mut count = Count::of(format!("damage, {name}"));
    let (dir, path) = common::copy_of(name);
    for (turn, case) in fixture.cases(number, all).into_iter().enumerate() {
        let damaged = case.apply(&fixture.bytes);
        // Each kind of damage meets each verb.
        let taken = turn + number;
        for (n, verb) in VERBS.iter().enumerate() {
            if is_long() || n == taken % VERBS.len() {
                fs::write(&path, &damaged).unwrap();
                count.case(held(&mut runner, dir.path(), &path, verb, &case, &damaged));
            }
        }
    }
    count.end()
}

/// Runs one verb on one file.
fn held(
    runner: &mut Runner,
    dir: &Path,
    path: &Path,
    verb: &[&str],
    case: &Case,
    damaged: &[u8],
) -> Result<(), String> {
    let ended = runner.run(path, verb);
    let wrong = |what: &str| Err(format!("{case:?}, {verb:?}: {what}: {ended:?}"));
    let Ended {
        exit,
        cpu_ms,
        rss_kib,
        stderr,
    } = &ended;
    if !matches!(exit, 0 | 3 | 10..=15) {
        return wrong("exit code");
    }
    if stderr.contains("panicked") || stderr.contains("internal error at") {
        return wrong("it panicked");
    }
    if *cpu_ms > MAX_CPU_MS || *rss_kib > MAX_RSS_KIB {
        return wrong("it took too much");
    }
    if fs::read(path).unwrap() != damaged {
        return wrong("the file was changed");
    }
    if fs::read_dir(dir).unwrap().count() != 1 {
        return wrong("it left something beside the file");
    }
    Ok(())
}

/// What redb opens without a word, `health --deep` calls damaged.
fn deep_sees() -> Result<(), Failed> {
    let mut count = Count::of("damage that opening misses");
    for name in common::releases() {
        let (_dir, path) = common::copy_of(&name);
        let fixture = Fixture::of(&name);
        let row = &fixture.rows[fixture.rows.len() / 2];
        let damaged = Case::flip(row, row.len / 2, 1).apply(&fixture.bytes);
        fs::write(&path, &damaged).unwrap();
        let opened = match format_of(&name) {
            FileFormat::V2 => redb2::Database::open(&path).is_ok(),
            _ => redb::Database::open(&path).is_ok(),
        };
        // Opening has written to it.
        fs::write(&path, &damaged).unwrap();
        let output = common::run(&path, &["health", "--deep", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let pages = report["checks"].as_array().unwrap().iter();
        let broken = |check: &&Value| check["name"] == "pages" && check["state"] == "broken";
        let seen = output.status.code() == Some(13) && pages.filter(broken).count() == 1;
        count.case(match (opened, seen) {
            (true, true) => Ok(()),
            (false, _) => Err(format!("{name}: redb does not open it")),
            (_, false) => Err(format!("{name}: {report}")),
        });
    }
    count.end()
}
