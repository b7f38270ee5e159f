//! `bench`: do-memory-storage-redb and redb-cache on the same work, in one run.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use interop::bench::{self, Comparison, Plan, Workload};

const USAGE: &str = "\
usage: bench [--episodes N] [--batch N] [--folder PATH]
           --episodes N   in the cache; a multiple of the batch (10000)
           --batch N      episodes of a batch (1000)
           --folder PATH  where the caches are made, which decides what a durable commit costs
                          (the folder for temporary files)

Exit 0 when redb-cache is as fast as it has to be, 1 when it is not or something failed, 2 usage.";

struct Arguments {
    plan: Plan,
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("bench: {error:#}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments {
        plan: Plan::default(),
        folder: std::env::temp_dir(),
    };
    while let Some(word) = words.next() {
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--episodes" => arguments.plan.episodes = value.parse().context("--episodes")?,
            "--batch" => arguments.plan.batch = value.parse().context("--batch")?,
            "--folder" => arguments.folder = PathBuf::from(value),
            other => bail!("unknown option {other}"),
        }
    }
    Ok(arguments)
}

async fn run(Arguments { plan, folder }: &Arguments) -> Result<ExitCode> {
    let workload = Workload::new(plan);
    let folder = tempfile::tempdir_in(folder)?;
    let upstream = bench::upstream::measure(plan, &workload, folder.path()).await?;
    let ours = bench::ours::measure(plan, &workload, folder.path())?;
    let comparison = Comparison {
        workload: &workload,
        upstream: &upstream,
        ours: Some(&ours),
    };
    print!("{comparison}");
    let missed = comparison.missed();
    for case in &missed {
        eprintln!(
            "bench: {} is not {} times faster",
            case.label(),
            case.goal()
        );
    }
    Ok(if missed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
