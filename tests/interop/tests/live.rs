//! A cache that a do-memory process holds: read as whole snapshots without disturbing it, never written to.
//!
//! `INTEROP_SNAPSHOTS` sets how many snapshots of a busy cache are taken (300).

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use interop::check::{self, Options};
use interop::generation::{EPISODES_PER_SET, SETS};
use interop::sandbox::{Fingerprint, Fixture, RELEASE, Sandbox};
use interop::tool::{self, Export, Held, Holder, RedbCache, Run, exit, reported_rows};
use interop::truth::{Table, Truth};
use interop::upstream;
use tokio::sync::{Mutex, MutexGuard};

const INTEROP: &str = env!("CARGO_BIN_EXE_interop");
/// A commit of a holder that takes longer was disturbed.
const SLOWEST_COMMIT: Duration = Duration::from_secs(2);
/// The verbs that read, with what makes their output checkable.
const READERS: [&[&str]; 3] = [
    &["export"],
    &["stats", "--format", "json"],
    &["inspect", "--format", "json"],
];

/// A copy of a cache that do-memory wrote, and what it holds beside the episodes of a holder.
struct Scene {
    cache: PathBuf,
    truth: Truth,
    _sandbox: Sandbox,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    async fn new() -> Result<Self> {
        let alone = ALONE.lock().await;
        let sandbox = Sandbox::new()?;
        let truth = Truth::load(&Fixture::find(RELEASE)?.truth())?;
        let cache = sandbox.path("cache.redb");
        upstream::store_all(&upstream::open(&cache).await?, &truth).await?;
        Ok(Self {
            cache,
            truth,
            _sandbox: sandbox,
            _alone: alone,
        })
    }

    fn episodes_while_held(&self) -> u64 {
        self.truth.rows(Table::Episodes).len() as u64 + SETS * EPISODES_PER_SET
    }

    async fn demand_nothing_else_changed(&self) -> Result<()> {
        let options = Options {
            allow_extra: true,
            ..Options::default()
        };
        let report = check::check(&self.cache, &self.truth, options).await?;
        ensure!(report.wrong() == 0, "{report}");
        Ok(())
    }
}

/// These tests measure time, so only one runs at once.
static ALONE: Mutex<()> = Mutex::const_new(());

/// How reading went.
#[derive(Debug, Default)]
struct Tally {
    read: usize,
    in_use: usize,
    newest: u64,
    slowest: Duration,
}

impl Tally {
    /// Runs the reading verbs in turn and verifies every answer.
    fn take(scene: &Scene, snapshots: usize, lock_timeout: &str) -> Result<Self> {
        let tool = RedbCache::on(&scene.cache)?;
        let mut tally = Self::default();
        for verb in READERS.iter().cycle().take(snapshots) {
            let arguments = [*verb, &["--lock-timeout", lock_timeout]].concat();
            let run = tool.run(&arguments)?;
            tally.slowest = tally.slowest.max(run.took);
            match run.code {
                Some(exit::DONE) => tally.accept(scene, verb, &run)?,
                Some(exit::IN_USE) => tally.in_use += 1,
                _ => anyhow::bail!("{}", run.describe()),
            }
        }
        Ok(tally)
    }

    fn accept(&mut self, scene: &Scene, verb: &[&str], run: &Run) -> Result<()> {
        self.read += 1;
        ensure!(
            run.says_without_the_lock(),
            "does not say that it read without the lock: {}",
            run.describe()
        );
        match verb {
            ["export"] => self
                .accept_export(scene, run)
                .with_context(|| format!("snapshot {}", self.read)),
            [verb, ..] => {
                let episodes = reported_rows(&run.document(verb)?, "episodes");
                ensure!(
                    episodes == Some(scene.episodes_while_held()),
                    "{episodes:?} episodes: {}",
                    run.stdout
                );
                Ok(())
            }
            [] => Ok(()),
        }
    }

    /// A snapshot is whole, holds all other rows, and is never older than the one before.
    fn accept_export(&mut self, scene: &Scene, run: &Run) -> Result<()> {
        let export = Export::parse(&run.stdout)?;
        let differences = export.differences(&scene.truth);
        ensure!(differences.is_empty(), "{differences:?}");
        let generation = export.verify_generations()?.generation;
        ensure!(
            generation >= self.newest,
            "generation {generation} came after {}",
            self.newest
        );
        self.newest = generation;
        Ok(())
    }
}

fn demand_undisturbed(held: &Held, rate: f64, time: Duration) -> Result<()> {
    ensure!(held.errors == 0, "{held:?}");
    ensure!(held.slowest < SLOWEST_COMMIT, "{held:?}");
    // Not every machine can commit faster.
    let expected = rate.min(20.0) * time.as_secs_f64();
    ensure!(
        held.commits as f64 > expected / 2.0 - 2.0,
        "{held:?}, but {expected:.0} commits were due"
    );
    Ok(())
}

async fn read_while_held(rate: f64, snapshots: usize, lock_timeout: &str) -> Result<Tally> {
    let scene = Scene::new().await?;
    let holder = Holder::start(INTEROP, &scene.cache, rate)?;
    let started = Instant::now();
    let tally = Tally::take(&scene, snapshots, lock_timeout)?;
    let time = started.elapsed();
    let held = holder.stop()?;
    println!("{rate} commits/s: {tally:?}, {held:?} in {time:?}");
    demand_undisturbed(&held, rate, time)?;
    ensure!(
        tally.newest <= held.generation,
        "read {}, committed {}",
        tally.newest,
        held.generation
    );
    scene.demand_nothing_else_changed().await?;
    Ok(tally)
}

#[tokio::test]
async fn hundreds_of_snapshots_of_a_busy_cache_are_whole_and_the_writer_is_undisturbed()
-> Result<()> {
    let snapshots = match std::env::var("INTEROP_SNAPSHOTS") {
        Ok(number) => number
            .parse()
            .context("INTEROP_SNAPSHOTS is not a number")?,
        Err(_) => 300,
    };
    let tally = read_while_held(18.0, snapshots, "5s").await?;
    ensure!(
        tally.read * 10 >= snapshots * 9,
        "too few of {snapshots} were accepted: {tally:?}"
    );
    Ok(())
}

#[tokio::test]
async fn every_snapshot_of_a_quiet_cache_is_accepted() -> Result<()> {
    let tally = read_while_held(2.0, 60, "5s").await?;
    assert_eq!(tally.in_use, 0, "{tally:?}");
    Ok(())
}

#[tokio::test]
async fn a_cache_that_never_rests_is_read_whole_or_reported_in_use() -> Result<()> {
    let tally = read_while_held(160.0, 30, "300ms").await?;
    ensure!(
        tally.slowest < Duration::from_secs(5),
        "waited beyond the lock timeout: {tally:?}"
    );
    Ok(())
}

#[tokio::test]
async fn reading_a_cache_whose_holder_rests_changes_no_byte() -> Result<()> {
    let scene = Scene::new().await?;
    let holder = Holder::start(INTEROP, &scene.cache, 0.0)?;
    let before = Fingerprint::of(&scene.cache)?;
    let tally = Tally::take(&scene, 9, "5s")?;
    assert_eq!(tally.read, 9);
    assert!(
        before == Fingerprint::of(&scene.cache)?,
        "reading changed the cache"
    );
    holder.stop()?;
    Ok(())
}

#[tokio::test]
async fn writing_verbs_leave_a_held_cache_alone_and_name_its_holder_within_a_second() -> Result<()>
{
    let scene = Scene::new().await?;
    let holder = Holder::start(INTEROP, &scene.cache, 18.0)?;
    let tool = RedbCache::on(&scene.cache)?;
    let started = Instant::now();
    let writers: [&[&str]; 3] = [
        &["sweep", "--max-entries", "1"],
        &["compact"],
        &["clear", "--all", "--yes"],
    ];
    for verb in writers {
        let arguments = [verb, &["--lock-timeout", "0s"]].concat();
        tool.run(&arguments)?
            .demand_in_use(Holder::PROGRAM, holder.pid())?;
    }
    let time = started.elapsed();
    demand_undisturbed(&holder.stop()?, 18.0, time)?;
    scene.demand_nothing_else_changed().await
}

#[tokio::test]
async fn a_writing_verb_waits_for_a_holder_that_goes_away() -> Result<()> {
    let scene = Scene::new().await?;
    let holder = Holder::start(INTEROP, &scene.cache, 18.0)?;
    let tool = RedbCache::on(&scene.cache)?;
    let waiting = std::thread::spawn(move || tool.run(&["compact", "--lock-timeout", "30s"]));
    std::thread::sleep(Duration::from_millis(500));
    ensure!(!waiting.is_finished(), "did not wait");
    // Not stopped: a holder that stops opens its cache once more.
    holder.kill()?;
    let run = waiting.join().ok().context("the thread died")??;
    assert_eq!(run.code, Some(exit::DONE), "{}", run.describe());
    scene.demand_nothing_else_changed().await
}

#[tokio::test]
async fn a_cache_left_by_a_killed_writer_is_read_whole_and_unchanged_and_do_memory_agrees()
-> Result<()> {
    let scene = Scene::new().await?;
    let holder = Holder::start(INTEROP, &scene.cache, 100.0)?;
    std::thread::sleep(Duration::from_millis(500));
    holder.kill()?;
    let before = Fingerprint::of(&scene.cache)?;
    let run = RedbCache::on(&scene.cache)?.succeed(&["export"])?;
    assert!(
        before == Fingerprint::of(&scene.cache)?,
        "reading changed the cache"
    );
    let generation = Export::parse(&run.stdout)?.verify_generations()?.generation;
    tool::check_truth(&run.stdout, &Fixture::find(RELEASE)?.truth())?;

    let held = Holder::start(INTEROP, &scene.cache, 0.0)?.stop()?;
    assert_eq!(held.generation, generation);
    Ok(())
}
