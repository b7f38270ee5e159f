//! What do-memory writes, `redb-cache export` tells, value by value.

use anyhow::Result;
use interop::sandbox::{Fingerprint, Fixture, RELEASE, Sandbox};
use interop::tool::{self, RedbCache};
use interop::truth::Truth;
use interop::upstream;

#[tokio::test]
async fn the_export_of_what_do_memory_writes_is_the_truth() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let fixture = Fixture::find(RELEASE)?;
    let truth = Truth::load(&fixture.truth())?;
    let cache = sandbox.path("cache.redb");
    upstream::store_all(&upstream::open(&cache).await?, &truth).await?;

    let before = Fingerprint::of(&cache)?;
    let exported = RedbCache::on(&cache)?.succeed(&["export"])?.stdout;
    assert!(
        before == Fingerprint::of(&cache)?,
        "the export changed the cache"
    );
    tool::check_truth(&exported, &fixture.truth())?;
    Ok(())
}

#[test]
fn the_export_of_the_fixture_keeps_every_bit_of_every_number() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let fixture = Fixture::find(RELEASE)?;
    let cache = sandbox.copy(&fixture.cache(), "cache.redb")?;
    let export = RedbCache::on(&cache)?.export()?;
    assert_eq!(
        export.differences(&Truth::load(&fixture.truth())?),
        Vec::<String>::new()
    );
    Ok(())
}

#[test]
fn an_export_of_some_tables_holds_only_those() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let cache = sandbox.copy(&Fixture::find(RELEASE)?.cache(), "cache.redb")?;
    let run = RedbCache::on(&cache)?.succeed(&["export", "patterns", "metadata"])?;
    let export = tool::Export::parse(&run.stdout)?;
    assert_eq!(
        export.tables.keys().collect::<Vec<_>>(),
        ["metadata", "patterns"]
    );
    Ok(())
}
