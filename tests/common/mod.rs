//! Where the real files are, and how tests run the program.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use redb_cache::cache::Table;
use redb_cache::cache::record::{Episode, TaskContext, TaskType};
use serde_json::Value;
use tempfile::TempDir;

/// The folder of a fixture: a cache that a real release wrote, and its truth. Never write there.
pub fn fixture(name: &str) -> PathBuf {
    let folder = fixtures().join(name);
    assert!(
        folder.join("cache.redb").is_file(),
        "the fixture {} is not there: these tests need the real files. Set REDB_CACHE_FIXTURES to \
         the folder that holds them",
        folder.display()
    );
    folder
}

/// The folder that holds the fixtures.
pub fn fixtures() -> PathBuf {
    std::env::var_os("REDB_CACHE_FIXTURES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures")),
        PathBuf::from,
    )
}

/// A copy of a fixture's cache that may be written.
pub fn copy_of(name: &str) -> (TempDir, PathBuf) {
    copy(&fixture(name))
}

fn copy(fixture: &Path) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.redb");
    // Not `fs::copy`: the fixtures may be read-only, and their copies must not be.
    let bytes = std::fs::read(fixture.join("cache.redb")).unwrap();
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

/// Makes a closed cache one whose writer was killed: the flags in its tenth byte ask for a repair.
pub fn leave_open(cache: &Path) {
    const RECOVERY_REQUIRED: u8 = 2;
    let mut bytes = std::fs::read(cache).unwrap();
    bytes[9] |= RECOVERY_REQUIRED;
    std::fs::write(cache, bytes).unwrap();
}

/// A fixture's durable store, never to be written; `None` where it has none.
pub fn store_of(name: &str) -> Option<String> {
    let path = fixture(name).join("turso.db");
    path.is_file().then(|| path.to_str().unwrap().to_owned())
}

/// The releases of which the durable store is there, too.
pub fn stores() -> Vec<(String, String)> {
    let releases = releases().into_iter();
    let stores: Vec<_> = releases
        .filter_map(|name| Some((name.clone(), store_of(&name)?)))
        .collect();
    assert!(stores.len() >= 13, "only {stores:?}");
    stores
}

/// A copy of a fixture's durable store, changed by these statements.
pub fn altered_store(name: &str, sql: &str) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("turso.db");
    std::fs::write(&path, std::fs::read(store_of(name).unwrap()).unwrap()).unwrap();
    alter(&path, sql);
    (dir, path.to_str().unwrap().to_owned())
}

/// Runs statements on a durable store, as its own library would.
pub fn alter(path: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(async {
        let database = libsql::Builder::new_local(path).build().await.unwrap();
        let connection = database.connect().unwrap();
        connection.execute_batch(sql).await.unwrap();
    });
}

/// What a fixture's cache holds, as `{table: {key: value}}`.
pub fn truth(name: &str) -> Value {
    let text = std::fs::read(fixture(name).join("truth.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// One cache of one release, and what is true of it.
pub struct Fixture {
    folder: PathBuf,
}

impl Fixture {
    /// The fixture of that name, as `0.1.47`.
    pub fn of(name: &str) -> Self {
        Self {
            folder: fixture(name),
        }
    }

    /// A JSON file beside the cache, as `truth.json`.
    pub fn json(&self, name: &str) -> Value {
        let file = std::fs::File::open(self.folder.join(name)).unwrap();
        serde_json::from_reader(std::io::BufReader::new(file)).unwrap()
    }

    /// The rows of every table of records, as they are stored.
    pub fn rows(&self) -> Vec<(Table, String, Vec<u8>)> {
        let (_dir, path) = copy(&self.folder);
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

    /// Has `check-truth` compare what came from the durable store, about some tables.
    pub fn check_durable_truth(&self, export: &[u8], tables: &str) {
        self.check_truth_with(export, &["--durable", "--tables", tables]);
    }

    /// Has `check-truth`, which knows how each release's JSON looks today, compare an export, one
    /// JSON object a line, with the truth about the tables of records.
    pub fn check_truth(&self, export: &[u8]) {
        let tables = Table::ALL.into_iter().filter(|table| table.holds_records());
        let names = tables.map(Table::name).collect::<Vec<_>>().join(",");
        self.check_truth_with(export, &["--tables", &names]);
    }

    /// The same about every table, where so many values of `parameters` may differ.
    pub fn check_whole_truth(&self, export: &[u8], differ: u64) {
        self.check_truth_with(export, &["--allow-differ", &differ.to_string()]);
    }

    /// How many values of `parameters` came out as another value with the same bytes.
    pub fn twins(&self, export: &[u8]) -> u64 {
        let said = self.check_truth_with(export, &["--tables", "episodes"]);
        let twins = said
            .lines()
            .find_map(|line| line.strip_prefix("parameters twin: "));
        twins.map_or(0, |count| count.parse().unwrap())
    }

    fn check_truth_with(&self, export: &[u8], args: &[&str]) -> String {
        let mut tool = Command::new("python3")
            .arg(self.folder.join("../../tools/check-truth"))
            .arg(self.folder.join("truth.json"))
            .args(args)
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
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The program, on that cache, with nothing of the caller's environment that could change what it
/// does.
pub fn program(cache: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redb-cache"));
    command.arg("--cache").arg(cache).args(args);
    for variable in [
        "REDB_CACHE_PATH",
        "REDB_TTL_SECONDS",
        "REDB_MAX_CACHE_SIZE",
        "TURSO_DATABASE_URL",
        "TURSO_AUTH_TOKEN",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program to its end.
pub fn run(cache: &Path, args: &[&str]) -> Output {
    program(cache, args).output().unwrap()
}

/// Runs the program, demands its exit code, and reads the JSON document that it printed.
pub fn json(cache: &Path, args: &[&str], exit: i32) -> Value {
    let output = run(cache, &[args, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs the program, demands that it fails so, and returns what it said.
pub fn refusal(cache: &Path, args: &[&str], exit: i32) -> String {
    let output = run(cache, args);
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A file's bytes and its time of change, to see that it was left alone.
pub fn state(path: &Path) -> (Vec<u8>, SystemTime) {
    let modified = std::fs::metadata(path).unwrap().modified().unwrap();
    (std::fs::read(path).unwrap(), modified)
}

/// An episode that says nothing but its task.
pub fn episode(task: &str) -> Episode {
    Episode::new(task, TaskContext::default(), TaskType::Testing)
}

/// An episode of the usual size, whose text changes with `n`.
pub fn long_episode(n: usize) -> Episode {
    let mut episode = episode(&format!("task {n}"));
    for field in ["plan", "result", "notes"] {
        let text = format!(
            "{field} of run {n}: cargo test failed in module {}; ",
            n % 7
        );
        episode.metadata.insert(field.into(), text.repeat(12));
    }
    episode
}

/// The releases with a fixture.
pub fn releases() -> Vec<String> {
    let mut releases: Vec<_> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    releases.sort();
    assert!(releases.len() >= 14, "only {releases:?}");
    releases
}

/// Another process of this test binary, which plays the `role`, a test that does nothing elsewhere.
pub struct Other(std::process::Child);

impl Other {
    /// Starts it and waits until it says that it is ready.
    pub fn start(role: &str, path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", role, "--nocapture"])
            .env("TEST_CACHE", path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.any(|line| line.unwrap().contains("ready"));
        assert!(ready, "the other process failed");
        Self(child)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Other {
    /// SIGKILL.
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// In the other process: the cache. `None` when the role is only met as one test among all.
pub fn given() -> Option<PathBuf> {
    std::env::var_os("TEST_CACHE").map(Into::into)
}

/// In the other process: ready, and stay until killed.
pub fn stay() -> ! {
    println!("ready");
    loop {
        std::thread::park();
    }
}

/// How long some work takes when nothing disturbs it: the shortest of a few times.
pub fn usual_time(mut work: impl FnMut()) -> Duration {
    let times = (0..4).map(|_| {
        let began = Instant::now();
        work();
        began.elapsed()
    });
    times.min().unwrap()
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
