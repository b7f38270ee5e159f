//! An error as the person who must act reads it, and as a program does.

use serde::Serialize;

use super::json;
use super::table::paint;
use super::text::escape;
use crate::error::{Error, ErrorKind};

/// The block that a person reads: what happened, to which file, and what to do next.
#[must_use]
pub fn block(error: &Error, color: bool) -> String {
    let mut block = format!(
        "{} {}\n",
        paint("error:", "1;31", color),
        escape(&error.to_string())
    );
    let path = error.path().map(|path| path.display().to_string());
    let details = [
        ("file", path.as_deref()),
        ("holder", error.holder()),
        ("help", error.advice()),
    ];
    for (name, value) in details {
        if let Some(value) = value {
            let name = paint(&format!("{name:<6}"), "1", color);
            block.push_str(&format!("  {name}  {}\n", escape(value)));
        }
    }
    block
}

#[derive(Serialize)]
struct Report<'a> {
    error: Details<'a>,
}

#[derive(Serialize)]
struct Details<'a> {
    kind: &'static str,
    message: String,
    file: Option<String>,
    holder: Option<&'a str>,
    help: Option<&'a str>,
    exit_code: u8,
}

/// The document that a program reads, on one line.
#[must_use]
pub fn document(error: &Error) -> String {
    let report = Report {
        error: Details {
            kind: name(error.kind()),
            message: error.to_string(),
            file: error.path().map(|path| path.display().to_string()),
            holder: error.holder(),
            help: error.advice(),
            exit_code: error.kind().exit_code(),
        },
    };
    // A document of nothing but strings and a number can always be written.
    json::document("error", &report, false).unwrap_or_default()
}

/// The name of a kind in JSON. Part of the stable surface.
const fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Failed => "failed",
        ErrorKind::Usage => "usage",
        ErrorKind::NotFound => "not_found",
        ErrorKind::InUse => "in_use",
        ErrorKind::OldFormat => "old_format",
        ErrorKind::Damaged => "damaged",
        ErrorKind::UnknownLayout => "unknown_layout",
        ErrorKind::NoSpace => "no_space",
        ErrorKind::Unreachable => "unreachable",
        ErrorKind::Unauthorized => "unauthorized",
        ErrorKind::Unconfirmed => "unconfirmed",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::Terminated => "terminated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_use() -> Error {
        Error::new(ErrorKind::InUse, "the cache is in use by another process")
            .at("data/cache.redb")
            .held_by(Some("pid 30250 (agentd)".to_owned()))
            .help("wait for it with --lock-timeout 1m")
    }

    #[test]
    fn an_error_names_the_file_the_holder_and_the_next_step() {
        assert_eq!(
            block(&in_use(), false),
            "\
error: the cache is in use by another process
  file    data/cache.redb
  holder  pid 30250 (agentd)
  help    wait for it with --lock-timeout 1m
"
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let error = Error::new(ErrorKind::Failed, "it failed");
        assert_eq!(block(&error, false), "error: it failed\n");
    }

    #[test]
    fn a_hostile_path_adds_no_line() {
        let error = Error::new(ErrorKind::NotFound, "no\u{1b}[2J").at("a\n  help    rm -rf /");
        let block = block(&error, false);
        assert_eq!(block.lines().count(), 2);
        assert!(!block.contains('\u{1b}'));
    }

    #[test]
    fn a_program_reads_kind_and_exit_code() {
        let json: serde_json::Value = serde_json::from_str(&document(&in_use())).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "schema": "redb-cache/error/1",
                "error": {
                    "kind": "in_use",
                    "message": "the cache is in use by another process",
                    "file": "data/cache.redb",
                    "holder": "pid 30250 (agentd)",
                    "help": "wait for it with --lock-timeout 1m",
                    "exit_code": 11,
                }
            })
        );
    }
}
