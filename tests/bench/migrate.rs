//! How fast `redb-cache migrate` is, what memory it takes, and how dense its result is, on a real
//! cache of do-memory 0.1.6 whose episodes are multiplied.
//!
//! ```sh
//! cargo bench --bench migrate              # 100,000 episodes
//! MIGRATE_EPISODES=1000000 cargo bench --bench migrate
//! ```
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on fails, and what it finds is its output"
)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redb2::{Database, ReadableTable, ReadableTableMetadata, TableDefinition};
use uuid::Uuid;

const EPISODES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("episodes");
const ROWS: u64 = 100_000;
/// Episodes a transaction, as a program that stores them in the course of time has it.
const BATCH: u64 = 2_000;
/// What the kernel counts processor time in, as it tells programs.
const TICKS_PER_SECOND: u64 = 100;

fn main() {
    let Some(fixture) = fixture() else {
        println!("migrate: no fixtures, nothing measured (set REDB_CACHE_FIXTURES)");
        return;
    };
    let rows = env::var("MIGRATE_EPISODES").map_or(ROWS, |rows| rows.parse().unwrap());
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let cache = folder.path().join("cache.redb");
    fs::copy(fixture, &cache).unwrap();
    fs::set_permissions(&cache, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    multiply(&cache, rows);
    let before = length(&cache);
    let migration = run(&["migrate", "--yes"], &cache);
    let migrated = length(&cache);
    let compaction = run(&["compact"], &cache);
    let compact = length(&cache);
    println!("episodes          {rows}, {} MiB", before >> 20);
    println!("migrate           {migration}");
    println!(
        "                  {:.0} episodes a second of processor time",
        rows as f64 / migration.processor.as_secs_f64()
    );
    println!("compact after it  {compaction}");
    println!(
        "size              {migrated}, compacted {compact}: {:.3} times",
        migrated as f64 / compact as f64
    );
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    println!("load of machine   {}", load.trim());
}

fn fixture() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    let folder = env::var_os("REDB_CACHE_FIXTURES").map_or(beside, PathBuf::from);
    let cache = folder.join("0.1.6-real-a/cache.redb");
    cache.exists().then_some(cache)
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// Adds copies of the episodes, each with an identifier of its own, until there are so many.
fn multiply(cache: &Path, rows: u64) {
    let db = Database::open(cache).unwrap();
    let txn = db.begin_read().unwrap();
    let table = txn.open_table(EPISODES).unwrap();
    let real: Vec<Vec<u8>> = table
        .iter()
        .unwrap()
        .map(|row| row.unwrap().1.value().to_vec())
        .collect();
    let mut numbers = table.len().unwrap()..rows;
    while !numbers.is_empty() {
        let txn = db.begin_write().unwrap();
        {
            let mut table = txn.open_table(EPISODES).unwrap();
            for n in numbers.by_ref().take(BATCH as usize) {
                let (key, row) = renamed(&real[n as usize % real.len()], n);
                table.insert(key.as_str(), row.as_slice()).unwrap();
            }
        }
        txn.commit().unwrap();
    }
}

/// In bincode an episode begins with its identifier: the length, then the bytes.
fn renamed(row: &[u8], n: u64) -> (String, Vec<u8>) {
    assert_eq!(row[..8], 16u64.to_le_bytes());
    let id = Uuid::from_u64_pair(spread(n), spread(!n));
    let mut row = row.to_vec();
    row[8..24].copy_from_slice(id.as_bytes());
    (id.to_string(), row)
}

/// The same each run, and spread as evenly as what is drawn by lot.
fn spread(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// What a process took.
struct Took {
    wall: Duration,
    processor: Duration,
    peak_kib: u64,
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (wall, processor) = (self.wall.as_secs_f64(), self.processor.as_secs_f64());
        let mib = self.peak_kib >> 10;
        write!(f, "{wall:.2} s, processor {processor:.2} s, {mib} MiB")
    }
}

fn run(args: &[&str], cache: &Path) -> Took {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_redb-cache"))
        .args(args)
        .arg("--cache")
        .arg(cache)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (processor, peak_kib) = watch(&child);
    let wall = began.elapsed();
    assert!(matches!(child.wait().unwrap().code(), Some(0 | 3)));
    Took {
        wall,
        processor,
        peak_kib,
    }
}

/// Looks until the process has ended; the account of one that nobody waited for yet stays.
fn watch(child: &Child) -> (Duration, u64) {
    let account = PathBuf::from(format!("/proc/{}", child.id()));
    let mut peak_kib = 0;
    loop {
        let status = fs::read_to_string(account.join("status")).unwrap();
        let highest = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kib) = highest.and_then(|rest| rest.split_whitespace().next()) {
            peak_kib = kib.parse().unwrap();
        }
        let stat = fs::read_to_string(account.join("stat")).unwrap();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        if fields[0] == "Z" {
            let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
            return (
                Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND),
                peak_kib,
            );
        }
        thread::sleep(Duration::from_millis(10));
    }
}
