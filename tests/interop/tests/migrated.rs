//! What `migrate` makes of a cache of any release, do-memory opens without a migration of its own, reads back row by
//! row, and goes on writing to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use do_memory_storage_redb::RedbStorage;
use interop::check::{self, Options};
use interop::hold::{self, Plan};
use interop::sandbox::{Fingerprint, Fixture, Sandbox};
use interop::tool::{self, RedbCache, exit};
use interop::truth::{Table, Truth};
use interop::upstream;
use redb::{ReadableDatabase, TableDefinition};
use serde_json::{Value, json};

/// A fixture, migrated.
struct Migrated {
    _sandbox: Sandbox,
    cache: PathBuf,
    release: String,
    fixture: Fixture,
    /// How many `parameters` may differ although their bytes could have told.
    differ: u64,
}

impl Migrated {
    fn new(release: &str, fixture: &Fixture) -> Result<Self> {
        let sandbox = Sandbox::new()?;
        let cache = sandbox.copy(&fixture.cache(), "cache.redb")?;
        let report = migrate(&cache)?;
        let parameters = report.get("parameters").and_then(Value::as_object);
        let parameters = parameters.context("no parameters in the report")?;
        let values: u64 = parameters.values().filter_map(Value::as_u64).sum();
        Ok(Self {
            _sandbox: sandbox,
            cache,
            release: release.to_owned(),
            fixture: fixture.clone(),
            differ: match release {
                _ if release.contains("real") => values / 1000,
                "0.1.6" => 5,
                _ => 10,
            },
        })
    }

    /// What do-memory reads is what our export tells, and both are the truth. Returns it, without what changes whenever
    /// do-memory writes.
    async fn demand_read_back(&self) -> Result<Truth> {
        let exported = RedbCache::on(&self.cache)?.succeed(&["export"])?.stdout;
        tool::check_truth_but(&exported, &self.fixture.truth(), self.differ)?;
        let mut export = tool::Export::parse(&exported)?;
        let told = export.clone().into_truth();
        let storage = upstream::open(&self.cache).await?;
        let report = check::compare(&storage, &told, Options::default()).await;
        ensure!(report.wrong() == 0, "{report}");
        let read = lines_of(&storage, &told).await?;
        tool::check_truth_but(&read, &self.fixture.truth(), self.differ)?;
        let metadata = export.tables.get_mut(Table::Metadata.name());
        metadata.and_then(|rows| rows.remove("episode_revision_seq"));
        Ok(export.into_truth())
    }

    /// do-memory writes every row again, and commits of its own.
    async fn go_on_writing(&self, truth: &Truth) -> Result<()> {
        upstream::store_all(&upstream::open(&self.cache).await?, truth).await?;
        let plan = Plan {
            cache: self.cache.clone(),
            time: Duration::from_millis(100),
            rate: 50.0,
        };
        let outcome = hold::hold(&plan, || {}, std::future::pending()).await?;
        ensure!(outcome.errors.is_empty(), "{outcome}");
        let options = Options {
            allow_extra: true,
            ..Options::default()
        };
        let report = check::check(&self.cache, truth, options).await?;
        ensure!(report.wrong() == 0, "{report}");
        Ok(())
    }

    /// Health finds nothing, and a second migration does nothing.
    fn demand_nothing_left_to_do(&self, max_reclaimable: &str) -> Result<()> {
        let health = ["health", "--deep", "--max-reclaimable", max_reclaimable];
        let health = RedbCache::on(&self.cache)?.run(&health)?;
        ensure!(
            health.code == Some(exit::DONE),
            "{}{}",
            health.describe(),
            health.stdout
        );
        let before = Fingerprint::of(&self.cache)?;
        let report = migrate(&self.cache)?;
        ensure!(
            report.get("outcome") == Some(&json!("nothing_to_do")),
            "{report}"
        );
        ensure!(
            before == Fingerprint::of(&self.cache)?,
            "the second migration changed the cache"
        );
        Ok(())
    }
}

fn migrate(cache: &Path) -> Result<Value> {
    let run = RedbCache::on(cache)?.succeed(&["migrate", "--format", "json"])?;
    run.document("migrate")
}

/// What do-memory reads, in the form of an export.
async fn lines_of(storage: &RedbStorage, rows: &Truth) -> Result<String> {
    let mut lines = String::new();
    for table in Table::ALL {
        let reading = upstream::read(storage, table, rows.rows(table)).await;
        for (key, value) in reading.fetched {
            let value = value.map_err(|error| anyhow::anyhow!("{table} {key}: {error}"))?;
            let line = json!({"table": table.name(), "key": key, "value": value});
            lines.push_str(&format!("{line}\n"));
        }
    }
    Ok(lines)
}

/// How many rows each table has, told by nobody but redb-cache.
fn row_counts(cache: &Path) -> Result<BTreeMap<String, u64>> {
    let run = RedbCache::on(cache)?.succeed(&["inspect", "--format", "json"])?;
    let document = run.document("inspect")?;
    let tables = document.get("tables").and_then(Value::as_array);
    let tables = tables.context("no tables")?.iter();
    let counts = tables.map(|table| {
        let name = table.get("name").and_then(Value::as_str);
        let rows = table.get("rows").and_then(Value::as_u64);
        Some((name?.to_owned(), rows?))
    });
    counts
        .collect::<Option<_>>()
        .context("a table without name or rows")
}

#[tokio::test]
async fn every_fixture_migrated_is_read_back_by_do_memory_which_goes_on_writing() -> Result<()> {
    let fixtures = Fixture::all()?;
    ensure!(fixtures.len() >= 14, "only {} fixtures", fixtures.len());
    for (release, fixture) in fixtures {
        let migrated = Migrated::new(&release, &fixture)?;
        let told = migrated.demand_read_back().await;
        let told = told.with_context(|| migrated.release.clone())?;
        migrated
            .demand_nothing_left_to_do("50%")
            .with_context(|| format!("{release}, after do-memory opened it"))?;
        let written = migrated.go_on_writing(&told).await;
        written.with_context(|| format!("{release}, written to"))?;
        // It wrote every row again, which leaves as many pages free.
        migrated
            .demand_nothing_left_to_do("100%")
            .with_context(|| format!("{release}, after do-memory wrote to it"))?;
    }
    Ok(())
}

/// Some releases of do-memory erase every table when they open a file whose version is not theirs.
#[tokio::test]
async fn no_table_loses_a_row_when_do_memory_opens_what_was_migrated() -> Result<()> {
    for (release, fixture) in Fixture::all()? {
        let migrated = Migrated::new(&release, &fixture)?;
        let before = row_counts(&migrated.cache)?;
        ensure!(
            before.get("episodes").copied() > Some(0),
            "{release}: {before:?}"
        );
        for _ in 0..2 {
            drop(upstream::open(&migrated.cache).await?);
            let mut after = row_counts(&migrated.cache)?;
            // What do-memory keeps for itself it may fill; it must not lose any of it.
            for table in ["episode_revisions", "recommendation_episode_index"] {
                let (was, is) = (before.get(table).copied(), after.remove(table));
                ensure!(is >= was, "{release} {table}: {was:?} rows became {is:?}");
                after.extend(was.map(|rows| (table.to_owned(), rows)));
            }
            assert_eq!(after, before, "{release}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn tables_of_a_user_survive_the_migration_and_do_memorys_open() -> Result<()> {
    const MINE: TableDefinition<&str, &[u8]> = TableDefinition::new("mine");
    let sandbox = Sandbox::new()?;
    let fixture = Fixture::find("0.1.34")?;
    let cache = sandbox.copy(&fixture.cache(), "cache.redb")?;
    let db = redb::Database::open(&cache)?;
    let txn = db.begin_write()?;
    txn.open_table(MINE)?.insert("key", [7, 8].as_slice())?;
    txn.commit()?;
    drop(db);
    migrate(&cache)?;
    drop(upstream::open(&cache).await?);
    let db = redb::Database::open(&cache)?;
    let row = db.begin_read()?.open_table(MINE)?.get("key")?;
    assert_eq!(row.context("the row is gone")?.value(), [7, 8]);
    Ok(())
}
