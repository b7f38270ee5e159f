//! The yardstick itself: do-memory reads what it wrote, and the comparison notices what it should.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use interop::check::{self, Options};
use interop::hold::{self, Plan};
use interop::sandbox::{Fixture, RELEASE, Sandbox};
use interop::tool::{Export, Holder};
use interop::truth::{Table, Truth};
use interop::upstream;
use serde_json::json;

const INTEROP: &str = env!("CARGO_BIN_EXE_interop");

#[tokio::test]
async fn what_do_memory_writes_it_reads_back() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let truth = Truth::load(&Fixture::find(RELEASE)?.truth())?;
    let cache = sandbox.path("cache.redb");
    upstream::store_all(&upstream::open(&cache).await?, &truth).await?;

    let report = check::check(&cache, &truth, Options::default()).await?;
    assert_eq!(report.wrong(), 0, "{report}");
    assert_eq!(
        report
            .tables
            .iter()
            .map(|table| table.equal.len())
            .sum::<usize>(),
        truth.len()
    );
    Ok(())
}

#[tokio::test]
async fn the_fixture_of_this_release_is_what_its_truth_says() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let fixture = Fixture::find(RELEASE)?;
    let cache = sandbox.copy(&fixture.cache(), "cache.redb")?;
    let report = check::check(&cache, &Truth::load(&fixture.truth())?, Options::default()).await?;
    assert_eq!(report.wrong(), 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn a_changed_a_missing_and_an_unknown_row_are_noticed() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let truth = Truth::load(&Fixture::find(RELEASE)?.truth())?;
    let cache = sandbox.path("cache.redb");
    let storage = upstream::open(&cache).await?;
    upstream::store_all(&storage, &truth).await?;
    storage
        .store_metadata("empty", "not empty any more")
        .await?;
    let mut episodes = storage.get_all_episodes(&Default::default()).await?;
    let mut unknown = episodes.pop().context("no episode")?;
    let gone = episodes.pop().context("no second episode")?;
    storage.delete_episode(gone.episode_id).await?;
    unknown.episode_id = uuid::Uuid::nil();
    storage.store_episode(&unknown).await?;

    let report = check::compare(&storage, &truth, Options::default()).await;
    let episodes = report.table(Table::Episodes).context("no report")?;
    assert_eq!(episodes.missing, [gone.episode_id.to_string()]);
    assert_eq!(episodes.extra, [uuid::Uuid::nil().to_string()]);
    assert_eq!(
        report
            .table(Table::Metadata)
            .context("no report")?
            .faults
            .len(),
        1
    );
    assert_eq!(report.wrong(), 3, "{report}");

    let options = Options {
        only_present: true,
        allow_extra: true,
        ..Options::default()
    };
    assert_eq!(check::compare(&storage, &truth, options).await.wrong(), 1);
    Ok(())
}

#[tokio::test]
async fn a_second_holder_goes_on_where_the_first_one_stopped() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let plan = Plan {
        cache: sandbox.path("cache.redb"),
        time: Duration::from_millis(300),
        rate: 50.0,
    };
    let never = std::future::pending;
    let first = hold::hold(&plan, || {}, never()).await?;
    let second = hold::hold(&plan, || {}, never()).await?;
    for outcome in [&first, &second] {
        ensure!(
            outcome.commits > 0 && outcome.errors.is_empty(),
            "{outcome}"
        );
    }
    assert_eq!(
        second.verified.generation,
        first.verified.generation + second.commits
    );
    Ok(())
}

#[test]
fn a_holder_keeps_others_out_and_stops_when_told() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let cache = sandbox.path("cache.redb");
    let holder = Holder::start(INTEROP, &cache, 20.0)?;
    assert!(Holder::start(INTEROP, &cache, 1.0).is_err());
    let held = holder.stop()?;
    assert_eq!(held.errors, 0);
    Ok(())
}

#[test]
fn an_export_that_is_not_the_truth_is_noticed() -> Result<()> {
    let truth = Truth::load(&Fixture::find(RELEASE)?.truth())?;
    let mut export = Export {
        tables: Table::ALL
            .map(|table| (table.name().to_owned(), truth.rows(table).clone()))
            .into(),
    };
    assert_eq!(export.differences(&truth), Vec::<String>::new());
    export
        .tables
        .get_mut("metadata")
        .context("no metadata")?
        .insert("empty".to_owned(), json!("x"));
    export
        .tables
        .get_mut("episodes")
        .context("no episodes")?
        .pop_first();
    assert_eq!(export.differences(&truth).len(), 2);
    Ok(())
}
