//! What a folder may look like after a power loss.
//!
//! This is what POSIX allows and no more orderly: what was synced is there. Of everything else any
//! part may have arrived, in any order, and a write by single sectors of 512 bytes. An fsync of a
//! file says nothing of its name, and one of the folder nothing of the bytes. A rename is one step.
//! File systems with a journal keep more of the order; what they leave is among these.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

use super::recording::{FileId, Op, Recording, apply_entries};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// The bytes of a file.
#[derive(Debug)]
pub struct Content {
    pub bytes: Vec<u8>,
    pub digest: u128,
}

impl Content {
    fn of(bytes: Vec<u8>) -> Arc<Self> {
        let digest = xxh3_128(&bytes);
        Arc::new(Self { bytes, digest })
    }
}

/// What is found in the folder.
pub type Image = BTreeMap<String, Arc<Content>>;

/// Tells images apart.
pub fn digest(image: &Image) -> u128 {
    let mut digest = Xxh3Default::new();
    for (name, content) in image {
        digest.update(name.as_bytes());
        digest.update(&[0]);
        digest.update(&content.digest.to_le_bytes());
    }
    digest.digest128()
}

/// What becomes of a step that was not synced.
#[derive(Clone, Copy)]
pub enum Fate {
    Lost,
    Kept,
    /// The length of the file arrives, and some of the sectors.
    Torn(Tear),
}

/// Which sectors of a write arrive.
#[derive(Clone, Copy)]
pub enum Tear {
    None,
    FirstHalf,
    LastHalf,
    Even,
    Random(u64),
}

impl Tear {
    fn takes(self, sector: usize, of: usize) -> bool {
        match self {
            Self::None => false,
            Self::FirstHalf => sector < of / 2,
            Self::LastHalf => sector >= of / 2,
            Self::Even => sector.is_multiple_of(2),
            Self::Random(seed) => Random(seed ^ (sector as u64) << 20).below(2) == 0,
        }
    }
}

/// Numbers that are the same in each run.
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A disk between two steps of a recorded program.
pub struct Disk<'a> {
    recording: &'a Recording,
    /// The steps that are done.
    pub done: usize,
    /// What is durable.
    files: Vec<Arc<Content>>,
    names: BTreeMap<String, FileId>,
    /// The steps that are done and may be lost.
    unsynced: Vec<usize>,
}

impl<'a> Disk<'a> {
    /// Before the first step.
    pub fn before(recording: &'a Recording) -> Self {
        Self {
            recording,
            done: 0,
            files: recording.files.iter().cloned().map(Content::of).collect(),
            names: recording.names.clone(),
            unsynced: Vec::new(),
        }
    }

    /// Carries out the next step; `None` after the last one.
    pub fn step(&mut self) -> Option<&'a Op> {
        let op = self.recording.ops.get(self.done)?;
        match op {
            Op::SyncFile { file, began } => self.sync_file(*file, *began),
            Op::SyncFolder { began } => self.sync_folder(*began),
            Op::Said(_) | Op::Exit(_) => {}
            _ => self.unsynced.push(self.done),
        }
        self.done += 1;
        Some(op)
    }

    fn sync_file(&mut self, file: FileId, began: usize) {
        let ops = &self.recording.ops;
        let is_synced = |at: &usize| *at < began && ops[*at].changes() == Some(file);
        let mut bytes = None;
        for at in self.unsynced.extract_if(.., |at| is_synced(at)) {
            let bytes = bytes.get_or_insert_with(|| self.files[file].bytes.clone());
            ops[at].apply(bytes);
        }
        if let Some(bytes) = bytes {
            self.files[file] = Content::of(bytes);
        }
    }

    fn sync_folder(&mut self, began: usize) {
        let ops = &self.recording.ops;
        self.unsynced.retain(|at| match &ops[*at] {
            Op::Entries(entries) if *at < began => {
                apply_entries(&mut self.names, entries);
                false
            }
            _ => true,
        });
    }

    /// How many steps may be lost.
    pub fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// Whether a write of many sectors may be lost in parts.
    pub fn can_tear(&self) -> bool {
        let ops = &self.recording.ops;
        let can = |at: &usize| matches!(&ops[*at], Op::Write { data, .. } if data.len() > SECTOR);
        self.unsynced.iter().any(can)
    }

    /// What is found when the power is lost now, and the steps that were not synced meet these fates.
    pub fn image(&self, fates: &[Fate]) -> Image {
        let mut names = self.names.clone();
        let mut changed: BTreeMap<FileId, Vec<u8>> = BTreeMap::new();
        for (at, fate) in self.unsynced.iter().zip(fates) {
            let op = &self.recording.ops[*at];
            match (op, fate) {
                (_, Fate::Lost) => {}
                (Op::Entries(entries), _) => apply_entries(&mut names, entries),
                _ => {
                    let file = op.changes().expect("a change of bytes");
                    let bytes = changed
                        .entry(file)
                        .or_insert_with(|| self.files[file].bytes.clone());
                    match fate {
                        Fate::Torn(tear) => tear_into(op, *tear, bytes),
                        _ => op.apply(bytes),
                    }
                }
            }
        }
        // A file without a name is not found, whatever is in it.
        let mut made: BTreeMap<FileId, Arc<Content>> = BTreeMap::new();
        let mut content = |file: FileId| match changed.remove(&file) {
            Some(bytes) => Arc::clone(made.entry(file).insert_entry(Content::of(bytes)).get()),
            None => Arc::clone(made.get(&file).unwrap_or(&self.files[file])),
        };
        let found = names.into_iter();
        found.map(|(name, file)| (name, content(file))).collect()
    }

    /// The fates that are tried at every moment.
    pub fn systematic(&self) -> Vec<Vec<Fate>> {
        let len = self.unsynced.len();
        let all = |fate: Fate| vec![fate; len];
        let mut tried = vec![all(Fate::Lost), all(Fate::Kept)];
        let names_only = |names: Fate, bytes: Fate| -> Vec<Fate> {
            let fate = |at: &usize| match self.recording.ops[*at] {
                Op::Entries(_) => names,
                _ => bytes,
            };
            self.unsynced.iter().map(fate).collect()
        };
        tried.push(names_only(Fate::Kept, Fate::Lost));
        tried.push(names_only(Fate::Lost, Fate::Kept));
        let tears = [Tear::None, Tear::FirstHalf, Tear::LastHalf, Tear::Even];
        for at in 0..len {
            let mut prefix = all(Fate::Lost);
            prefix[..at].fill(Fate::Kept);
            let with = |fates: &[Fate], fate: Fate| {
                let mut fates = fates.to_vec();
                fates[at] = fate;
                fates
            };
            tried.push(prefix.clone());
            tried.push(with(&all(Fate::Kept), Fate::Lost));
            tried.push(with(&all(Fate::Lost), Fate::Kept));
            if matches!(self.recording.ops[self.unsynced[at]], Op::Write { .. }) {
                for tear in tears {
                    tried.push(with(&all(Fate::Kept), Fate::Torn(tear)));
                    tried.push(with(&prefix, Fate::Torn(tear)));
                }
            }
        }
        tried
    }

    /// Other fates.
    pub fn random(&self, random: &mut Random) -> Vec<Fate> {
        let kept = 1 + random.below(9);
        let fate = |_| match random.below(10) {
            0..5 => Fate::Torn(Tear::Random(random.below(u64::MAX))),
            _ if random.below(10) < kept => Fate::Kept,
            _ => Fate::Lost,
        };
        (0..self.unsynced.len()).map(fate).collect()
    }
}

fn tear_into(op: &Op, tear: Tear, bytes: &mut Vec<u8>) {
    let Op::Write { offset, data, .. } = op else {
        return op.apply(bytes);
    };
    let end = offset + data.len();
    bytes.resize(bytes.len().max(end), 0);
    let (first, last) = (offset / SECTOR, end.div_ceil(SECTOR));
    for sector in first..last {
        if tear.takes(sector - first, last - first) {
            let from = (sector * SECTOR).max(*offset);
            let to = ((sector + 1) * SECTOR).min(end);
            bytes[from..to].copy_from_slice(&data[from - offset..to - offset]);
        }
    }
}
