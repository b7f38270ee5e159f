//! A file that redb may write to without writing to it: what it writes stays in memory.
//!
//! Opening a database for writing writes, even when nothing changes, and a file that was not
//! closed cleanly opens in no other way. Over a shadow redb repairs into memory, and the file
//! keeps every byte and its times.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::error::Error;

const PAGE: usize = 4096;
/// A repair writes the header and the allocator's state. Far more than this is not a repair.
const MAX_WRITTEN: usize = 1 << 28;

#[derive(Debug)]
pub(super) struct Shadow {
    file: File,
    state: RwLock<State>,
    failed: FirstError,
}

/// The first error that the system has answered with, which redb may keep to itself.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstError(Arc<OnceLock<i32>>);

impl FirstError {
    pub(super) fn error(&self) -> Option<Error> {
        let code = self.0.get()?;
        Some(io::Error::from_raw_os_error(*code).into())
    }
}

#[derive(Debug)]
struct State {
    len: u64,
    /// Bytes from here on are not the file's, but zero until written.
    file_len: u64,
    written: HashMap<u64, Box<[u8; PAGE]>>,
}

/// The part of one page that a range of the file covers.
struct Piece {
    page: u64,
    /// Within the page.
    at: usize,
    /// Within the range.
    from: usize,
    len: usize,
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let position = offset + from as u64;
        let at = usize::try_from(position % PAGE as u64).unwrap_or_default();
        let piece = Piece {
            page: position / PAGE as u64,
            at,
            from,
            len: (PAGE - at).min(len - from),
        };
        from += piece.len;
        (piece.len > 0).then_some(piece)
    })
}

fn copy(to: &mut [u8], to_at: usize, from: &[u8], from_at: usize, len: usize) {
    let to = to.get_mut(to_at..to_at + len);
    if let (Some(to), Some(from)) = (to, from.get(from_at..from_at + len)) {
        to.copy_from_slice(from);
    }
}

impl Shadow {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            file,
            state: RwLock::new(State {
                len,
                file_len: len,
                written: HashMap::new(),
            }),
            failed: FirstError::default(),
        })
    }

    pub(super) fn first_error(&self) -> FirstError {
        self.failed.clone()
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn length(&self) -> u64 {
        self.state().len
    }

    pub(super) fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        check_range(offset, out.len(), state.len)?;
        self.fill_from_file(&state, offset, out)?;
        if !state.written.is_empty() {
            for piece in pieces(offset, out.len()) {
                if let Some(page) = state.written.get(&piece.page) {
                    copy(out, piece.from, &page[..], piece.at, piece.len);
                }
            }
        }
        Ok(())
    }

    fn fill_from_file(&self, state: &State, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let in_file = state.file_len.saturating_sub(offset);
        let in_file = usize::try_from(in_file)
            .unwrap_or(usize::MAX)
            .min(out.len());
        let (head, tail) = out.split_at_mut(in_file);
        tail.fill(0);
        if head.is_empty() {
            return Ok(());
        }
        self.file.read_exact_at(head, offset).inspect_err(|error| {
            // A file that ends early is being written.
            if let Some(code) = error.raw_os_error() {
                self.failed.0.get_or_init(|| code);
            }
        })
    }

    pub(super) fn store(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state_mut();
        check_range(offset, data.len(), state.len)?;
        for piece in pieces(offset, data.len()) {
            if !state.written.contains_key(&piece.page) {
                let page = self.original(&state, piece.page)?;
                state.written.insert(piece.page, page);
            }
            if let Some(page) = state.written.get_mut(&piece.page) {
                copy(&mut page[..], piece.at, data, piece.from, piece.len);
            }
        }
        if state.written.len() > MAX_WRITTEN / PAGE {
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "a repair in memory would take too much of it",
            ));
        }
        Ok(())
    }

    /// The page as it was; a last one that the file holds only in part is filled up with zeros.
    fn original(&self, state: &State, page: u64) -> io::Result<Box<[u8; PAGE]>> {
        let mut bytes = Box::new([0; PAGE]);
        self.fill_from_file(state, page.saturating_mul(PAGE as u64), &mut bytes[..])?;
        Ok(bytes)
    }

    pub(super) fn resize(&self, len: u64) {
        let mut state = self.state_mut();
        state.len = len;
        state.file_len = state.file_len.min(len);
        // What is cut off reads as zero when the file grows again.
        state
            .written
            .retain(|page, _| page.saturating_mul(PAGE as u64) < len);
        let kept = usize::try_from(len % PAGE as u64).unwrap_or_default();
        if let Some(page) = state.written.get_mut(&(len / PAGE as u64)) {
            page.iter_mut().skip(kept).for_each(|byte| *byte = 0);
        }
    }
}

fn check_range(offset: u64, len: usize, end: u64) -> io::Result<()> {
    match offset.checked_add(len as u64) {
        Some(last) if last <= end => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{len} bytes at {offset} lie past the end of the file"),
        )),
    }
}

/// Lock calls stay unsupported, which redb takes for a storage that nobody shares: no lock is
/// taken, so a process that opens the file meanwhile is not disturbed.
impl redb::StorageBackend for Shadow {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.fill(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.resize(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.store(offset, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn shadow_of(bytes: &[u8]) -> (tempfile::NamedTempFile, Shadow) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let shadow = Shadow::new(File::open(file.path()).unwrap()).unwrap();
        (file, shadow)
    }

    #[test]
    fn what_is_written_is_read_back_and_the_file_keeps_its_bytes() {
        let (file, shadow) = shadow_of(&[7; 10_000]);
        shadow.store(4_000, &[1; 5_000]).unwrap();
        let mut out = vec![0; 10_000];
        shadow.fill(0, &mut out).unwrap();
        assert!(out[..4_000].iter().all(|byte| *byte == 7));
        assert!(out[4_000..9_000].iter().all(|byte| *byte == 1));
        assert!(out[9_000..].iter().all(|byte| *byte == 7));
        assert_eq!(std::fs::read(file.path()).unwrap(), [7; 10_000]);
    }

    #[test]
    fn what_was_cut_off_is_zero_when_the_file_grows_again() {
        let (_file, shadow) = shadow_of(&[7; 9_000]);
        shadow.store(0, &[1; 9_000]).unwrap();
        shadow.resize(5_000);
        shadow.resize(20_000);
        let mut out = vec![9; 20_000];
        shadow.fill(0, &mut out).unwrap();
        assert!(out[..5_000].iter().all(|byte| *byte == 1));
        assert!(out[5_000..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_range_past_the_end_is_an_error() {
        let (_file, shadow) = shadow_of(&[7; 100]);
        for (offset, len) in [(0, 101), (100, 1), (u64::MAX, 1), (u64::MAX - 1, 4)] {
            assert!(shadow.fill(offset, &mut vec![0; len]).is_err());
            assert!(shadow.store(offset, &vec![0; len]).is_err());
        }
        shadow.fill(100, &mut []).unwrap();
    }
}
