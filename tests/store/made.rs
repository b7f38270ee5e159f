//! Databases that the tests make, from those that real releases left.

use std::path::{Path, PathBuf};

use libsql::Builder;
use tempfile::TempDir;

use crate::common::fixture;

/// A copy of a fixture's durable store.
pub fn copy(name: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("turso.db");
    // Not `fs::copy`, which takes the permissions along.
    std::fs::write(
        &path,
        std::fs::read(fixture(name).join("turso.db")).unwrap(),
    )
    .unwrap();
    (dir, path)
}

/// The same, after these statements.
pub fn changed(name: &str, statements: &str) -> (TempDir, PathBuf) {
    let (dir, path) = copy(name);
    execute(&path, statements);
    (dir, path)
}

/// Executes statements on a file.
pub fn execute(path: &Path, statements: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let database = Builder::new_local(path).build().await.unwrap();
        let connection = database.connect().unwrap();
        let statements = format!("PRAGMA foreign_keys = OFF; {statements}");
        connection.execute_batch(&statements).await.unwrap();
    });
}

/// Makes so many episodes more, which differ in their ids.
pub fn more_episodes(count: usize) -> String {
    format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})
         INSERT INTO episodes
         (episode_id, task_type, task_description, context, start_time, end_time, steps, outcome,
          reward, reflection, patterns, heuristics, checkpoints, metadata, domain, language)
         SELECT printf('%08x-0000-4000-8000-000000000000', n * 100003), task_type, 'task ' || n,
          context, start_time + n, end_time, steps, outcome, reward, reflection, patterns,
          heuristics, checkpoints, metadata, domain, language
         FROM n, (SELECT * FROM episodes ORDER BY episode_id LIMIT 1);"
    )
}

/// A fixture's durable store itself, which nobody may write.
pub fn original(name: &str) -> PathBuf {
    fixture(name).join("turso.db")
}
