//! Reading a file in pieces that mostly follow each other.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that are read at once where one piece has followed another.
const AHEAD: usize = 1 << 16;

/// A file that nobody changes meanwhile.
#[derive(Debug)]
pub(super) struct Ahead {
    file: File,
    window: RefCell<Window>,
}

/// What was read and may be asked for.
#[derive(Debug, Default)]
struct Window {
    bytes: Vec<u8>,
    start: u64,
    /// Where the last piece that was asked for ended.
    next: u64,
}

impl Ahead {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            window: RefCell::default(),
        }
    }

    /// Fills `out` from `offset` on.
    ///
    /// # Errors
    /// Those of reading; [`io::ErrorKind::UnexpectedEof`] where the file ends before.
    pub(super) fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let mut window = self.window.borrow_mut();
        let follows = window.next == offset;
        window.next = offset.saturating_add(out.len() as u64);
        if window.give(out, offset) {
            return Ok(());
        }
        if !follows || out.len() >= AHEAD {
            return self.file.read_exact_at(out, offset);
        }
        window.fill(&self.file, offset)?;
        match window.give(out, offset) {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Window {
    /// Copies a piece to `out`, if it has all of it.
    fn give(&self, out: &mut [u8], offset: u64) -> bool {
        let piece = offset.checked_sub(self.start).and_then(|from| {
            let from = usize::try_from(from).ok()?;
            self.bytes.get(from..from.checked_add(out.len())?)
        });
        piece.map(|piece| out.copy_from_slice(piece)).is_some()
    }

    /// Reads what the file has from `start` on.
    fn fill(&mut self, file: &File, start: u64) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(AHEAD, 0);
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, start.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        self.start = start;
        self.bytes = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in which each byte tells where it is.
    fn file(length: usize) -> Ahead {
        let file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..length).map(byte).collect();
        file.write_all_at(&bytes, 0).unwrap();
        Ahead::new(file)
    }

    fn byte(at: usize) -> u8 {
        (at % 251) as u8
    }

    #[test]
    fn every_piece_is_that_of_the_file_in_whatever_order() {
        let length = 3 * AHEAD + 1_000;
        let file = file(length);
        let mut at = 0;
        for step in 0..2_000 {
            let len = 1 + step * 37 % 9_000;
            let mut out = vec![0; len];
            let read = file.read_exact_at(&mut out, at as u64);
            assert_eq!(read.is_ok(), at + len <= length, "{len} bytes at {at}");
            if read.is_ok() {
                let expected: Vec<u8> = (at..at + len).map(byte).collect();
                assert_eq!(out, expected, "{len} bytes at {at}");
            }
            // Mostly the next one, now and then another.
            at = match step % 5 {
                0 => step * 7_919 % length,
                _ => (at + len) % length,
            };
        }
    }

    #[test]
    fn a_piece_past_the_end_is_an_error() {
        let file = file(1_000);
        let mut out = [0; 600];
        file.read_exact_at(&mut out, 0).unwrap();
        let error = file.read_exact_at(&mut out, 600).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = file.read_exact_at(&mut out, u64::MAX - 1).unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn a_large_piece_is_read_by_itself() {
        let file = file(3 * AHEAD);
        let mut out = vec![0; 2 * AHEAD];
        file.read_exact_at(&mut out[..10], 5).unwrap();
        file.read_exact_at(&mut out, 15).unwrap();
        assert_eq!(out[5], byte(20));
        assert!(file.window.borrow().bytes.is_empty());
    }
}
