//! Reading a database page by page with nothing done to what is read: how fast the client can be.

use anyhow::{Context, Result};
use libsql::{Connection, Database, Value};

/// Rows of a page.
const PAGE: usize = 1_000;

/// The tables of do-memory 0.1.47: the key by which pages are turned, and the columns that hold what a cache holds.
const TABLES: &[(&str, &[&str], &[&str])] = &[
    (
        "episodes",
        &["episode_id"],
        &[
            "task_type",
            "task_description",
            "context",
            "start_time",
            "end_time",
            "steps",
            "outcome",
            "reward",
            "reflection",
            "patterns",
            "heuristics",
            "metadata",
            "checkpoints",
        ],
    ),
    ("episode_tags", &["episode_id", "tag"], &[]),
    ("episode_revisions", &["episode_id"], &["modified_at_ms"]),
    (
        "patterns",
        &["pattern_id"],
        &["pattern_type", "pattern_data"],
    ),
    (
        "heuristics",
        &["heuristic_id"],
        &[
            "condition_text",
            "action_text",
            "confidence",
            "evidence",
            "created_at",
            "updated_at",
        ],
    ),
    (
        "embeddings",
        &["embedding_id"],
        &["item_id", "item_type", "embedding_data", "embedding_vector"],
    ),
    (
        "episode_summaries",
        &["episode_id"],
        &[
            "summary_text",
            "key_concepts",
            "key_steps",
            "summary_embedding",
            "created_at",
        ],
    ),
    (
        "episode_relationships",
        &["relationship_id"],
        &[
            "from_episode_id",
            "to_episode_id",
            "relationship_type",
            "reason",
            "created_by",
            "priority",
            "weight",
            "metadata",
            "created_at",
        ],
    ),
    (
        "episode_pattern_relationships",
        &["relationship_id"],
        &[
            "episode_id",
            "pattern_id",
            "relationship_type",
            "weight",
            "metadata",
            "created_at",
        ],
    ),
    (
        "procedural_memory",
        &["procedural_id"],
        &[
            "name",
            "description",
            "context",
            "steps",
            "effectiveness",
            "source_episodes",
            "source_patterns",
            "created_at",
            "updated_at",
        ],
    ),
    ("recommendation_sessions", &["session_id"], &["payload"]),
    ("recommendation_feedback", &["session_id"], &["payload"]),
    ("metadata", &["key"], &["value"]),
];

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Rows of all tables.
    pub rows: usize,
    /// Bytes of their texts and blobs.
    pub bytes: usize,
}

/// Reads every row of every table by the key after which the last page ended.
///
/// # Errors
/// When a query fails.
pub async fn read_all_pages(database: &Database) -> Result<Amount> {
    let connection = database.connect()?;
    let mut amount = Amount::default();
    for (table, keys, columns) in TABLES {
        read_table(&connection, table, keys, columns, &mut amount)
            .await
            .with_context(|| format!("cannot read {table}"))?;
    }
    Ok(amount)
}

async fn read_table(
    connection: &Connection,
    table: &str,
    keys: &[&str],
    columns: &[&str],
    amount: &mut Amount,
) -> Result<()> {
    let selected = [keys, columns].concat().join(", ");
    let (marks, key) = (vec!["?"; keys.len()].join(", "), keys.join(", "));
    let question = format!(
        "SELECT {selected} FROM {table} WHERE ({key}) > ({marks}) ORDER BY {key} LIMIT {PAGE}"
    );
    let mut last = vec![Value::Text(String::new()); keys.len()];
    loop {
        let mut rows = connection.query(&question, last.clone()).await?;
        let mut page = 0;
        while let Some(row) = rows.next().await? {
            page += 1;
            last.clear();
            for column in 0..row.column_count() {
                let value = row.get_value(column)?;
                amount.bytes += size(&value);
                if last.len() < keys.len() {
                    last.push(value);
                }
            }
        }
        amount.rows += page;
        if page < PAGE {
            return Ok(());
        }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(blob) => blob.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 0,
    }
}
