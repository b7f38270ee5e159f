//! What both engines work on: the same episodes, asked for in the same order.

use std::ops::Range;

use do_memory_core::Episode;
use uuid::Uuid;

use crate::synthetic::{self, Random};

/// How much work to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Episodes in the cache.
    pub episodes: usize,
    /// Episodes of a batch.
    pub batch: usize,
    /// Keys that are read again and again.
    pub hot: usize,
    /// How often each of them is read.
    pub rounds: usize,
    /// Single stores.
    pub stores: usize,
    /// Threads that store at once.
    pub threads: usize,
    /// Stores of each thread.
    pub stores_per_thread: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            episodes: 10_000,
            batch: 1_000,
            hot: 1_000,
            rounds: 20,
            stores: 500,
            threads: 16,
            stores_per_thread: 50,
        }
    }
}

/// Episodes and the order of their keys, made from a fixed seed.
#[derive(Debug)]
pub struct Workload {
    /// What the cache is filled with, in batches.
    pub filling: Vec<Episode>,
    /// What is stored one by one.
    pub singles: Vec<Episode>,
    /// What each thread stores.
    pub threads: Vec<Vec<Episode>>,
    /// All keys of the filling in random order.
    pub cold: Vec<Uuid>,
    /// Some of them in an order that repeats each several times.
    pub hot: Vec<Uuid>,
    /// The mean size of a stored row in bytes.
    pub row_size: usize,
}

impl Workload {
    /// Makes the episodes up.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut next = 0;
        let mut make = |count: usize| -> Vec<Episode> {
            let seeds = next..next + count as u64;
            next = seeds.end;
            Self::episodes(seeds)
        };
        let filling = make(plan.episodes);
        let singles = make(plan.stores);
        let threads = (0..plan.threads)
            .map(|_| make(plan.stores_per_thread))
            .collect();
        let cold = in_random_order(filling.iter().map(|episode| episode.episode_id), 1);
        let hottest = cold.iter().copied().take(plan.hot);
        let hot = (0..plan.rounds as u64)
            .flat_map(|round| in_random_order(hottest.clone(), round))
            .collect();
        let row_size =
            filling.iter().map(synthetic::stored_size).sum::<usize>() / filling.len().max(1);
        Self {
            filling,
            singles,
            threads,
            cold,
            hot,
            row_size,
        }
    }

    /// An episode for each seed.
    #[must_use]
    pub fn episodes(seeds: Range<u64>) -> Vec<Episode> {
        seeds
            .map(|seed| synthetic::episode(id(seed), seed))
            .collect()
    }
}

/// Random, as the ids of real episodes are, but the same in every run.
fn id(seed: u64) -> Uuid {
    let mut random = Random::new(seed ^ 0xbe9c_4000);
    Uuid::from_u64_pair(random.number(), random.number())
}

fn in_random_order(ids: impl Iterator<Item = Uuid>, seed: u64) -> Vec<Uuid> {
    let mut ids: Vec<_> = ids.collect();
    Random::new(seed).shuffle(&mut ids);
    ids
}

#[cfg(test)]
mod tests {
    use super::{Plan, Workload};
    use std::collections::BTreeSet;

    #[test]
    fn every_episode_has_a_key_of_its_own() {
        let plan = Plan {
            episodes: 500,
            ..Plan::default()
        };
        let workload = Workload::new(&plan);
        let threads = workload.threads.iter().flatten();
        let all: Vec<_> = workload
            .filling
            .iter()
            .chain(&workload.singles)
            .chain(threads)
            .collect();
        let ids: BTreeSet<_> = all.iter().map(|episode| episode.episode_id).collect();
        assert_eq!(ids.len(), all.len());
        assert_eq!(workload.cold.iter().collect::<BTreeSet<_>>().len(), 500);
        assert_eq!(workload.hot.len(), 500 * plan.rounds);
    }
}
