//! Whole files, in memory, which a run changes and leaves as they were.

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use redb_cache::RedbStorage;
use redb_cache::cache::record::{Embedding, Episode, TaskContext, TaskType};
use redb_cache::cache::{View, schema};
use redb_cache::file::{ReadOptions, Snapshot, read};
use rustix::fs::{MemfdFlags, memfd_create};

/// The length of a header with its two slots.
const HEADER: usize = 320;
/// What is not empty is changed by sectors of that length.
const SECTOR: usize = 512;

/// The file format.
#[derive(Clone, Copy, Debug)]
pub enum Era {
    V2,
    V3,
}

impl Era {
    /// The one that a byte means.
    pub fn of(byte: Option<u8>) -> Self {
        if byte.unwrap_or_default() % 2 == 0 {
            Self::V3
        } else {
            Self::V2
        }
    }
}

/// A file that is sound between two runs.
pub struct Target {
    file: File,
    path: PathBuf,
    sound: Vec<u8>,
    /// Where something is.
    sectors: Vec<usize>,
}

static TARGETS: LazyLock<[Target; 2]> =
    LazyLock::new(|| [Target::new(v2_file()), Target::new(v3_file())]);

/// Keeps redb's own panics, which are caught and reported as damage, from ending the run. Any
/// other does.
pub fn prepare() {
    let abort = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let of_redb = info
            .location()
            .is_some_and(|at| at.file().contains("/redb-"));
        if !of_redb {
            abort(info);
        }
    }));
}

impl Target {
    /// The file of that format.
    pub fn of(era: Era) -> &'static Self {
        &TARGETS[era as usize]
    }

    fn new(sound: Vec<u8>) -> Self {
        let mut file = File::from(memfd_create("cache", MemfdFlags::CLOEXEC).unwrap());
        file.write_all(&sound).unwrap();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd()).into();
        let sectors = sound
            .chunks(SECTOR)
            .enumerate()
            .filter(|(_, sector)| sector.iter().any(|byte| *byte != 0))
            .map(|(number, _)| number * SECTOR);
        let sectors = sectors.collect();
        Self {
            file,
            path,
            sound,
            sectors,
        }
    }

    /// With the first bytes of its header replaced.
    pub fn with_header(&'static self, bytes: &[u8]) -> Changed {
        let len = bytes.len().min(HEADER);
        let mut changed = Changed(self, Vec::new());
        changed.write(0, &bytes[..len]);
        changed
    }

    /// With edits: a sector and a place in it, a length, and the bytes.
    pub fn edited(&'static self, mut edits: &[u8]) -> Changed {
        let mut changed = Changed(self, Vec::new());
        while let Some(([sector, more, at, further], rest)) = edits.split_first_chunk() {
            let sector = usize::from(u16::from_le_bytes([*sector, *more])) % self.sectors.len();
            let at = self.sectors[sector] + usize::from(*at) + usize::from(further % 2) * 256;
            let len = usize::from(further / 2).min(rest.len());
            let (bytes, rest) = rest.split_at(len);
            changed.write(at, bytes);
            edits = rest;
        }
        changed
    }
}

/// A target with changes, until it is dropped.
pub struct Changed(&'static Target, Vec<(usize, usize)>);

impl Changed {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let len = bytes.len().min(self.0.sound.len().saturating_sub(at));
        self.0.file.write_all_at(&bytes[..len], at as u64).unwrap();
        self.1.push((at, len));
    }

    /// Reads all that there is to read, with and without verifying it first.
    pub fn read(self) {
        for verify in [false, true] {
            let options = ReadOptions {
                lock_timeout: Duration::ZERO,
                verify,
            };
            drop(read(&self.0.path, &options, look_around));
        }
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        let Target { file, sound, .. } = self.0;
        file.set_len(sound.len() as u64).unwrap();
        for (at, len) in &self.1 {
            file.write_all_at(&sound[*at..at + len], *at as u64)
                .unwrap();
        }
    }
}

fn look_around(snapshot: &Snapshot) -> redb_cache::Result<()> {
    for table in snapshot.tables()? {
        drop(snapshot.measure(&table.name));
        drop(snapshot.get(&table.name, "k1"));
        let mut rows = 0;
        drop(snapshot.scan(&table.name, None, &mut |_, _| {
            rows += 1;
            // A tree that leads back into itself must not make this endless.
            assert!(rows < 1_000_000, "{rows} rows");
            Ok(ControlFlow::Continue(()))
        }));
    }
    if let Some(txn) = snapshot.transaction().cloned() {
        drop(schema::check(&txn));
        drop(View::new(txn).least_recent(None, 100));
    }
    Ok(())
}

fn v3_file() -> Vec<u8> {
    let path = scratch();
    let cache = RedbStorage::new(&path).unwrap();
    for n in 0..60 {
        let episode = Episode::new("x".repeat(n), TaskContext::default(), TaskType::Testing);
        cache.insert(format!("k{n}"), episode).unwrap();
        let vector = vec![0.5; n];
        cache
            .insert_as::<Embedding>(format!("k{n}"), vector)
            .unwrap();
    }
    cache.close().unwrap();
    taken(path)
}

fn v2_file() -> Vec<u8> {
    let path = scratch();
    let db = redb2::Database::create(&path).unwrap();
    let txn = db.begin_write().unwrap();
    for name in ["episodes", "patterns"] {
        let rows = redb2::TableDefinition::<&str, &[u8]>::new(name);
        let mut rows = txn.open_table(rows).unwrap();
        for n in 0..60_u8 {
            let value = vec![n; usize::from(n) * 8];
            rows.insert(format!("k{n}").as_str(), value.as_slice())
                .unwrap();
        }
    }
    txn.commit().unwrap();
    drop(db);
    taken(path)
}

fn scratch() -> PathBuf {
    std::env::temp_dir().join(format!("redb-cache-fuzz-{}.redb", std::process::id()))
}

fn taken(path: PathBuf) -> Vec<u8> {
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    bytes
}
