//! Who has a cache open, found out without touching a lock: taking even a shared one for a moment
//! could make an agent fail that is just starting.
//!
//! On Linux `/proc/locks` lists the locks on every inode. redb before 4.3 takes `flock` on the
//! file; later ones take `flock` and byte ranges past any real offset:
//!
//! | mode | bytes from `1 << 62` |
//! |---|---|
//! | exclusive | all, for writing |
//! | single writer | +0 and +1 for writing |
//! | many writers | +1 for reading, by each |
//! | reader beside those | +2 for reading |

use std::fmt;
use std::fs::{self, File};
use std::ops::Bound;

use redb::backends::FileBackend;
use redb::{ConcurrencyMode, StorageBackend};

use super::header::Identity;

const WRITER_MODE_BYTE: u64 = (1 << 62) + 1;
const READER_BYTE: u64 = (1 << 62) + 2;

/// How the file is held at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// No writer has it open.
    Nobody,
    /// A process has it for itself.
    Exclusive,
    /// A process writes it in a mode in which others may read, or write.
    Shared(ConcurrencyMode),
    /// This system does not tell.
    Unknown,
}

/// A process that has a cache open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Its program, if it can be told.
    pub program: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {}", self.pid)?;
        match &self.program {
            Some(program) => write!(f, " ({program})"),
            None => Ok(()),
        }
    }
}

impl Holder {
    fn of(pid: u32) -> Self {
        // The kernel cuts `comm` to 15 bytes; the executable's name is whole, but may be private.
        let exe = fs::read_link(format!("/proc/{pid}/exe")).ok();
        let name = exe.and_then(|exe| Some(exe.file_name()?.to_string_lossy().into_owned()));
        let comm = || fs::read_to_string(format!("/proc/{pid}/comm")).ok();
        let program = name
            .or_else(comm)
            .map(|name| name.trim_end_matches(" (deleted)").trim().to_owned());
        Self { pid, program }
    }
}

/// How often the list is looked at before it is believed that a lock is not in it: the kernel
/// hands the list out in pieces, and one that moves to an earlier piece meanwhile is missed.
const LOOKS: usize = 3;
/// The same when redb's own query, which misses nothing, says that there is a lock.
const LOOKS_WHEN_LOCKED: usize = 100;

/// How `file` is held.
#[must_use]
pub fn holding(file: &File) -> Holding {
    let locked = is_open_for_writing(file).unwrap_or(false);
    for _ in 0..if locked { LOOKS_WHEN_LOCKED } else { LOOKS } {
        match locks_on(file).as_deref().map(classify) {
            None => return Holding::Unknown,
            Some(Holding::Nobody) => {}
            Some(holding) => return holding,
        }
    }
    Holding::Nobody
}

/// Whether a redb from 4.5 on has it open for writing, in whichever mode. Takes no lock.
fn is_open_for_writing(file: &File) -> Option<bool> {
    let backend = FileBackend::new(file.try_clone().ok()?).ok()?;
    let byte = Bound::Included(WRITER_MODE_BYTE);
    backend.query_lock_range(byte, byte).ok()
}

/// The process that holds `file`, if it can be told. This may look at every process.
#[must_use]
pub fn find(file: &File) -> Option<Holder> {
    let mut looks = (0..LOOKS_WHEN_LOCKED).map_while(|_| locks_on(file));
    let locks = looks.find(|locks| !locks.is_empty())?;
    // Writers first: a reader beside a writer is not what one waits for.
    let by_rank = |writes: bool| locks.iter().find(move |lock| lock.writes == writes);
    let lock = by_rank(true).or_else(|| by_rank(false))?;
    let identity = Identity::of(&file.metadata().ok()?);
    let named = locks
        .iter()
        .filter(|other| other.writes == lock.writes)
        .find_map(|lock| lock.pid);
    let pid = named.or_else(|| find_descriptor(identity, lock.writes))?;
    Some(Holder::of(pid))
}

/// One line of `/proc/locks`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lock {
    /// `flock`, which covers the file, not a range.
    whole_file: bool,
    writes: bool,
    /// A lock of an open file description has no process.
    pid: Option<u32>,
    device: (u64, u64),
    inode: u64,
    start: u64,
    /// Inclusive.
    end: u64,
}

impl Lock {
    /// `1: OFDLCK ADVISORY  WRITE -1 fe:00:1312 0 EOF`; a `->` marks one that still waits.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace().skip(1);
        let kind = fields.next()?;
        if !matches!(kind, "FLOCK" | "OFDLCK" | "POSIX") {
            return None;
        }
        let writes = fields.nth(1)? == "WRITE";
        let pid = fields.next()?.parse().ok();
        let mut place = fields.next()?.split(':');
        let mut hex = || u64::from_str_radix(place.next()?, 16).ok();
        let device = (hex()?, hex()?);
        Some(Self {
            whole_file: kind == "FLOCK",
            writes,
            pid,
            device,
            inode: place.next()?.parse().ok()?,
            start: fields.next()?.parse().ok()?,
            end: match fields.next()? {
                "EOF" => u64::MAX,
                end => end.parse().ok()?,
            },
        })
    }

    fn is_on(&self, identity: Identity) -> bool {
        let device = identity.device();
        self.inode == identity.inode()
            && self.device
                == (
                    u64::from(rustix::fs::major(device)),
                    u64::from(rustix::fs::minor(device)),
                )
    }

    fn covers(&self, byte: u64) -> bool {
        !self.whole_file && (self.start..=self.end).contains(&byte)
    }
}

fn locks_on(file: &File) -> Option<Vec<Lock>> {
    let identity = Identity::of(&file.metadata().ok()?);
    let list = fs::read_to_string("/proc/locks").ok()?;
    let locks = list.lines().filter_map(Lock::parse);
    let same_inode: Vec<_> = locks
        .filter(|lock| lock.inode == identity.inode())
        .collect();
    let exact: Vec<_> = same_inode
        .iter()
        .filter(|lock| lock.is_on(identity))
        .cloned()
        .collect();
    if exact.is_empty() && same_inode.iter().any(|lock| is_confirmed(identity, lock)) {
        return Some(same_inode);
    }
    Some(exact)
}

/// Some file systems (btrfs, overlay) list a device that `stat` does not report. There a lock on
/// the same inode number counts when a process has that lock on this very file.
fn is_confirmed(identity: Identity, lock: &Lock) -> bool {
    find_descriptor(identity, lock.writes).is_some()
}

fn classify(locks: &[Lock]) -> Holding {
    let held = |byte: u64, writes: bool| {
        locks
            .iter()
            .any(|lock| lock.covers(byte) && lock.writes == writes)
    };
    if held(READER_BYTE, true) {
        Holding::Exclusive
    } else if held(WRITER_MODE_BYTE, true) {
        Holding::Shared(ConcurrencyMode::SingleWriter)
    } else if held(WRITER_MODE_BYTE, false) {
        Holding::Shared(ConcurrencyMode::MultiWriter)
    } else if locks.iter().any(|lock| lock.whole_file && lock.writes) {
        Holding::Exclusive
    } else {
        Holding::Nobody
    }
}

/// The process with a descriptor of the file that carries a lock; those of other users are
/// passed over when the system keeps them private.
fn find_descriptor(identity: Identity, writes: bool) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| has_locked_descriptor(*pid, identity, writes))
}

fn has_locked_descriptor(pid: u32, identity: Identity, writes: bool) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    let wanted = if writes { " WRITE " } else { " READ " };
    descriptors.flatten().any(|entry| {
        let number = entry.file_name();
        identity.is_at(&entry.path())
            && fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", number.display())).is_ok_and(
                |info| {
                    info.lines()
                        .any(|line| line.starts_with("lock:") && line.contains(wanted))
                },
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify_lines(lines: &str) -> Holding {
        classify(&lines.lines().filter_map(Lock::parse).collect::<Vec<_>>())
    }

    #[test]
    fn each_mode_is_told_by_its_locks() {
        let exclusive_old = "1: FLOCK  ADVISORY  WRITE 4242 fe:00:1312 0 EOF";
        assert_eq!(classify_lines(exclusive_old), Holding::Exclusive);
        let exclusive = "1: OFDLCK ADVISORY  WRITE -1 fe:00:1312 0 EOF";
        assert_eq!(classify_lines(exclusive), Holding::Exclusive);
        let single = "1: FLOCK ADVISORY READ 4242 fe:00:1312 0 EOF\n\
            2: OFDLCK ADVISORY WRITE -1 fe:00:1312 4611686018427387904 4611686018427387905";
        assert_eq!(
            classify_lines(single),
            Holding::Shared(ConcurrencyMode::SingleWriter)
        );
        let multi = "2: OFDLCK ADVISORY READ -1 fe:00:1312 4611686018427387905 4611686018427387905";
        assert_eq!(
            classify_lines(multi),
            Holding::Shared(ConcurrencyMode::MultiWriter)
        );
        let reader =
            "2: OFDLCK ADVISORY READ -1 fe:00:1312 4611686018427387906 4611686018427387906";
        assert_eq!(classify_lines(reader), Holding::Nobody);
    }

    #[test]
    fn waiting_leases_and_garbled_lines_are_no_holders() {
        let lines = "1: -> FLOCK ADVISORY WRITE 7 fe:00:1312 0 EOF\n\
            2: LEASE ACTIVE READ 7 fe:00:1312 0 EOF\n3: FLOCK\n\n";
        assert_eq!(classify_lines(lines), Holding::Nobody);
    }
}
