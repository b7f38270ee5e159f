//! The engine of redb-cache and do-memory on the same file, in turns.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use interop::check::{self, Options};
use interop::hold::{self, Plan};
use interop::sandbox::{Fixture, RELEASE, Sandbox};
use interop::truth::{Table, Truth};
use interop::{engine, generation, upstream};

/// More than any of these caches holds.
const NO_LIMIT: u64 = 1_000_000;

fn truth() -> Result<Truth> {
    Truth::load(&Fixture::find(RELEASE)?.truth())
}

#[tokio::test]
async fn what_our_engine_writes_do_memory_reads_back() -> Result<()> {
    let (sandbox, truth) = (Sandbox::new()?, truth()?);
    let cache = sandbox.path("cache.redb");
    let storage = engine::open(&cache, NO_LIMIT)?;
    engine::store_all(&storage, &truth)?;
    storage.close()?;

    let report = check::check(&cache, &truth, Options::default()).await?;
    assert_eq!(report.wrong(), 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn what_do_memory_writes_our_engine_reads_back() -> Result<()> {
    let (sandbox, truth) = (Sandbox::new()?, truth()?);
    let cache = sandbox.path("cache.redb");
    upstream::store_all(&upstream::open(&cache).await?, &truth).await?;

    let storage = engine::open(&cache, NO_LIMIT)?;
    assert_eq!(engine::differences(&storage, &truth)?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn what_our_engine_evicts_do_memory_does_not_miss() -> Result<()> {
    let (sandbox, truth) = (Sandbox::new()?, truth()?);
    let cache = sandbox.path("cache.redb");
    let storage = engine::open(&cache, 20)?;
    engine::store_all(&storage, &truth)?;
    storage.close()?;

    let options = Options {
        only_present: true,
        ..Options::default()
    };
    let report = check::check(&cache, &truth, options).await?;
    assert_eq!(report.wrong(), 0, "{report}");
    assert_eq!(
        report
            .table(Table::Episodes)
            .context("no report")?
            .equal
            .len(),
        20
    );
    Ok(())
}

#[tokio::test]
async fn our_engine_and_do_memory_write_in_turns() -> Result<()> {
    let (sandbox, truth) = (Sandbox::new()?, truth()?);
    let cache = sandbox.path("cache.redb");
    let plan = Plan {
        cache: cache.clone(),
        time: Duration::from_millis(200),
        rate: 50.0,
    };
    let mut newest = 0;
    for _ in 0..3 {
        let storage = engine::open(&cache, NO_LIMIT)?;
        engine::store_all(&storage, &truth)?;
        assert_eq!(engine::differences(&storage, &truth)?, Vec::<String>::new());
        storage.close()?;

        let outcome = hold::hold(&plan, || {}, std::future::pending()).await?;
        ensure!(
            outcome.errors.is_empty() && outcome.verified.generation > newest,
            "{outcome}"
        );
        newest = outcome.verified.generation;
        let options = Options {
            allow_extra: true,
            ..Options::default()
        };
        let report = check::check(&cache, &truth, options).await?;
        assert_eq!(report.wrong(), 0, "{report}");
        demand_engine_sees(&cache, newest)?;
    }
    Ok(())
}

/// The engine reads the last batch that do-memory committed.
fn demand_engine_sees(cache: &std::path::Path, newest: u64) -> Result<()> {
    let storage = engine::open(cache, NO_LIMIT)?;
    for want in generation::batch(newest) {
        let got = storage
            .get(want.episode_id.to_string())?
            .context("an episode of do-memory is missing")?;
        assert_eq!(serde_json::to_value(&*got)?, serde_json::to_value(&want)?);
    }
    storage.close()?;
    Ok(())
}
