//! Commits that give a torn snapshot away.
//!
//! A holder commits generation after generation. A generation is a batch of episodes that replaces the batch of the
//! same set, and there are [`SETS`] sets in turn, so the newest generation in a snapshot decides what every other row
//! must hold. A snapshot that mixes two commits, or holds half a batch, cannot pass [`verify`].

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use do_memory_core::Episode;
use do_memory_core::types::ExecutionResult;
use serde_json::Value;
use uuid::Uuid;

use crate::json;
use crate::synthetic::{self, Random};

/// Sets of episodes that take turns.
pub const SETS: u64 = 8;
/// Episodes of a set: all are written by one commit.
pub const EPISODES_PER_SET: u64 = 4;
/// Words of additional output by place in the set: rows within a page, and rows of several pages.
const ADDED_WORDS: [u64; 4] = [0, 40, 600, 4_000];

const GENERATION: &str = "interop_generation";
const CHECKSUM: &str = "interop_checksum";
/// The first half of the ids of all these episodes.
const ID_PREFIX: u64 = 0x1a7e_6701_0000_4000;

/// A snapshot that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The newest commit that the snapshot holds.
    pub generation: u64,
    /// The episodes of holders in it.
    pub rows: usize,
}

/// The episodes of one commit.
#[must_use]
pub fn batch(generation: u64) -> Vec<Episode> {
    (0..EPISODES_PER_SET)
        .map(|place| episode(generation, place))
        .collect()
}

fn episode(generation: u64, place: u64) -> Episode {
    let id = Uuid::from_u64_pair(ID_PREFIX, generation % SETS * EPISODES_PER_SET + place);
    let seed = generation * EPISODES_PER_SET + place;
    let mut episode = synthetic::episode(id, seed);
    let mut random = Random::new(seed ^ ID_PREFIX);
    let added = usize::try_from(place)
        .ok()
        .and_then(|place| ADDED_WORDS.get(place))
        .copied()
        .unwrap_or_default();
    // Lengths change with every generation, so that freed pages are taken by other rows.
    let output = random.words(added + random.clone().below(added / 2 + 1));
    if let Some(step) = episode.steps.first_mut() {
        step.result = Some(ExecutionResult::Success { output });
    }
    // Without floats the checksum does not depend on how an encoder writes them.
    episode.reward = None;
    episode
        .metadata
        .insert(GENERATION.to_owned(), generation.to_string());
    let sum = serde_json::to_value(&episode).map_or(0, |value| checksum(&value));
    episode
        .metadata
        .insert(CHECKSUM.to_owned(), format!("{sum:016x}"));
    episode
}

/// FNV-1a of the JSON text, whose keys are sorted.
fn checksum(value: &Value) -> u64 {
    let text = value.to_string();
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether a key belongs to an episode of a holder.
#[must_use]
pub fn is_ours(key: &str) -> bool {
    Uuid::parse_str(key).is_ok_and(|id| id.as_u64_pair().0 == ID_PREFIX)
}

/// Checks the episodes of a snapshot, given by key in do-memory's JSON shape. Other episodes are passed over.
///
/// # Errors
/// Says how the snapshot is torn: which row is damaged, missing or of another commit.
pub fn verify<'a>(episodes: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Result<Verified> {
    let mut rows = BTreeMap::new();
    for (key, value) in episodes.into_iter().filter(|(key, _)| is_ours(key)) {
        demand_checksum(value).with_context(|| format!("episode {key}"))?;
        ensure!(
            rows.insert(key, value).is_none(),
            "episode {key} came twice"
        );
    }
    let generations: Result<Vec<u64>> = rows.values().map(|value| generation_of(value)).collect();
    let Some(newest) = generations?.into_iter().max() else {
        bail!("no episode of a holder");
    };
    for generation in newest.saturating_sub(SETS - 1)..=newest {
        demand_generation(generation, &rows)
            .with_context(|| format!("the newest generation is {newest}"))?;
    }
    let want = usize::try_from(SETS * EPISODES_PER_SET)?;
    ensure!(rows.len() == want, "{} rows instead of {want}", rows.len());
    Ok(Verified {
        generation: newest,
        rows: rows.len(),
    })
}

fn demand_checksum(value: &Value) -> Result<()> {
    let mut bare = value.clone();
    let metadata = bare
        .get_mut("metadata")
        .and_then(Value::as_object_mut)
        .context("no metadata")?;
    let want = metadata.remove(CHECKSUM).context("no checksum")?;
    let got = format!("{:016x}", checksum(&bare));
    ensure!(
        want == Value::String(got.clone()),
        "the checksum is {got}, the row says {want}"
    );
    Ok(())
}

fn generation_of(value: &Value) -> Result<u64> {
    let text = value
        .pointer(&format!("/metadata/{GENERATION}"))
        .and_then(Value::as_str);
    text.and_then(|text| text.parse().ok())
        .context("no generation")
}

fn demand_generation(generation: u64, rows: &BTreeMap<&str, &Value>) -> Result<()> {
    for want in batch(generation) {
        let key = want.episode_id.to_string();
        let got = rows
            .get(key.as_str())
            .with_context(|| format!("episode {key} is missing"))?;
        let found = generation_of(got)?;
        ensure!(
            found == generation,
            "episode {key} is of generation {found} instead of {generation}"
        );
        if let Some(difference) = json::difference(got, &serde_json::to_value(&want)?) {
            bail!("episode {key} of generation {generation}{difference}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SETS, batch, verify};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn after(generations: std::ops::Range<u64>) -> BTreeMap<String, Value> {
        let episodes = generations.flat_map(batch);
        episodes
            .map(|one| {
                (
                    one.episode_id.to_string(),
                    serde_json::to_value(&one).unwrap(),
                )
            })
            .collect()
    }

    fn verdict(rows: &BTreeMap<String, Value>) -> Result<u64, String> {
        let rows = rows.iter().map(|(key, value)| (key.as_str(), value));
        verify(rows)
            .map(|verified| verified.generation)
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_whole_snapshot_passes() {
        assert_eq!(verdict(&after(0..SETS)), Ok(SETS - 1));
        assert_eq!(verdict(&after(0..29)), Ok(28));
    }

    #[test]
    fn half_a_batch_is_torn() {
        let (mut rows, newer) = (after(0..20), after(0..21));
        let (key, value) = newer
            .iter()
            .find(|(key, value)| rows.get(*key) != Some(value))
            .unwrap();
        rows.insert(key.clone(), value.clone());
        assert!(verdict(&rows).is_err());
    }

    #[test]
    fn a_batch_without_the_one_before_it_is_torn() {
        let mut rows = after(0..20);
        for episode in batch(21) {
            rows.insert(
                episode.episode_id.to_string(),
                serde_json::to_value(&episode).unwrap(),
            );
        }
        assert!(
            verdict(&rows)
                .unwrap_err()
                .contains("generation 12 instead of 20")
        );
    }

    #[test]
    fn a_lost_row_is_torn() {
        let mut rows = after(0..20);
        rows.pop_first();
        assert!(verdict(&rows).unwrap_err().contains("missing"));
    }

    #[test]
    fn a_changed_letter_breaks_the_checksum() {
        let mut rows = after(0..20);
        *rows
            .values_mut()
            .next()
            .unwrap()
            .get_mut("task_description")
            .unwrap() = json!("other");
        assert!(verdict(&rows).unwrap_err().contains("checksum"));
    }
}
