//! What may happen to a cache, thought up at random.

use std::time::Duration;

use redb_cache::cache::Table;
use redb_cache::{Concurrency, RedbConfig};

use super::plain::Slot;

/// splitmix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// The limits, which each opening may change.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub episodes: u64,
    pub ttl_seconds: Option<u64>,
}

/// What a cache is opened with.
#[derive(Clone, Debug)]
pub struct Setting {
    /// How many keys of episodes there are.
    keys: u64,
    pub limits: Limits,
    compression: bool,
    hot_bytes: u64,
    concurrency: Concurrency,
    commit_window: Duration,
}

impl Setting {
    pub fn any(dice: &mut Dice) -> Self {
        // With 110 there are enough episodes to train a dictionary on.
        let keys = dice.pick(&[8, 20, 40, 110]);
        Self {
            keys,
            limits: Limits::any(dice, keys),
            compression: dice.below(2) == 0,
            hot_bytes: dice.pick(&[0, 2_000, 20_000, 1 << 20]),
            concurrency: dice.pick(&[
                Concurrency::SingleWriter,
                Concurrency::ExclusiveWriter,
                Concurrency::MultiWriter,
            ]),
            commit_window: dice.pick(&[
                Duration::ZERO,
                Duration::from_micros(300),
                Duration::from_millis(20),
                Duration::from_secs(3_600),
            ]),
        }
    }

    pub fn config(&self, limits: Limits) -> RedbConfig {
        RedbConfig {
            max_cache_size: limits.episodes,
            ttl_seconds: limits.ttl_seconds,
            // What expires in the background would expire at a time that no model knows.
            ttl_check_interval: 1 << 40,
            enable_compression: self.compression,
            compression_threshold: 64,
            compression_level: 1,
            concurrency: self.concurrency,
            commit_window: self.commit_window,
            hot_bytes: self.hot_bytes,
            ..RedbConfig::default()
        }
    }
}

impl Limits {
    fn any(dice: &mut Dice, keys: u64) -> Self {
        let share = dice.pick(&[0, 1, 2, 3, 4, 4, 5]);
        Self {
            // Now and then nothing may stay, or all may.
            episodes: if share == 0 && dice.below(4) > 0 {
                1
            } else {
                keys * share / 4
            },
            ttl_seconds: dice.pick(&[None, None, Some(10), Some(60), Some(600)]),
        }
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Operation {
    Insert(Slot),
    InsertDurable(String),
    /// Many episodes together, durable or not.
    Batch(Vec<String>, bool),
    Get(Slot),
    Remove(Slot),
    WriteRaw(String),
    RemoveRaw(String),
    AdvanceMs(i64),
    Expire,
    Flush,
    Statistics,
    Reopen(Limits),
    Crash(Limits),
    /// A sweep of the closed file, by the library.
    Sweep {
        ttl_ms: Option<i64>,
        episodes: Option<u64>,
        percent: Option<u64>,
    },
    /// By the program, to so many episodes.
    SweepByProgram(u64),
    Compact(&'static [&'static str]),
}

impl Operation {
    pub fn any(dice: &mut Dice, setting: &Setting) -> Self {
        match dice.below(1_000) {
            0..300 => Self::Insert(slot(dice, setting.keys)),
            300..315 => Self::InsertDurable(episode(dice, setting.keys)),
            315..345 => {
                let many = 1 + dice.below(setting.keys.min(30));
                let keys = (0..many).map(|_| episode(dice, setting.keys));
                Self::Batch(keys.collect(), dice.below(4) == 0)
            }
            345..750 => Self::Get(slot(dice, setting.keys)),
            750..820 => Self::Remove(slot(dice, setting.keys)),
            820..845 => Self::WriteRaw(dice.below(5).to_string()),
            845..855 => Self::RemoveRaw(dice.below(5).to_string()),
            855..925 => Self::AdvanceMs(dice.pick(&[-30_000, -7, 1, 9, 500, 3_000, 9_999, 60_000])),
            925..945 => Self::Expire,
            945..965 => Self::Flush,
            965..975 => Self::Statistics,
            975..981 => Self::Reopen(Limits::any(dice, setting.keys)),
            981..988 => Self::Crash(Limits::any(dice, setting.keys)),
            988..990 => Self::any_sweep(dice, setting.keys),
            990..992 if dice.below(4) > 0 => Self::Flush,
            990 => Self::SweepByProgram(dice.below(setting.keys)),
            992..1_000 => Self::Get(slot(dice, setting.keys)),
            _ => Self::Compact(dice.pick(&[
                &["compact"],
                &["compact", "--recompress", "1"],
                &["compact", "--recompress", "off"],
            ])),
        }
    }

    fn any_sweep(dice: &mut Dice, keys: u64) -> Self {
        Self::Sweep {
            ttl_ms: dice.pick(&[None, Some(1_000), Some(60_000)]),
            episodes: dice.pick(&[None, Some(keys / 2)]),
            percent: dice.pick(&[None, Some(0), Some(50), Some(90)]),
        }
    }
}

fn episode(dice: &mut Dice, keys: u64) -> String {
    format!("e{}", dice.below(keys))
}

/// A row of any kind: an episode, what hangs on one, and what does not.
fn slot(dice: &mut Dice, keys: u64) -> Slot {
    let few = keys.min(20);
    match dice.below(10) {
        0 => (Table::Embeddings, format!("episode_{}", episode(dice, few))),
        1 => (Table::Embeddings, format!("own{}", dice.below(5))),
        2 => (Table::Summaries, episode(dice, few)),
        // Never expires.
        3 => (Table::RecommendationSessions, format!("s{}", dice.below(5))),
        _ => (Table::Episodes, episode(dice, keys)),
    }
}
