//! `interop`: lets the published do-memory-storage-redb write, check and hold a cache.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use interop::check::{self, Options};
use interop::hold::{self, Plan};
use interop::truth::Truth;
use interop::{bench, upstream};
use tokio::sync::Notify;

const USAGE: &str = "\
usage: interop write CACHE TRUTH.json
           stores every row of the truth in a new cache
       interop check CACHE TRUTH.json [--tables A,B] [--only-present] [--allow-extra]
           reads every row back and compares; opening a cache writes to it, so give it a copy
           --tables        only these
           --only-present  rows may be missing, as after a sweep
           --allow-extra   rows may be there that the truth does not know
       interop hold CACHE SECONDS RATE
           holds the cache open, making RATE commits a second (0: none), until the time is over or
           a line \"stop\" comes in; says \"ready\" when it holds the file
       interop bench-upstream [EPISODES]
           measures do-memory-storage-redb alone; the program \"bench\" compares

All of it is done by do-memory-storage-redb 0.1.47. Exit 0 done, 1 failed or different, 2 usage.";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["write", cache, truth] => write(cache.as_ref(), truth.as_ref()).await,
        ["check", cache, truth, flags @ ..] => {
            run_check(cache.as_ref(), truth.as_ref(), flags).await
        }
        ["hold", cache, seconds, rate] => run_hold(cache, seconds, rate).await,
        ["bench-upstream"] => bench_upstream(None).await,
        ["bench-upstream", episodes] => bench_upstream(Some(episodes)).await,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("interop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn write(cache: &Path, truth: &Path) -> Result<()> {
    ensure!(!cache.exists(), "{} exists already", cache.display());
    let truth = Truth::load(truth)?;
    let storage = upstream::open(cache).await?;
    for (table, rows) in upstream::store_all(&storage, &truth).await? {
        println!("{table:<30}{rows:>8}");
    }
    Ok(())
}

async fn run_check(cache: &Path, truth: &Path, flags: &[&str]) -> Result<()> {
    ensure!(cache.is_file(), "there is no cache {}", cache.display());
    let report = check::check(cache, &Truth::load(truth)?, check_options(flags)?).await?;
    println!("{report}");
    match report.wrong() {
        0 => Ok(()),
        wrong => bail!(
            "{wrong} differences between {} and {}",
            cache.display(),
            truth.display()
        ),
    }
}

fn check_options(flags: &[&str]) -> Result<Options> {
    let mut options = Options::default();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        match *flag {
            "--only-present" => options.only_present = true,
            "--allow-extra" => options.allow_extra = true,
            "--tables" => {
                let names = flags.next().context("--tables needs the names of tables")?;
                options.tables = names.split(',').map(str::parse).collect::<Result<_>>()?;
            }
            other => bail!("unknown option {other}\n{USAGE}"),
        }
    }
    Ok(options)
}

async fn run_hold(cache: &str, seconds: &str, rate: &str) -> Result<()> {
    let seconds: f64 = seconds.parse().context("SECONDS is not a number")?;
    let rate: f64 = rate.parse().context("RATE is not a number")?;
    ensure!(rate >= 0.0, "RATE is negative");
    let time = Duration::try_from_secs_f64(seconds).context("SECONDS is not a time")?;
    let plan = Plan {
        cache: PathBuf::from(cache),
        time,
        rate,
    };
    let outcome = hold::hold(&plan, say_ready, stop_line()).await?;
    println!("{outcome}");
    ensure!(
        outcome.errors.is_empty(),
        "{} commits failed",
        outcome.errors.len()
    );
    Ok(())
}

fn say_ready() {
    println!("ready");
    // A reader that went away is noticed at the next line.
    _ = io::stdout().flush();
}

/// Completes when a line `stop` comes in; never at the end of the input, which may be closed from the start.
async fn stop_line() {
    let stop = Arc::new(Notify::new());
    let heard = Arc::clone(&stop);
    std::thread::spawn(move || {
        let mut lines = io::stdin().lock().lines().map_while(Result::ok);
        if lines.any(|line| line.trim() == "stop") {
            heard.notify_one();
        }
    });
    stop.notified().await;
}

async fn bench_upstream(episodes: Option<&str>) -> Result<()> {
    let mut plan = bench::Plan::default();
    if let Some(episodes) = episodes {
        plan.episodes = episodes.parse().context("EPISODES is not a number")?;
        plan.batch = plan.batch.min(plan.episodes);
    }
    let workload = bench::Workload::new(&plan);
    let folder = tempfile::tempdir()?;
    let figures = bench::upstream::measure(&plan, &workload, folder.path()).await?;
    println!(
        "{}",
        bench::Comparison {
            workload: &workload,
            upstream: &figures,
            ours: None
        }
    );
    Ok(())
}
