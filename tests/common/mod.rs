//! The fixtures: cache files that real releases of do-memory wrote, with the truth about them.

#![allow(dead_code, reason = "each test program uses its own part of this")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use redb_cache::cache::Table;
use serde_json::Value;

/// One cache of one release.
pub struct Fixture {
    folder: PathBuf,
}

/// The fixture of that name, as `0.1.47`.
///
/// The folder of all fixtures is `REDB_CACHE_FIXTURES`, or else `../shared/fixtures` as seen from
/// the repository.
pub fn fixture(name: &str) -> Fixture {
    let all = std::env::var_os("REDB_CACHE_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"),
        PathBuf::from,
    );
    let folder = all.join(name);
    assert!(
        folder.join("cache.redb").is_file(),
        "there is no fixture {}: set REDB_CACHE_FIXTURES to the folder that holds {name}/cache.redb",
        folder.display()
    );
    Fixture { folder }
}

impl Fixture {
    /// A copy of the cache, which a test may open and change.
    pub fn copy(&self) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.redb");
        std::fs::copy(self.folder.join("cache.redb"), &path).unwrap();
        (folder, path)
    }

    /// A JSON file beside the cache, as `truth.json`.
    pub fn json(&self, name: &str) -> Value {
        let file = std::fs::File::open(self.folder.join(name)).unwrap();
        serde_json::from_reader(std::io::BufReader::new(file)).unwrap()
    }

    /// The rows of every table of records, as they are stored.
    pub fn rows(&self) -> Vec<(Table, String, Vec<u8>)> {
        let (_folder, path) = self.copy();
        let database = redb::Database::open(path).unwrap();
        let transaction = database.begin_read().unwrap();
        let mut rows = Vec::new();
        for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
            let definition = TableDefinition::<&str, &[u8]>::new(table.name());
            for row in transaction.open_table(definition).unwrap().iter().unwrap() {
                let (key, value) = row.unwrap();
                rows.push((table, key.value().to_owned(), value.value().to_vec()));
            }
        }
        rows
    }

    /// Has `check-truth`, which knows how each release's JSON looks today, compare an export, one
    /// JSON object a line, with the truth about the tables of records.
    pub fn check_truth(&self, export: &[u8]) {
        let tables = Table::ALL.into_iter().filter(|table| table.holds_records());
        let mut tool = Command::new("python3")
            .arg(self.folder.join("../../tools/check-truth"))
            .arg(self.folder.join("truth.json"))
            .arg("--tables")
            .arg(tables.map(Table::name).collect::<Vec<_>>().join(","))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3 runs tools/check-truth beside the folder of the fixtures");
        tool.stdin.take().unwrap().write_all(export).unwrap();
        let output = tool.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
