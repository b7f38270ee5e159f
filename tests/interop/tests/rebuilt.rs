//! What `rebuild` makes of a database that do-memory-storage-turso wrote, do-memory-storage-redb reads as what was
//! given to the former, and do-memory's own synchronizer goes on from there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use do_memory_core::{Episode, SyncWatermarkBackend};
use do_memory_storage_redb::RedbStorage;
use do_memory_storage_turso::TursoStorage;
use interop::check::{self, Options};
use interop::durable::{self, Server};
use interop::sandbox::{Fixture, RELEASE, Sandbox};
use interop::synthetic;
use interop::tool::RedbCache;
use interop::truth::{Rows, Table, Truth};
use interop::upstream;
use serde_json::{Value, json};
use uuid::Uuid;

/// A database and the cache that is made from it.
struct Workshop {
    sandbox: Sandbox,
    database: PathBuf,
    cache: PathBuf,
}

impl Workshop {
    fn new() -> Result<Self> {
        let sandbox = Sandbox::new()?;
        let (database, cache) = (sandbox.path("turso.db"), sandbox.path("cache.redb"));
        Ok(Self {
            sandbox,
            database,
            cache,
        })
    }

    fn rebuild(&self) -> Result<()> {
        rebuild(&self.cache, &self.database.display().to_string())
    }

    /// What do-memory reads from the cache is what the store keeps of what it was given.
    async fn demand_equal(&self, given: &Truth) -> Result<()> {
        let summarized = durable::times_of_summaries(&self.database).await?;
        let kept = durable::kept(given, &summarized)?;
        let report = check::check(&self.cache, &kept, Options::default()).await?;
        ensure!(report.wrong() == 0, "{report}");
        Ok(())
    }
}

fn rebuild(cache: &Path, from: &str) -> Result<()> {
    let rebuild = ["rebuild", "--from", from, "--yes", "--format", "json"];
    RedbCache::on(cache)?
        .succeed(&rebuild)?
        .document("rebuild")?;
    Ok(())
}

/// The number of elements that do-memory takes in an embedding, with its default features.
const DIMENSION: usize = 384;

/// Rows of every kind: those of a fixture, and some more episodes.
fn rows_of_every_kind() -> Result<Truth> {
    let fixture = Truth::load(&Fixture::find(RELEASE)?.truth())?;
    let mut tables = Table::ALL.map(|table| (table, fixture.rows(table).clone()));
    for (table, rows) in &mut tables {
        match table {
            Table::Episodes => rows.extend(
                episodes_from(0, 50)
                    .map(|episode| (episode.episode_id.to_string(), json!(episode))),
            ),
            Table::Embeddings => {
                rows.retain(|_, vector| vector.as_array().is_some_and(|all| all.len() == DIMENSION))
            }
            _ => {}
        }
    }
    let truth = Truth::of(tables);
    for table in Table::ALL {
        ensure!(!truth.rows(table).is_empty(), "no rows of {table}");
    }
    Ok(truth)
}

fn episodes_from(first: u64, count: u64) -> impl Iterator<Item = Episode> {
    let id = |seed| Uuid::from_u64_pair(0xd0_0ab1e, seed);
    (first..first + count).map(move |seed| synthetic::episode(id(seed), seed))
}

fn set(row: &mut Value, field: &str, value: Value) {
    if let Some(fields) = row.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

fn without_tags(truth: &Truth) -> Truth {
    let tables = Table::ALL.map(|table| (table, truth.rows(table).clone()));
    Truth::of(tables.map(|(table, mut rows)| {
        if table == Table::Episodes {
            rows.values_mut()
                .for_each(|episode| set(episode, "tags", json!([])));
        }
        (table, rows)
    }))
}

#[tokio::test]
async fn what_do_memory_stored_row_by_row_it_reads_from_the_rebuilt_cache() -> Result<()> {
    let (workshop, given) = (Workshop::new()?, rows_of_every_kind()?);
    durable::store_all(&durable::open(&workshop.database).await?, &given).await?;
    durable::add_metadata(&workshop.database, &given).await?;
    workshop.rebuild()?;
    workshop.demand_equal(&given).await
}

#[tokio::test]
async fn what_do_memory_stored_in_batches_it_reads_from_the_rebuilt_cache() -> Result<()> {
    let (workshop, given) = (Workshop::new()?, rows_of_every_kind()?);
    durable::store_all_in_batches(&durable::open(&workshop.database).await?, &given).await?;
    durable::add_metadata(&workshop.database, &given).await?;
    workshop.rebuild()?;
    workshop.demand_equal(&without_tags(&given)).await
}

#[tokio::test]
async fn what_do_memory_compressed_it_reads_from_the_rebuilt_cache() -> Result<()> {
    let (workshop, given) = (Workshop::new()?, compressible(rows_of_every_kind()?));
    let storage = durable::open_compressing(&workshop.database).await?;
    durable::store_all_in_batches(&storage, &given).await?;
    let compressed = storage.compression_statistics().compression_count;
    ensure!(compressed > 0, "no embedding was compressed");
    drop(storage);
    durable::add_metadata(&workshop.database, &given).await?;
    workshop.rebuild()?;
    workshop.demand_equal(&without_tags(&given)).await
}

/// With an embedding and fields of an episode that are worth compressing.
fn compressible(truth: Truth) -> Truth {
    let tables = Table::ALL.map(|table| (table, truth.rows(table).clone()));
    Truth::of(tables.map(|(table, mut rows)| {
        match (table, rows.iter_mut().next()) {
            (Table::Episodes, Some((_, episode))) => {
                let many: Vec<_> = (0..100).map(|_| Uuid::from_u64_pair(1, 2)).collect();
                set(episode, "patterns", json!(many));
                set(episode, "heuristics", json!(many));
                let long = json!({"long": "word ".repeat(1_000)});
                set(episode, "metadata", long);
            }
            (Table::Embeddings, _) => {
                let key = format!("episode_{}", Uuid::from_u64_pair(0xd0_0ab1e, 1));
                _ = rows.insert(key, json!(vec![0.25_f32; DIMENSION]));
            }
            _ => {}
        }
        (table, rows)
    }))
}

#[tokio::test]
async fn every_fixture_rebuilt_is_read_back_as_it_is_exported() -> Result<()> {
    let mut tried = 0;
    for (release, fixture) in Fixture::all()? {
        let Some(database) = fixture.database() else {
            continue;
        };
        let workshop = Workshop::new()?;
        workshop.sandbox.copy(&database, "turso.db")?;
        let read = read_as_exported(&workshop).await;
        read.with_context(|| release)?;
        tried += 1;
    }
    ensure!(tried >= 13, "only {tried} fixtures have a database");
    Ok(())
}

async fn read_as_exported(workshop: &Workshop) -> Result<()> {
    workshop.rebuild()?;
    let told = RedbCache::on(&workshop.cache)?.export()?.into_truth();
    ensure!(!told.rows(Table::Episodes).is_empty(), "no episodes");
    let report = check::check(&workshop.cache, &told, Options::default()).await?;
    ensure!(report.wrong() == 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn a_server_and_its_file_rebuild_to_the_same_rows() -> Result<()> {
    let Some(program) = Server::program() else {
        eprintln!("NOT TRIED: REDB_CACHE_SQLD does not name a server");
        return Ok(());
    };
    let (workshop, given) = (Workshop::new()?, rows_of_every_kind()?);
    durable::store_all(&durable::open(&workshop.database).await?, &given).await?;
    durable::settle(&workshop.database).await?;
    workshop.rebuild()?;
    let server = Server::start(&program, &workshop.database)?;
    let served = workshop.sandbox.path("served.redb");
    rebuild(&served, &server.url())?;
    let from_file = RedbCache::on(&workshop.cache)?.export()?.tables;
    let from_server = RedbCache::on(&served)?.export()?.tables;
    for (table, rows) in &from_file {
        ensure!(from_server.get(table) == Some(rows), "{table} differs");
    }
    assert_eq!(from_file.len(), from_server.len());
    Ok(())
}

/// A rebuilt cache, and a copy of the database that it was made from, both opened by do-memory.
struct Agent {
    _workshop: Workshop,
    store: Arc<TursoStorage>,
    cache: Arc<RedbStorage>,
}

impl Agent {
    async fn start(workshop: Workshop) -> Result<Self> {
        let copy = workshop.sandbox.copy(&workshop.database, "copy.db")?;
        Ok(Self {
            store: Arc::new(durable::open(&copy).await?),
            cache: Arc::new(upstream::open(&workshop.cache).await?),
            _workshop: workshop,
        })
    }

    /// A synchronizer that knows nothing of those before it, as in an agent that was started anew.
    async fn synchronize(&self, since: DateTime<Utc>) -> Result<usize> {
        durable::synchronize(&self.store, &self.cache, since).await
    }

    async fn store(&self, episode: &Episode) -> Result<()> {
        // Two episodes may not share a millisecond here.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(self.store.store_episode(episode).await?)
    }

    /// What was synchronized is what the store keeps, but for the tags, which the synchronizer does not ask for.
    async fn demand_arrived(&self, episode: &Episode) -> Result<()> {
        let id = episode.episode_id.to_string();
        let given = Truth::of([(Table::Episodes, Rows::from([(id.clone(), json!(episode))]))]);
        let want = without_tags(&durable::kept(&given, &durable::Times::new())?);
        let got = self.cache.get_episode(episode.episode_id).await?;
        let got: Value = json!(got.with_context(|| format!("{id} did not arrive"))?);
        let want = want.rows(Table::Episodes).get(&id).context("no episode")?;
        let difference = interop::json::difference(&got, want);
        ensure!(difference.is_none(), "{id}{difference:?}");
        Ok(())
    }
}

/// A database of some episodes that were stored one after the other, and the cache made from it.
async fn rebuilt(episodes: &[Episode]) -> Result<Workshop> {
    let workshop = Workshop::new()?;
    let storage = durable::open(&workshop.database).await?;
    for episode in episodes {
        storage.store_episode(episode).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(storage);
    durable::settle(&workshop.database).await?;
    workshop.rebuild()?;
    Ok(workshop)
}

#[tokio::test]
async fn do_memorys_own_synchronizer_goes_on_where_the_rebuild_ended() -> Result<()> {
    let episodes: Vec<_> = episodes_from(0, 50).collect();
    let agent = Agent::start(rebuilt(&episodes).await?).await?;
    let watermark = agent.cache.load_sync_watermark().await?;
    let watermark = watermark.context("the rebuild left no watermark")?;
    let newest = durable::revisions(&*agent.store).await?.into_values().max();
    assert_eq!(Some(watermark), newest);

    // It asks for what changed then or later, which is the newest episode.
    assert_eq!(agent.synchronize(watermark).await?, 1);

    let added = episodes_from(50, 1).next().context("no episode")?;
    agent.store(&added).await?;
    let mut changed = episodes.first().context("no episodes")?.clone();
    changed.task_description = "changed after the rebuild".to_owned();
    agent.store(&changed).await?;
    // The newest once more, and these two.
    assert_eq!(agent.synchronize(watermark).await?, 3);
    agent.demand_arrived(&added).await?;
    agent.demand_arrived(&changed).await?;
    assert_eq!(agent.cache.get_statistics().await?.episode_count, 51);
    Ok(())
}

#[tokio::test]
async fn the_revisions_of_a_rebuilt_cache_are_those_of_the_store() -> Result<()> {
    let episodes: Vec<_> = episodes_from(0, 50).collect();
    let agent = Agent::start(rebuilt(&episodes).await?).await?;
    let stored = durable::revisions(&*agent.store).await?;
    let cached = durable::revisions(&*agent.cache).await?;
    assert_eq!(stored.len(), episodes.len());
    assert_eq!(cached, stored);

    // The next one that the cache gives out must not sort before any of them.
    let newest = stored.into_values().max().context("no revisions")?;
    let given_out = agent.cache.get_metadata("episode_revision_seq").await?;
    let given_out: i64 = given_out.context("no sequence of revisions")?.parse()?;
    ensure!(
        given_out >= newest.timestamp_millis(),
        "{given_out} is before {newest}"
    );
    let next = episodes_from(50, 1).next().context("no episode")?;
    agent.cache.store_episode(&next).await?;
    let revised = durable::revisions(&*agent.cache).await?;
    ensure!(
        revised.get(&next.episode_id) > Some(&newest),
        "the next revision is {:?}",
        revised.get(&next.episode_id)
    );
    Ok(())
}
