//! The engine beside a plain model: random operations on both, and no difference ever.
//!
//! What decides is enumerated by nobody: which layer holds a row, what a commit took and a crash
//! left, who is the least recently used of those that are only in memory. The seeds are always the
//! same; `TORTURE_SEED` tries one alone.

mod made;
mod operation;
mod plain;
mod recorded;
mod world;

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use libtest_mimic::{Failed, Trial};

use self::operation::{Dice, Operation, Setting};
use self::world::World;
use crate::figures::{Count, is_long};

const OPERATIONS: usize = 1_000;
/// Runs that may be spent on making a failing sequence shorter.
const SHRINKING: usize = 400;

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("model_random_operations", random_operations)]
}

fn random_operations() -> Result<(), Failed> {
    let seeds = match std::env::var("TORTURE_SEED") {
        Ok(seed) => seed.parse().unwrap()..=seed.parse().unwrap(),
        Err(_) => 1..=if is_long() { 20_000 } else { 200 },
    };
    let count = Mutex::new(Count::of("model: seeds of 1,000 operations"));
    let next = AtomicU64::new(*seeds.start());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        return;
                    }
                    let held = try_seed(seed);
                    count.lock().unwrap().case(held);
                }
            });
        }
    });
    count.into_inner().unwrap().end()
}

fn try_seed(seed: u64) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let setting = Setting::any(&mut dice);
    let operations: Vec<_> = (0..OPERATIONS)
        .map(|_| Operation::any(&mut dice, &setting))
        .collect();
    let Err((at, why)) = run(&setting, &operations) else {
        return Ok(());
    };
    let (operations, why) = shrink(&setting, operations[..=at].to_vec(), why);
    let listed: Vec<_> = operations.iter().map(|op| format!("  {op:?}")).collect();
    Err(format!(
        "seed {seed} at operation {at}: {why}\n{setting:?}\n{}",
        listed.join("\n")
    ))
}

/// Runs operations until one shows a difference; says which, and what differs.
fn run(setting: &Setting, operations: &[Operation]) -> Result<(), (usize, String)> {
    let mut at = 0_usize;
    let all = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(setting)?;
        for operation in operations {
            world.run(operation)?;
            at += 1;
        }
        at = at.saturating_sub(1);
        world.close()
    }));
    all.unwrap_or_else(|_| Err("it panicked".into()))
        .map_err(|why| (at, why))
}

/// Leaves out what the failure does not need, in halves, quarters and so on.
fn shrink(
    setting: &Setting,
    mut operations: Vec<Operation>,
    mut why: String,
) -> (Vec<Operation>, String) {
    let mut runs = 0;
    let mut size = operations.len() / 2;
    while size > 0 && runs < SHRINKING {
        let mut from = 0;
        while from < operations.len() && runs < SHRINKING {
            let mut fewer = operations.clone();
            fewer.drain(from..(from + size).min(operations.len()));
            runs += 1;
            match run(setting, &fewer) {
                Err((at, reason)) => {
                    fewer.truncate(at + 1);
                    (operations, why) = (fewer, reason);
                }
                Ok(()) => from += size,
            }
        }
        size /= 2;
    }
    (operations, why)
}
