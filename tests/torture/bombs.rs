//! Small files that ask for much: every verb answers within bounds, or refuses.

mod caches;
mod stores;

use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::Trial;

use crate::attempt::{Attempt, attempt};
use crate::common;
use crate::figures::Count;

/// Bytes of memory that a run may take at most.
const MEMORY: u64 = 256 << 20;

/// What is said of a run that takes too much of a processor.
const SLOW: &str = "its processor time is";

/// A cache, a durable store beside it, and the time that a verb may take of a processor.
pub struct Bomb {
    /// What it is, for messages.
    pub what: String,
    pub folder: tempfile::TempDir,
    pub cpu: Duration,
}

/// What becomes of any cache. `{store}` is the durable store, `{new}` a name that is free.
const VERBS: &[&str] = &[
    "inspect",
    "inspect --exact",
    "inspect episodes --largest 5",
    "inspect episodes bomb",
    "inspect metadata bomb",
    "stats",
    "stats --exact --format json",
    "health --deep",
    "health --deep --format json",
    "export",
    "export --all --undecodable base64",
    "sweep --dry-run --ttl 1d",
    "sweep --ttl 1d --max-entries 10 --max-size 100KiB",
    "compact",
    "compact --recompress 3",
    "clear --all --dry-run",
    "clear --all --expired --yes",
    "migrate --dry-run",
    "migrate",
    "migrate --skip-bad --format json",
    "migrate --output {new}",
];

/// What reads the durable store.
const FROM_STORE: &[&str] = &[
    "rebuild --dry-run --from {store}",
    "rebuild --yes --from {store}",
    "rebuild --yes --only-missing --from {store}",
    "rebuild --yes --only-stale --from {store}",
    "diff --from {store}",
    "diff --sample 50% --format json --from {store}",
];

pub fn trials() -> Vec<Trial> {
    let caches = caches::all().into_iter().map(|(what, make)| {
        Trial::test(what, move || {
            let mut count = Count::of(what);
            for bomb in make() {
                bomb.go_off(&mut count, VERBS);
                bomb.go_off(&mut count, FROM_STORE);
            }
            count.end()
        })
    });
    let stores = Trial::test("bombs: durable stores", || {
        let mut count = Count::of("bombs: durable stores");
        for bomb in stores::all() {
            bomb.go_off(&mut count, FROM_STORE);
        }
        count.end()
    });
    let limits = Trial::test("bombs: limits", limits);
    caches.chain([stores, limits]).collect()
}

impl Bomb {
    /// A copy of a fixture's cache and, where it has one, of its durable store.
    pub fn of(fixture: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = common::fixture(fixture);
        for name in ["cache.redb", "turso.db"] {
            if let Ok(bytes) = std::fs::read(from.join(name)) {
                std::fs::write(folder.path().join(name), bytes).unwrap();
            }
        }
        Self {
            what: fixture.to_owned(),
            folder,
            cpu: Duration::from_secs(1),
        }
    }

    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache.redb")
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("turso.db")
    }

    fn go_off(&self, count: &mut Count, verbs: &[&str]) {
        if verbs == FROM_STORE && !self.store().exists() {
            return;
        }
        for verb in verbs {
            // What else the machine does takes time as well, but not twice.
            let held = match self.run(verb, &[]) {
                Err(why) if why.contains(SLOW) => self.run(verb, &[]),
                held => held,
            };
            count.case(held);
        }
    }

    /// One verb, on a copy.
    fn run(&self, verb: &str, environment: &[(&str, &str)]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache.redb");
        std::fs::copy(self.cache(), &cache).unwrap();
        let store = self.store();
        let new = folder.path().join("new.redb");
        let args: Vec<_> = verb
            .split(' ')
            .map(|word| match word {
                "{store}" => store.to_str().unwrap(),
                "{new}" => new.to_str().unwrap(),
                word => word,
            })
            .collect();
        let mut program = common::program(&cache, &args);
        program.envs(environment.iter().copied());
        let ended = attempt(&program);
        self.check(&ended, &folder)
            .map_err(|why| format!("{verb} {environment:?} on {}: {why}", self.what))
    }

    fn check(&self, ended: &Attempt, folder: impl AsRef<Path>) -> Result<(), String> {
        // A row that is not there is no fault.
        if !(ended.code == Some(1) && ended.said().contains("has no row")) {
            ended.ends_well()?;
        }
        // What is not optimized may take longer, not more.
        let slower = if cfg!(debug_assertions) { 10 } else { 1 };
        if ended.cpu > self.cpu * slower {
            return Err(format!("{SLOW} {:?}", ended.cpu));
        }
        if ended.peak > MEMORY {
            return Err(format!("it takes {} MiB", ended.peak >> 20));
        }
        let names = common::names(folder.as_ref());
        if names.iter().any(|name| name.starts_with('.')) {
            return Err(format!("it leaves {names:?}"));
        }
        Ok(())
    }
}

/// Numbers at the ends of what can be said, as options and as variables.
fn limits() -> Result<(), libtest_mimic::Failed> {
    let mut count = Count::of("bombs: limits");
    let bomb = Bomb::of("0.1.47");
    let numbers = [
        "0",
        "1",
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775807",
        "340282366920938463463374607431768211456",
        "-1",
        "1e400",
        "NaN",
        "0x10",
    ];
    for number in numbers {
        for verb in [
            "sweep --dry-run --ttl={}",
            "sweep --ttl={}s",
            "sweep --ttl={}y",
            "sweep --max-entries={}",
            "sweep --max-size={}",
            "sweep --max-size={}EiB",
            "sweep --max-entries=1 --batch={}",
            "health --min-free={}",
            "health --max-expired={}",
            "health --max-expired={}%",
            "health --max-reclaimable={}%",
            "health --max-sweep-age={}y",
            "compact --min-reclaim={}",
            "compact --min-reclaim={}%",
            "compact --recompress={}",
            "inspect episodes --limit={}",
            "inspect episodes --largest={}",
            "stats --lock-timeout={}y",
            "diff --sample={} --from={store}",
            "diff --sample={}% --from={store}",
            "diff --retries={} --timeout={}s --from={store}",
            "rebuild --yes --max-entries={} --from={store}",
            "rebuild --yes --ttl={}s --from={store}",
            "rebuild --yes --since={}d --from={store}",
        ] {
            let store = bomb.store();
            let verb = verb.replace("{store}", store.to_str().unwrap());
            count.case(bomb.run(&verb.replace("{}", number), &[]));
        }
        for variable in ["REDB_MAX_CACHE_SIZE", "REDB_TTL_SECONDS"] {
            for verb in [
                "stats",
                "sweep --dry-run",
                "sweep",
                "rebuild --yes --from {store}",
            ] {
                count.case(bomb.run(verb, &[(variable, number)]));
            }
        }
    }
    count.end()
}
