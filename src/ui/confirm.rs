//! A question before something that cannot be undone.

use std::io::{self, BufRead, BufReader};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Cancel;
use crate::error::{Error, ErrorKind, Result};

/// Waits for a line and says whether it is a yes. Anything else is a no, the end of input as well.
///
/// The terminal stays in its usual mode, where a person may correct the line before sending it, and
/// a signal ends the waiting.
pub(super) fn answer(input: impl AsFd + io::Read, cancel: &Cancel) -> Result<bool> {
    wait(&input, cancel)?;
    let mut line = String::new();
    match BufReader::new(input).read_line(&mut line) {
        Ok(_) => Ok(is_yes(&line)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        Err(error) => Err(unanswered(error)),
    }
}

fn wait(input: impl AsFd, cancel: &Cancel) -> Result<()> {
    const STEP: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 50_000_000,
    };
    loop {
        cancel.check()?;
        let mut ready = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut ready, Some(&STEP)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(unanswered(error.into())),
        }
    }
}

fn is_yes(line: &str) -> bool {
    let word = line.trim();
    word.eq_ignore_ascii_case("y") || word.eq_ignore_ascii_case("yes")
}

fn unanswered(error: io::Error) -> Error {
    Error::new(ErrorKind::Unconfirmed, "no answer").caused_by(error)
}

/// Nobody is there to be asked.
pub(super) fn nobody(question: &str) -> Error {
    Error::new(
        ErrorKind::Unconfirmed,
        format!("not done without confirmation: {question}"),
    )
    .help("repeat with --yes")
}

/// The answer was no.
pub(super) fn refused() -> Error {
    Error::new(ErrorKind::Unconfirmed, "not confirmed, nothing was changed")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn answered(line: &[u8]) -> bool {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(line).unwrap();
        drop(writer);
        answer(reader, &Cancel::never()).unwrap()
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        for yes in [&b"y\n"[..], b"Y\n", b" yes \r\n", b"YES"] {
            assert!(answered(yes), "{yes:?}");
        }
        for no in [
            &b"\n"[..],
            b"",
            b"n\n",
            b"yesterday\n",
            b"\xff\n",
            b"no\ny\n",
        ] {
            assert!(!answered(no), "{no:?}");
        }
    }

    #[test]
    fn a_signal_ends_the_waiting() {
        let (reader, _writer) = io::pipe().unwrap();
        let error = answer(reader, &Cancel::by(15)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Terminated);
    }
}
