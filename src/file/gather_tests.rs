use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proptest::prelude::*;
use redb::backends::InMemoryBackend;

use super::*;

const LIMIT: usize = 64 << 10;

/// A file in memory that counts writes, shows what really arrived, and can be made to fail.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    file: InMemoryBackend,
    writes: AtomicUsize,
    syncs: AtomicUsize,
    unlocks: AtomicUsize,
    full: AtomicBool,
}

impl Disk {
    fn of(len: u64) -> Self {
        let disk = Self::default();
        disk.0.file.set_len(len).unwrap();
        disk
    }

    fn writes(&self) -> usize {
        self.0.writes.load(Ordering::Relaxed)
    }

    fn syncs(&self) -> usize {
        self.0.syncs.load(Ordering::Relaxed)
    }

    fn content(&self) -> Vec<u8> {
        let mut all = vec![0; usize::try_from(self.0.file.len().unwrap()).unwrap()];
        self.0.file.read(0, &mut all).unwrap();
        all
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.0.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::Relaxed);
        self.0.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.0.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.writes.fetch_add(1, Ordering::Relaxed);
        let end = offset + data.len() as u64;
        if end > self.0.file.len()? {
            self.0.file.set_len(end)?;
        }
        self.0.file.write(offset, data)
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlocks.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn pages_go_out_as_one_run_at_the_sync() {
    let disk = Disk::of(64 << 10);
    let gather = Gather::new(disk.clone(), LIMIT);
    gather.write(0, &[1; 320]).unwrap();
    for page in [5_u8, 3, 4, 9] {
        gather
            .write(u64::from(page) * 4_096, &[page; 4_096])
            .unwrap();
    }
    assert_eq!(disk.writes(), 1);
    gather.sync_data().unwrap();
    assert_eq!(disk.writes(), 3);
    assert_eq!(disk.syncs(), 1);
    assert_eq!(disk.content()[4 * 4_096 - 1..=4 * 4_096], [3, 4]);
}

#[test]
fn the_header_overtakes_nothing() {
    let disk = Disk::of(64 << 10);
    let gather = Gather::new(disk.clone(), LIMIT);
    gather.write(8_192, &[1; 4_096]).unwrap();
    gather.write(0, &[2; 320]).unwrap();
    assert_eq!(disk.writes(), 2);
    assert_eq!(disk.content()[8_192], 1);
    assert_eq!(disk.content()[319], 2);
}

#[test]
fn a_sync_without_a_header_is_made_before_the_next_header() {
    let disk = Disk::of(64 << 10);
    let gather = Gather::new(disk.clone(), LIMIT);
    gather.set_len(128 << 10).unwrap();
    gather.sync_data().unwrap();
    gather.write(8_192, &[1; 4_096]).unwrap();
    gather.sync_data().unwrap();
    assert_eq!((disk.syncs(), disk.writes()), (0, 0));
    disk.0.full.store(true, Ordering::Relaxed);
    gather.write(0, &[2; 320]).unwrap_err();
    assert_eq!(disk.content()[0], 0);

    let disk = Disk::of(64 << 10);
    let gather = Gather::new(disk.clone(), LIMIT);
    gather.set_len(128 << 10).unwrap();
    gather.sync_data().unwrap();
    gather.write(0, &[2; 320]).unwrap();
    assert_eq!(disk.syncs(), 1);
    gather.sync_data().unwrap();
    assert_eq!(disk.syncs(), 2);
}

#[test]
fn no_lock_is_released_before_the_writes_under_it() {
    let disk = Disk::of(64 << 10);
    let gather = Gather::new(disk.clone(), LIMIT);
    gather.write(8_192, &[1; 4_096]).unwrap();
    gather
        .unlock_range(Bound::Unbounded, Bound::Unbounded)
        .unwrap();
    assert_eq!(disk.writes(), 1);
    gather.write(8_192, &[2; 4_096]).unwrap();
    gather.close().unwrap();
    assert_eq!(disk.content()[8_192], 2);
}

#[test]
fn a_late_failure_is_final_and_the_locks_are_still_released() {
    let disk = Disk::of(64 << 10);
    let gather = Gather::new(disk.clone(), LIMIT);
    gather.write(0, &[1; 320]).unwrap();
    gather.write(8_192, &[1; 4_096]).unwrap();
    disk.0.full.store(true, Ordering::Relaxed);
    let error = gather.sync_data().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    disk.0.full.store(false, Ordering::Relaxed);
    for again in [
        gather.sync_data(),
        gather.write(12_288, &[1]),
        gather.set_len(1 << 20),
    ] {
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
    let unlocked = gather.unlock_range(Bound::Unbounded, Bound::Unbounded);
    assert!(matches!(unlocked, Err(BackendError::Io(_))));
    assert_eq!(disk.0.unlocks.load(Ordering::Relaxed), 1);
    assert!(gather.close().is_err());
    assert_eq!(disk.writes(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64, Vec<u8>),
    Read(u64, usize),
    SetLen(u64),
    Sync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || prop_oneof![4 => 4_000_u64..6_000, 1 => 0_u64..9_000];
    let data = (any::<u8>(), 1_usize..600).prop_map(|(byte, len)| vec![byte; len]);
    let step = prop_oneof![
        6 => (place(), data).prop_map(|(at, data)| Step::Write(at, data)),
        4 => (place(), 1_usize..900).prop_map(|(at, len)| Step::Read(at, len)),
        1 => place().prop_map(Step::SetLen),
        1 => Just(Step::Sync),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    /// Whatever is done, it reads as if nothing ever waited, and a sync after a header brings all
    /// of it.
    #[test]
    fn it_is_as_if_nothing_waited(steps in steps(), limit in 1_usize..4_000) {
        let disk = Disk::of(8_192);
        let plain = Disk::of(8_192);
        let gather = Gather::new(disk.clone(), limit);
        let mut header = false;
        for step in steps {
            match step {
                Step::Write(at, data) => {
                    header |= at < HEADER_END;
                    gather.write(at, &data).unwrap();
                    plain.write(at, &data).unwrap();
                }
                Step::Read(at, len) => {
                    let (mut ours, mut theirs) = (vec![0; len], vec![0; len]);
                    let end = at + len as u64;
                    if end <= plain.len().unwrap() {
                        gather.read(at, &mut ours).unwrap();
                        plain.read(at, &mut theirs).unwrap();
                        prop_assert_eq!(ours, theirs);
                    } else {
                        prop_assert!(gather.read(at, &mut ours).is_err());
                    }
                }
                Step::SetLen(len) => {
                    gather.set_len(len).unwrap();
                    plain.set_len(len).unwrap();
                }
                Step::Sync => {
                    gather.sync_data().unwrap();
                    prop_assert!(!header || disk.content() == plain.content());
                    header = false;
                }
            }
            prop_assert_eq!(gather.len().unwrap(), plain.len().unwrap());
        }
        gather.close().unwrap();
        prop_assert!(disk.content() == plain.content());
    }
}
