//! What is wrong with a store, as far as libsql's messages tell, and whether trying again may help.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::address::Address;
use super::token::Token;
use crate::error::{Error, ErrorKind};

/// Characters of a foreign message that are worth repeating.
const TOLD: usize = 300;

/// What SQLite answers while somebody else writes, whatever the extension.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;

/// What a server says of a value that it does not hand out, for what stands beside the rows.
const TOO_BIG: &str = "SQLITE_TOOBIG";

/// What is said of a server, or a file, that is none of libSQL's.
const FOREIGN: [&str; 10] = [
    TOO_BIG,
    "invalid HTTP",
    "invalid peer certificate",
    "InvalidContentType",
    "json error",
    "file is not a database",
    "has no end",
    "malformed",
    "unexpected response",
    "of another kind",
];

/// Why a store could not be read.
#[derive(Debug)]
pub(super) struct Fault {
    message: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Gone, slow, or busy: it may answer the next time.
    Transient,
    /// The credentials are wrong.
    Unauthorized,
    /// It answers, but not as a libSQL server, or not any more of this question.
    Foreign,
    /// It has no such table or column: the database changed, or is no store of do-memory.
    Layout,
}

impl Fault {
    pub(super) fn of(error: &libsql::Error) -> Self {
        let message = match error {
            libsql::Error::ConnectionFailed(text) => match text.rsplit_once(": ") {
                // SQLite's number stands for its words, which libsql does not give.
                Some((_, "14")) => "it cannot be opened".to_owned(),
                _ => text.clone(),
            },
            other => other.to_string(),
        };
        Self {
            kind: kind_of(error, &message),
            message,
        }
    }

    pub(super) fn timeout(patience: Duration) -> Self {
        let waited = humantime::format_duration(patience);
        Self::transient(format!("it did not answer within {waited}"))
    }

    pub(super) fn cut_off() -> Self {
        Self::transient("its answer ended too early".to_owned())
    }

    /// libsql panicked at an answer, most likely the error page of a proxy.
    pub(super) fn nonsense() -> Self {
        Self::transient("its answer is not that of a libSQL server".to_owned())
    }

    /// It is a database, but not the one that was looked for.
    pub(super) fn layout(message: &str) -> Self {
        Self {
            kind: Kind::Layout,
            message: message.to_owned(),
        }
    }

    fn transient(message: String) -> Self {
        Self {
            kind: Kind::Transient,
            message,
        }
    }

    /// Whether the same question may be answered the next time.
    pub(super) fn may_pass(&self) -> bool {
        self.kind == Kind::Transient
    }

    /// The error for a person, without any secret.
    pub(super) fn tell(&self, address: &Address, token: Option<&Token>) -> Error {
        let message = match token {
            Some(token) => token.scrub(&self.message),
            None => self.message.clone(),
        };
        let message = one_line(&message);
        let (kind, what) = match self.kind {
            Kind::Transient | Kind::Foreign => (ErrorKind::Unreachable, "cannot be read"),
            Kind::Unauthorized => (ErrorKind::Unauthorized, "refuses the credentials"),
            Kind::Layout => (ErrorKind::UnknownLayout, "is not laid out as do-memory's"),
        };
        let help = self.advice(address, token.is_some());
        Error::new(
            kind,
            format!("the durable store {address} {what}: {message}"),
        )
        .help(help)
    }

    fn advice(&self, address: &Address, has_token: bool) -> &'static str {
        match self.kind {
            Kind::Unauthorized if has_token => {
                "give a valid token in TURSO_AUTH_TOKEN, or with --auth-token-file"
            }
            Kind::Unauthorized => "give a token in TURSO_AUTH_TOKEN, or with --auth-token-file",
            Kind::Layout => "name the database of do-memory itself with --from",
            Kind::Foreign if self.message.contains("invalid peer certificate") => {
                "if you trust it, name the file of the authority that signed its certificate in \
                 SSL_CERT_FILE"
            }
            Kind::Foreign if self.message.contains("InvalidContentType") => {
                "it does not speak TLS there: try http:// or another port"
            }
            Kind::Foreign if status(&self.message).is_some_and(|status| status / 100 == 3) => {
                "it has moved: name its new address with --from"
            }
            Kind::Foreign if self.message.contains(TOO_BIG) => {
                "the server does not hand out a row that is so long: name a file with the same \
                 database with --from"
            }
            Kind::Foreign if address.is_remote() => {
                "check the address: it must be that of a libSQL server"
            }
            Kind::Foreign => "it must be the file of a libSQL or SQLite database",
            Kind::Transient if address.is_remote() => {
                "check the address and the network, then run the same command again"
            }
            Kind::Transient => "check the path, then run the same command again",
        }
    }
}

/// What a future ends with; `None` where it panics, as libsql does at an error that is no UTF-8.
pub(super) async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // It is not polled again.
        let poll = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        poll.map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
    .await
}

/// A foreign message as part of one of ours.
fn one_line(message: &str) -> String {
    let quiet = |c: char| c.is_control() || c.is_whitespace();
    let words = message.split(quiet).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| *c != '`').take(TOLD).collect()
}

fn kind_of(error: &libsql::Error, message: &str) -> Kind {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if let Some(status) = status(message) {
        return match status {
            401 | 403 => Kind::Unauthorized,
            408 | 425 | 429 | 500..=599 => Kind::Transient,
            // It was started again meanwhile, or forgot a connection: a new one helps.
            400 if says(&["invalid baton", "STREAM_EXPIRED"]) => Kind::Transient,
            _ => Kind::Foreign,
        };
    }
    if let libsql::Error::SqliteFailure(code, _) = error
        && matches!(code & 0xff, SQLITE_BUSY | SQLITE_LOCKED)
    {
        return Kind::Transient;
    }
    // JSON that was cut off is no other JSON.
    let cut = says(&["json error"]) && says(&["EOF while parsing"]);
    if says(&["no such table", "no such column"]) {
        Kind::Layout
    } else if cut {
        Kind::Transient
    } else if says(&FOREIGN) || matches!(error, libsql::Error::SqliteFailure(..)) {
        Kind::Foreign
    } else {
        Kind::Transient
    }
}

/// The HTTP status with which a server refused. What follows it is the server's own text, which may
/// say anything.
fn status(message: &str) -> Option<u16> {
    let (before, after) = message.split_once("status=")?;
    let is_its_own = before.trim_end_matches('`').ends_with("api error: ");
    is_its_own.then(|| after.get(..3)?.parse().ok())?
}
