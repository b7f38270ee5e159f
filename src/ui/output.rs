//! Standard output, with a reader that may leave before the end.

use std::cell::{Cell, RefCell};
use std::io::{self, BufWriter, ErrorKind as Io, Write};

use serde::Serialize;

use super::json;
use crate::error::{Error, ErrorKind, Result};

/// Where results go.
///
/// A reader that has seen enough (`| head`) closes the pipe. Writing then fails, so that a command
/// stops early, but the run has not failed: it ends quietly, with the exit code that its work
/// deserves. Anything else that stops the output, as a full disk, is an error: whoever redirects a
/// result to a file must not take half of it for all.
pub struct Output {
    writer: RefCell<BufWriter<Box<dyn Write>>>,
    reader_left: Cell<bool>,
    terminal: bool,
}

impl Output {
    /// Buffers what goes to `writer`.
    pub(super) fn new(writer: Box<dyn Write>, terminal: bool) -> Self {
        Self {
            writer: RefCell::new(BufWriter::with_capacity(64 << 10, writer)),
            reader_left: Cell::new(false),
            terminal,
        }
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// If they cannot be written, or the reader has left.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        self.attempt(|writer| writer.write_all(bytes))
    }

    /// Writes a value as one line of JSON, and gives back its length.
    ///
    /// # Errors
    /// If it cannot be written, or the reader has left.
    pub fn line(&self, value: &impl Serialize) -> Result<u64> {
        let mut length = 0;
        self.attempt(|writer| {
            length = json::write_line(value, writer)?;
            Ok(())
        })?;
        Ok(length)
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// If it cannot be written, or the reader has left.
    pub fn flush(&self) -> Result<()> {
        self.attempt(Write::flush)
    }

    /// Whether a person looks at it, who is not to be shown raw bytes.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether the reader closed the pipe before the end.
    #[must_use]
    pub fn reader_left(&self) -> bool {
        self.reader_left.get()
    }

    fn attempt(
        &self,
        act: impl FnOnce(&mut BufWriter<Box<dyn Write>>) -> io::Result<()>,
    ) -> Result<()> {
        // Held elsewhere only while a panic that interrupted a write is being reported.
        let Ok(mut writer) = self.writer.try_borrow_mut() else {
            return Err(failed("standard output is busy"));
        };
        act(&mut writer).map_err(|error| {
            if error.kind() == Io::BrokenPipe {
                self.reader_left.set(true);
            }
            failed("cannot write to standard output").caused_by(error)
        })
    }
}

fn failed(message: &str) -> Error {
    Error::new(ErrorKind::Failed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(Io);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_leaves_is_told_from_a_full_disk() {
        let left = Output::new(Box::new(Broken(Io::BrokenPipe)), false);
        left.write(b"x").unwrap();
        assert!(!left.reader_left());
        assert!(left.flush().is_err());
        assert!(left.reader_left());

        let full = Output::new(Box::new(Broken(Io::StorageFull)), false);
        full.write(b"x").unwrap();
        assert_eq!(full.flush().unwrap_err().kind(), ErrorKind::Failed);
        assert!(!full.reader_left());
    }
}
