//! A small cache as a coding agent leaves it.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::cache::record::{
    Embedding, Episode, Evidence, ExecutionResult, ExecutionStep, Heuristic, TaskContext,
    TaskOutcome, TaskType,
};
use crate::cache::{ManualClock, RedbConfig, RedbStorage};
use crate::error::Result;

/// Tasks, and the tools that each takes.
const TASKS: [(&str, &str, TaskType); 4] = [
    (
        "fix the flaky retry test",
        "tests/retry.rs",
        TaskType::Debugging,
    ),
    (
        "split the request handler",
        "src/handler.rs",
        TaskType::Refactoring,
    ),
    (
        "document the release steps",
        "docs/release.md",
        TaskType::Documentation,
    ),
    (
        "add paging to the list endpoint",
        "src/list.rs",
        TaskType::CodeGeneration,
    ),
];
/// Episodes of the past days, one each hour.
const EPISODES: i64 = 240;
const TTL_DAYS: i64 = 7;

/// Builds the cache and returns the key of a heuristic in it.
pub(super) fn build(path: &Path, now: DateTime<Utc>) -> Result<String> {
    let begin = now - TimeDelta::hours(EPISODES);
    let clock = Arc::new(ManualClock::at_ms(begin.timestamp_millis()));
    let config = RedbConfig {
        max_cache_size: 200,
        ttl_seconds: Some(TTL_DAYS.unsigned_abs() * 86_400),
        // What the demo shows as expired must still be there.
        ttl_check_interval: 3_600,
        clock: Arc::clone(&clock) as _,
        ..RedbConfig::default()
    };
    let cache = RedbStorage::with_full_config(path, config)?;
    let mut last = Uuid::nil();
    for hour in 0..EPISODES {
        clock.advance_ms(3_600_000);
        let episode = episode(hour, begin + TimeDelta::hours(hour + 1));
        last = episode.episode_id;
        let key = last.to_string();
        cache.insert_as::<Embedding>(format!("episode_{key}"), embedding(hour))?;
        cache.insert(&key, episode)?;
        for _ in 0..hour % 5 {
            cache.get(&key)?;
        }
        if hour % 6 == 0 {
            cache.get("an episode that was never cached")?;
        }
    }
    let heuristic = heuristic(last, now);
    let key = heuristic.heuristic_id.to_string();
    cache.insert_as::<Heuristic>(&key, heuristic)?;
    cache.close()?;
    Ok(key)
}

fn episode(n: i64, at: DateTime<Utc>) -> Episode {
    let kind = usize::try_from(n).unwrap_or(0) % TASKS.len();
    let (task, file, task_type) = TASKS
        .get(kind)
        .copied()
        .unwrap_or(("", "", TaskType::Other));
    let context = TaskContext {
        language: Some("rust".into()),
        domain: "storage".into(),
        ..TaskContext::default()
    };
    let mut episode = Episode::new(task, context, task_type);
    episode.start_time = at - TimeDelta::minutes(4);
    episode.end_time = Some(at);
    episode.steps = (1..=4).map(|number| step(number, n, file, at)).collect();
    episode.outcome = Some(TaskOutcome::Success {
        verdict: "all tests pass".into(),
        artifacts: vec![file.into()],
    });
    episode
}

fn step(number: u64, n: i64, file: &str, at: DateTime<Utc>) -> ExecutionStep {
    let (tool, output) = match number {
        1 => ("grep", format!("{file}:{}: the line that matters", 10 + n)),
        2 => (
            "read",
            format!("fn attempt_{n}() {{ /* forty lines of {file} */ }}\n").repeat(6),
        ),
        3 => ("edit", format!("1 file changed, {} insertions", 1 + n % 9)),
        _ => (
            "cargo_test",
            "running 42 tests ... test result: ok. 42 passed".into(),
        ),
    };
    ExecutionStep {
        step_number: number,
        timestamp: at - TimeDelta::minutes(4),
        tool: tool.into(),
        action: format!("{tool} {file}"),
        parameters_json: format!("{{\"path\":\"{file}\",\"attempt\":{n}}}"),
        result: Some(ExecutionResult::Success { output }),
        latency_ms: 40 * number,
        tokens_used: Some(300),
        metadata: Default::default(),
    }
}

fn embedding(n: i64) -> Embedding {
    (0..64)
        .map(|i| ((n * 31 + i * 17) % 200) as f32 / 100.0 - 1.0)
        .collect()
}

fn heuristic(episode: Uuid, now: DateTime<Utc>) -> Heuristic {
    Heuristic {
        heuristic_id: Uuid::new_v4(),
        condition: "a test fails only now and then".into(),
        action: "look for a sleep, and inject a clock instead".into(),
        confidence: 0.9,
        evidence: Evidence {
            episode_ids: vec![episode],
            success_rate: 0.9,
            sample_size: 12,
        },
        created_at: now,
        updated_at: now,
    }
}
