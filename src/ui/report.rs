//! What a command gives back.

use serde::Serialize;

use super::View;

/// The plain result of a command. Its fields are the JSON document: sizes in bytes as integers,
/// times as RFC 3339 in UTC, durations in fields that end with `_ms`, unknown as `null`.
pub trait Report: Serialize {
    /// The name of the command, `stats` for the schema `redb-cache/stats/1`.
    fn schema(&self) -> &'static str;

    /// The result for people.
    fn view(&self) -> View;

    /// The verdict: 0, or 3 and above where something needs attention.
    fn exit_code(&self) -> u8 {
        0
    }

    /// Where it is printed.
    fn channel(&self) -> Channel {
        Channel::Stdout
    }
}

/// Where a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// It is the result.
    Stdout,
    /// The result went to stdout while the command ran; this is the summary. `--quiet` hides it.
    Stderr,
    /// Everything has been said.
    Nowhere,
}
