//! Episodes as a coding agent writes them, made up from a seed: the same seed, the same episode.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use do_memory_core::types::{ComplexityLevel, ExecutionResult, Reflection, RewardScore};
use do_memory_core::{Episode, ExecutionStep, TaskContext, TaskOutcome, TaskType};
use serde_json::json;
use uuid::Uuid;

/// A small generator of repeatable random numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator whose numbers depend on the seed alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to just under `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// One of `choices`, or the type's default when there are none.
    pub fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len().max(1) as u64);
        usize::try_from(index)
            .ok()
            .and_then(|index| choices.get(index))
            .copied()
            .unwrap_or_default()
    }

    /// That many words in a row.
    pub fn words(&mut self, count: u64) -> String {
        let words: Vec<&str> = (0..count).map(|_| self.pick(WORDS)).collect();
        words.join(" ")
    }

    /// Puts the items in another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = usize::try_from(self.below(end as u64 + 1)).unwrap_or(end);
            items.swap(end, other);
        }
    }
}

const WORDS: &[&str] = &[
    "the",
    "a",
    "of",
    "with",
    "before",
    "after",
    "error",
    "retry",
    "input",
    "output",
    "cache",
    "lock",
    "parser",
    "token",
    "request",
    "handler",
    "backoff",
    "deadline",
    "index",
    "commit",
    "branch",
    "merge",
    "assert",
    "fixture",
    "borrow",
    "checker",
    "lifetime",
    "generic",
    "trait",
    "module",
    "crate",
    "warning",
    "unused",
    "panic",
    "overflow",
    "latency",
    "socket",
    "schema",
    "migration",
    "rollback",
    "é",
    "naïve",
    "→",
    "ok",
];
const TOOLS: &[&str] = &[
    "bash",
    "read_file",
    "edit_file",
    "grep",
    "test_runner",
    "http_get",
];
const TASKS: &[&str] = &[
    "fix flaky test",
    "add retry to client",
    "split module",
    "speed up query",
    "document flags",
];
const DOMAINS: &[&str] = &["web-api", "data-processing", "cli", "general"];
const PATHS: &[&str] = &[
    "src/lib.rs",
    "src/client/http.rs",
    "tests/smoke.rs",
    "docs/guide.md",
    "Cargo.toml",
];

/// A finished episode of about 1.7 KB when stored.
#[must_use]
pub fn episode(id: Uuid, seed: u64) -> Episode {
    let mut random = Random::new(seed);
    let start = start_time(&mut random);
    let steps: Vec<_> = (1..=5 + random.below(3))
        .map(|number| step(number, start, &mut random))
        .collect();
    let task = random.pick(TASKS);
    let mut episode = Episode::new(
        format!("Task {seed}: {task}"),
        context(&mut random),
        TaskType::Debugging,
    );
    episode.episode_id = id;
    episode.start_time = start;
    episode.end_time = Some(start + Duration::seconds(600));
    episode.steps = steps;
    episode.outcome = Some(outcome(&mut random));
    episode.reward = Some(reward(&mut random));
    episode.reflection = Some(reflection(start, &mut random));
    episode.patterns = vec![Uuid::from_u64_pair(random.number(), random.number())];
    episode.metadata = HashMap::from([(
        "session".to_owned(),
        format!("s-{:04x}", random.below(1 << 16)),
    )]);
    episode.tags = vec![random.pick(WORDS).to_owned(), "release-1".to_owned()];
    episode
}

/// The number of bytes of the row that do-memory stores for the episode.
#[must_use]
pub fn stored_size(episode: &Episode) -> usize {
    postcard::to_allocvec(episode).map_or(0, |bytes| bytes.len())
}

fn start_time(random: &mut Random) -> DateTime<Utc> {
    const YEAR_2025_MS: i64 = 1_735_689_600_000;
    let later = i64::try_from(random.below(1 << 34)).unwrap_or_default();
    DateTime::from_timestamp_millis(YEAR_2025_MS + later).unwrap_or_default()
}

fn context(random: &mut Random) -> TaskContext {
    TaskContext {
        language: Some("rust".to_owned()),
        framework: Some("tokio".to_owned()),
        complexity: ComplexityLevel::Moderate,
        domain: random.pick(DOMAINS).to_owned(),
        tags: vec![random.pick(WORDS).to_owned()],
    }
}

fn step(number: u64, start: DateTime<Utc>, random: &mut Random) -> ExecutionStep {
    let tool = random.pick(TOOLS);
    let words = 6 + random.below(12);
    let parameters = json!({ "path": random.pick(PATHS), "pattern": random.words(2), "limit": random.below(500) });
    let output = random.words(words);
    let number_of_step = usize::try_from(number).unwrap_or_default();
    let mut step = ExecutionStep::new(number_of_step, tool.to_owned(), format!("{tool} #{number}"));
    step.set_parameters(parameters);
    step.timestamp = start + Duration::seconds(i64::try_from(number).unwrap_or_default());
    step.result = Some(if random.below(5) == 0 {
        ExecutionResult::Error { message: output }
    } else {
        ExecutionResult::Success { output }
    });
    step.latency_ms = random.below(20_000);
    step.tokens_used = Some(usize::try_from(random.below(4_000)).unwrap_or_default());
    step.metadata = HashMap::from([("model".to_owned(), "m-1".to_owned())]);
    step
}

fn outcome(random: &mut Random) -> TaskOutcome {
    TaskOutcome::Success {
        verdict: random.words(6),
        artifacts: vec![random.pick(PATHS).to_owned()],
    }
}

fn reward(random: &mut Random) -> RewardScore {
    let mut part = || random.below(1 << 10) as f32 / 512.0;
    RewardScore {
        total: part(),
        base: part(),
        efficiency: part(),
        complexity_bonus: part(),
        quality_multiplier: part(),
        learning_bonus: part(),
        abstention_score: 0.0,
        raw_reward: part(),
        normalized_reward: part(),
        decayed_reward: part(),
        effective_reward: part(),
    }
}

fn reflection(start: DateTime<Utc>, random: &mut Random) -> Reflection {
    Reflection {
        successes: vec![random.words(8)],
        improvements: vec![random.words(8)],
        insights: vec![random.words(6)],
        generated_at: start + Duration::seconds(601),
    }
}

#[cfg(test)]
mod tests {
    use super::{episode, stored_size};
    use uuid::Uuid;

    #[test]
    fn a_seed_always_makes_the_same_episode() {
        assert_eq!(episode(Uuid::nil(), 7), episode(Uuid::nil(), 7));
        assert_ne!(episode(Uuid::nil(), 7), episode(Uuid::nil(), 8));
    }

    #[test]
    fn episodes_are_stored_in_about_1700_bytes() {
        let total: usize = (0..1000)
            .map(|seed| stored_size(&episode(Uuid::nil(), seed)))
            .sum();
        let mean = total / 1000;
        assert!((1600..1800).contains(&mean), "{mean} bytes");
    }
}
