//! What `sweep`, `clear` and `compact` leave behind, do-memory opens and reads back, and goes on writing to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use interop::check::{self, Options, Report};
use interop::sandbox::{Fixture, RELEASE, Sandbox};
use interop::tool::{self, RedbCache};
use interop::truth::{Table, Truth};
use interop::upstream;

/// A cache that do-memory wrote, with the truth about it.
struct Written {
    sandbox: Sandbox,
    cache: PathBuf,
    truth: Truth,
}

impl Written {
    async fn new() -> Result<Self> {
        let sandbox = Sandbox::new()?;
        let truth = Truth::load(&Fixture::find(RELEASE)?.truth())?;
        let cache = sandbox.path("cache.redb");
        upstream::store_all(&upstream::open(&cache).await?, &truth).await?;
        Ok(Self {
            sandbox,
            cache,
            truth,
        })
    }

    /// Runs verbs on the cache, then lets do-memory read what is left.
    async fn after(&self, verbs: &[&[&str]]) -> Result<Report> {
        for verb in verbs {
            RedbCache::on(&self.cache)?.succeed(verb)?;
        }
        let report = check::check(&self.cache, &self.truth, options_for_leftovers()).await?;
        ensure!(report.wrong() == 0, "{report}");
        Ok(report)
    }
}

/// Rows may be gone, but nothing may be there that do-memory did not write.
fn options_for_leftovers() -> Options {
    Options {
        only_present: true,
        ..Options::default()
    }
}

fn missing(report: &Report, table: Table) -> Result<BTreeSet<String>> {
    let report = report
        .table(table)
        .with_context(|| format!("no report of {table}"))?;
    Ok(report.missing.iter().cloned().collect())
}

fn demand_complete(report: &Report, tables: impl IntoIterator<Item = Table>) -> Result<()> {
    for table in tables {
        let missing = missing(report, table)?;
        ensure!(
            missing.is_empty(),
            "{} rows of {table} are missing: {missing:?}",
            missing.len()
        );
    }
    Ok(())
}

/// With an episode goes what hangs on it, and nothing else.
fn demand_only_dependents_are_missing(report: &Report, truth: &Truth) -> Result<()> {
    let episodes = missing(report, Table::Episodes)?;
    let of_an_episode =
        |key: &&String| episodes.contains(key.strip_prefix("episode_").unwrap_or(key));
    for table in [Table::Summaries, Table::Embeddings] {
        let want: BTreeSet<String> = truth
            .rows(table)
            .keys()
            .filter(of_an_episode)
            .cloned()
            .collect();
        let missing = missing(report, table)?;
        ensure!(
            missing == want,
            "of {table} {missing:?} are missing instead of {want:?}"
        );
    }
    let touched = [Table::Episodes, Table::Summaries, Table::Embeddings];
    demand_complete(
        report,
        Table::ALL
            .into_iter()
            .filter(|table| !touched.contains(table)),
    )
}

#[tokio::test]
async fn after_a_sweep_do_memory_reads_the_20_episodes_that_were_written_last() -> Result<()> {
    let written = Written::new().await?;
    let report = written.after(&[&["sweep", "--max-entries", "20"]]).await?;
    // Episodes were stored one by one in the order of their keys.
    let newest: Vec<_> = written
        .truth
        .rows(Table::Episodes)
        .keys()
        .rev()
        .take(20)
        .rev()
        .cloned()
        .collect();
    assert_eq!(
        report.table(Table::Episodes).context("no report")?.equal,
        newest
    );
    demand_only_dependents_are_missing(&report, &written.truth)
}

#[tokio::test]
async fn after_clearing_the_patterns_do_memory_reads_everything_else() -> Result<()> {
    let written = Written::new().await?;
    let report = written
        .after(&[&["clear", "--table", "patterns", "--yes"]])
        .await?;
    assert!(
        report
            .table(Table::Patterns)
            .context("no report")?
            .equal
            .is_empty()
    );
    demand_complete(
        &report,
        Table::ALL
            .into_iter()
            .filter(|table| *table != Table::Patterns),
    )
}

#[tokio::test]
async fn after_a_compaction_do_memory_reads_everything_from_a_file_that_did_not_grow() -> Result<()>
{
    let written = Written::new().await?;
    let before = fs::metadata(&written.cache)?.len();
    RedbCache::on(&written.cache)?.succeed(&["compact"])?;
    let after = fs::metadata(&written.cache)?.len();
    assert!(after <= before, "grew from {before} to {after} bytes");
    let report = written.after(&[]).await?;
    demand_complete(&report, Table::ALL)
}

#[tokio::test]
async fn after_all_three_do_memory_goes_on_writing() -> Result<()> {
    let written = Written::new().await?;
    let sweep: &[&str] = &["sweep", "--max-entries", "20"];
    written
        .after(&[
            sweep,
            &["clear", "--table", "patterns", "--yes"],
            &["compact"],
        ])
        .await?;

    upstream::store_all(&upstream::open(&written.cache).await?, &written.truth).await?;
    let report = check::check(&written.cache, &written.truth, Options::default()).await?;
    assert_eq!(report.wrong(), 0, "{report}");
    demand_export_is_the_truth(&written.cache)
}

#[tokio::test]
async fn the_backup_of_a_compaction_is_a_cache_that_do_memory_reads() -> Result<()> {
    let written = Written::new().await?;
    RedbCache::on(&written.cache)?.succeed(&["compact"])?;
    for other in other_caches_beside(&written.cache)? {
        let copy = written.sandbox.copy(&other, "copy-of-backup.redb")?;
        let report = check::check(&copy, &written.truth, Options::default()).await?;
        assert_eq!(report.wrong(), 0, "{}: {report}", other.display());
    }
    Ok(())
}

/// Other files in the folder of the cache that begin as every redb file does.
fn other_caches_beside(cache: &Path) -> Result<Vec<PathBuf>> {
    let folder = cache.parent().context("no folder")?;
    let paths: Result<Vec<_>, _> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let is_redb =
        |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"redb\x1a\n\xa9\r\n"));
    Ok(paths?
        .into_iter()
        .filter(|path| path != cache && is_redb(path))
        .collect())
}

fn demand_export_is_the_truth(cache: &Path) -> Result<()> {
    let exported = RedbCache::on(cache)?.succeed(&["export"])?.stdout;
    tool::check_truth(&exported, &Fixture::find(RELEASE)?.truth())
}
