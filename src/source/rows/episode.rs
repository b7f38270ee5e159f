//! Rows of `episodes`.

use uuid::Uuid;

use super::super::row::{Cells, Flaw};
use super::{Entry, Value, step, uuid};
use crate::cache::record::{CheckpointMeta, Episode, TaskType};

/// Reads an episode. The store never held its sub-second times, the patterns applied in it, nor
/// what stood out.
pub(super) fn read(id: &str, cells: &Cells) -> Result<Entry, Flaw> {
    let episode_id = uuid(id)?;
    let start_time = cells.time("start_time")?;
    let revision = cells.number("revision")?;
    let episode = Episode {
        episode_id,
        task_type: task_type(cells.text("task_type")?)?,
        task_description: cells.text("task_description")?.to_owned(),
        context: cells.json("context")?,
        start_time,
        end_time: cells.optional_time("end_time")?,
        steps: cells.json_with("steps", step::read_all)?,
        outcome: cells.optional_json("outcome")?,
        reward: cells.optional_json("reward")?,
        reflection: cells.optional_json("reflection")?,
        patterns: cells.json("patterns")?,
        heuristics: cells.json("heuristics")?,
        applied_patterns: Vec::new(),
        salient_features: None,
        metadata: cells.json("metadata")?,
        tags: tags(cells)?,
        checkpoints: checkpoints(episode_id, cells)?,
    };
    Ok(Entry {
        key: episode_id.to_string(),
        value: Value::Record(episode.into()),
        // What do-memory 0.1.47 gives an episode of an earlier release.
        revision: revision.or(Some(start_time.timestamp_millis())),
    })
}

fn task_type(name: &str) -> Result<TaskType, Flaw> {
    Ok(match name {
        "code_generation" => TaskType::CodeGeneration,
        "debugging" => TaskType::Debugging,
        "refactoring" => TaskType::Refactoring,
        "testing" => TaskType::Testing,
        "analysis" => TaskType::Analysis,
        "documentation" => TaskType::Documentation,
        "other" => TaskType::Other,
        _ => return Err(format!("task_type: {name:?} is not known")),
    })
}

/// Hexadecimal, separated by commas.
fn tags(cells: &Cells) -> Result<Vec<String>, Flaw> {
    let Some(tags) = cells.optional_text("tags")? else {
        return Ok(Vec::new());
    };
    let tag = |hex: &str| {
        let digits = hex.as_bytes().chunks(2);
        let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
    };
    tags.split(',')
        .map(|hex| tag(hex).ok_or_else(|| "tags: one is no text".to_owned()))
        .collect()
}

fn checkpoints(episode: Uuid, cells: &Cells) -> Result<Vec<CheckpointMeta>, Flaw> {
    let checkpoints: Option<Vec<CheckpointMeta>> = cells.optional_json("checkpoints")?;
    let mut checkpoints = checkpoints.unwrap_or_default();
    // Those of do-memory 0.1.33 and before name no episode.
    for checkpoint in checkpoints
        .iter_mut()
        .filter(|point| point.episode_id.is_nil())
    {
        checkpoint.episode_id = episode;
    }
    Ok(checkpoints)
}
