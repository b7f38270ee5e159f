//! `bench_rebuild`: redb-cache, do-memory's synchronizer and plain paging on the same durable database, in one run.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use interop::bench::Workload;
use interop::bench::rebuild::Bench;
use interop::durable::Server;

const USAGE: &str = "\
usage: bench_rebuild [--episodes N] [--runs N] [--folder PATH]
           --episodes N   in the database (5000)
           --runs N       how often everything is done; the median counts (5)
           --folder PATH  where the database and the caches are made (the folder for temporary files)

The variable REDB_CACHE_SQLD names the server's program; without it only the file is read.

Exit 0 when redb-cache is as fast as it has to be, 1 when it is not or something failed, 2 usage.";

struct Arguments {
    episodes: usize,
    runs: usize,
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("bench_rebuild: {error:#}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments).await {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("bench_rebuild: {}", missed.join("; "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench_rebuild: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments {
        episodes: 5_000,
        runs: 5,
        folder: std::env::temp_dir(),
    };
    while let Some(word) = words.next() {
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--episodes" => arguments.episodes = value.parse().context("--episodes")?,
            "--runs" => arguments.runs = value.parse().context("--runs")?,
            "--folder" => arguments.folder = PathBuf::from(value),
            other => bail!("unknown option {other}"),
        }
    }
    ensure!(arguments.runs > 0, "--runs 0 measures nothing");
    Ok(arguments)
}

async fn run(arguments: &Arguments) -> Result<Vec<String>> {
    let folder = tempfile::tempdir_in(&arguments.folder)?;
    let episodes = Workload::episodes(0..arguments.episodes as u64);
    let bench = Bench::prepare(folder.path(), &episodes, arguments.runs).await?;
    drop(episodes);
    println!(
        "{} episodes, medians of {} runs\n",
        arguments.episodes, arguments.runs
    );
    let from_file = bench.from_file().await?;
    println!("{from_file}");
    let mut missed = from_file.missed();
    match Server::program() {
        Some(program) => {
            let from_server = bench.from_server(&program).await?;
            println!("{from_server}");
            missed.extend(from_server.missed());
        }
        None => eprintln!("NOT TRIED: REDB_CACHE_SQLD does not name a server"),
    }
    Ok(missed)
}
