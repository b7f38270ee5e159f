//! The secret that a durable store asks for. It goes into the header of a request and nowhere else.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::sabotage::Bug;

/// Bytes of a token file that are read at most. Tokens have a few hundred.
const MAX_BYTES: usize = 64 << 10;
/// How long a wait for the writer is deaf to an interruption.
const STEP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};
/// So many characters in a row that are also in the token are no coincidence.
const TELLING: usize = 12;
const HIDDEN: &str = "<token>";

/// An authentication token. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token as it was given; `None` where it is empty.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it has a character that no token has.
    pub fn new(text: &str) -> Result<Option<Self>> {
        let token = text.trim();
        let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if !token.bytes().all(legal) {
            return Err(Error::new(
                ErrorKind::Usage,
                "the token has characters that no token has",
            )
            .help("give the token alone, without quotes, as one line"));
        }
        Ok((!token.is_empty()).then(|| Self(token.to_owned())))
    }

    /// Reads a token from a file, or from standard input where the path is `-`. `check` is called
    /// while whoever writes it is waited for.
    ///
    /// # Errors
    /// When there is none to read, those of `check`, and as [`Token::new`].
    pub fn read(path: &Path, check: &dyn Fn() -> Result<()>) -> Result<Option<Self>> {
        let unreadable = |error: io::Error| {
            Error::new(ErrorKind::Usage, "the token cannot be read")
                .at(path)
                .caused_by(error)
        };
        // Without the path: what names no file may be the token itself.
        let not_there = |error: io::Error| {
            Error::new(ErrorKind::Usage, "the file with the token cannot be opened")
                .caused_by(error)
                .help("--auth-token-file takes the path of a file, not the token")
        };
        let text = if path == Path::new("-") {
            whole(io::stdin().lock(), check)
        } else {
            // Of a pipe, which nobody may have at the other end yet.
            let flags = OFlags::NONBLOCK.bits().cast_signed();
            let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
            whole(file.map_err(not_there)?, check)
        };
        Self::new(&text?.map_err(unreadable)?)
    }

    /// The secret itself.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }

    /// Whether a text gives it away.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.scrub(text) != text
    }

    /// A foreign message without anything that gives the token away, however it was cut.
    #[must_use]
    pub fn scrub(&self, message: &str) -> String {
        if Bug::TokenPrinted.is_planted() {
            return message.to_owned();
        }
        let telling = TELLING.min(self.0.len());
        let bytes = message.as_bytes();
        let mut hidden = vec![false; bytes.len()];
        for (start, window) in bytes.windows(telling).enumerate() {
            if self
                .0
                .as_bytes()
                .windows(telling)
                .any(|part| part == window)
            {
                let run = hidden.get_mut(start..start + telling);
                run.into_iter().flatten().for_each(|byte| *byte = true);
            }
        }
        let mut clean = String::with_capacity(message.len());
        let mut last_hidden = false;
        for (at, character) in message.char_indices() {
            let hide = hidden.get(at).copied().unwrap_or(false);
            match (hide, last_hidden) {
                (true, false) => clean.push_str(HIDDEN),
                (true, true) => {}
                (false, _) => clean.push(character),
            }
            last_hidden = hide;
        }
        clean
    }
}

/// Everything that is written, at most so much as a token can be.
fn whole(
    mut input: impl Read + AsFd,
    check: &dyn Fn() -> Result<()>,
) -> Result<io::Result<String>> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        check()?;
        let mut ready = [PollFd::new(&input, PollFlags::IN)];
        if matches!(poll(&mut ready, Some(&STEP)), Ok(0) | Err(Errno::INTR)) {
            continue;
        }
        match input.read(&mut part) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(part.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Ok(Err(error)),
        }
        if bytes.len() > MAX_BYTES {
            let long = "it is too long for a token";
            return Ok(Err(io::Error::new(io::ErrorKind::InvalidData, long)));
        }
    }
    let text = String::from_utf8(bytes);
    Ok(text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text")))
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "eyJhbGciOiJFZERTQSJ9.eyJhIjoicnciLCJjYW5hcnkiOjF9.c2lnbmF0dXJl";

    fn token() -> Token {
        Token::new(SECRET).unwrap().unwrap()
    }

    #[test]
    fn a_token_shows_itself_to_nobody() {
        let shown = format!("{:?}", Some(token()));
        assert_eq!(shown, "Some(<token>)");
    }

    #[test]
    fn a_message_loses_the_token_and_each_telling_part_of_it() {
        let message = format!("é status=401 Bearer {SECRET} is invalid");
        assert_eq!(
            token().scrub(&message),
            "é status=401 Bearer <token> is invalid"
        );
        let cut: String = SECRET.chars().skip(9).take(20).collect();
        assert_eq!(token().scrub(&format!("[{cut}…]")), "[<token>…]");
        assert_eq!(token().scrub("nothing to hide"), "nothing to hide");
    }

    #[test]
    fn a_short_token_is_hidden_as_well() {
        let token = Token::new("abc\n").unwrap().unwrap();
        assert_eq!(token.scrub("xabcx"), "x<token>x");
    }

    #[test]
    fn what_is_no_token_is_refused_and_not_repeated() {
        for text in ["two words", "a\nb", "\"quoted\"", "schlüssel"] {
            let error = Token::new(text).unwrap_err();
            assert!(!error.to_string().contains(text));
        }
        assert_eq!(Token::new(" \n").unwrap(), None);
    }
}
