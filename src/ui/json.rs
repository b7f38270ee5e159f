//! A report as one JSON document.

use std::io::{self, Write};

use serde::Serialize;

use super::text::escape_json;
use crate::error::{Error, ErrorKind, Result};

#[derive(Serialize)]
struct Document<'a, T> {
    schema: String,
    #[serde(flatten)]
    report: &'a T,
}

/// The document `{"schema":"redb-cache/<command>/1", …}` with a line feed at its end: over several
/// lines for a person, on one line for a program.
///
/// # Errors
/// If the report is not a map of names to values.
pub fn document(command: &str, report: &impl Serialize, person: bool) -> Result<String> {
    let document = Document {
        schema: format!("redb-cache/{command}/1"),
        report,
    };
    let json = if person {
        serde_json::to_string_pretty(&document)
    } else {
        serde_json::to_string(&document)
    };
    json.map(finished).map_err(unserializable)
}

/// Writes a value as a line of JSON Lines, and gives back its length. It is never in memory as a whole:
/// it may be six times as long as the row that it shows.
///
/// # Errors
/// Those of `to`, and if the value cannot be written as JSON.
pub fn write_line(value: &impl Serialize, to: &mut impl Write) -> io::Result<u64> {
    let mut escaping = Escaping { to, length: 0 };
    serde_json::to_writer(&mut escaping, value)?;
    escaping.write_all(b"\n")?;
    Ok(escaping.length)
}

/// Escapes the JSON that passes through, of which serde_json hands on whole characters.
struct Escaping<'a, W> {
    to: &'a mut W,
    length: u64,
}

impl<W: Write> Write for Escaping<'_, W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        const MOST: usize = 64 << 10;
        let mut rest = str::from_utf8(piece).map_err(io::Error::other)?;
        while !rest.is_empty() {
            let (text, after) = rest.split_at(rest.floor_char_boundary(MOST));
            let escaped = escape_json(text);
            self.to.write_all(escaped.as_bytes())?;
            self.length = self.length.saturating_add(escaped.len() as u64);
            rest = after;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn finished(json: String) -> String {
    let mut json = match escape_json(&json) {
        std::borrow::Cow::Borrowed(_) => json,
        std::borrow::Cow::Owned(escaped) => escaped,
    };
    json.push('\n');
    json
}

fn unserializable(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Failed, "the result cannot be written as JSON").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Made {
        key: &'static str,
        bytes: u64,
        hit_rate: Option<f64>,
    }

    const MADE: Made = Made {
        key: "a\u{1b}\u{202e}\n",
        bytes: u64::MAX,
        hit_rate: None,
    };

    #[test]
    fn a_program_gets_one_line_with_the_schema_first() {
        assert_eq!(
            document("stats", &MADE, false).unwrap(),
            "{\"schema\":\"redb-cache/stats/1\",\"key\":\"a\\u001b\\u202e\\n\",\
             \"bytes\":18446744073709551615,\"hit_rate\":null}\n"
        );
    }

    #[test]
    fn a_person_gets_the_same_document_over_several_lines() {
        let pretty = document("stats", &MADE, true).unwrap();
        assert!(pretty.starts_with("{\n  \"schema\": \"redb-cache/stats/1\",\n"));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&pretty).unwrap(),
            serde_json::from_str::<serde_json::Value>(&document("stats", &MADE, false).unwrap())
                .unwrap()
        );
    }

    #[test]
    fn a_report_without_names_is_refused() {
        assert!(document("stats", &[1, 2], false).is_err());
    }
}
