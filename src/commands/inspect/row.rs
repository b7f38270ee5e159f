//! One row.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::portion::Portion;
use super::reading::{Reader, Shown, Value, stored_len};
use super::{is_readable, moment, table_info, unknown_layout};
use crate::cache::{Codec, Entry};
use crate::commands::doubts::Parameters;
use crate::commands::{Context, access};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{Snapshot, ValueRef};
use crate::layout::{Certainty, Layout};
use crate::ui::text::escape_json;
use crate::ui::{Cell, Severity, View};

/// Bytes in a line of a hexadecimal dump.
const DUMP_LINE: usize = 16;
/// Steps that are named; JSON names all.
const LISTED: usize = 10;

/// A row and what is known of it.
#[derive(Debug, Serialize)]
pub struct RowReport {
    table: String,
    key: String,
    bytes: u64,
    raw_bytes: u64,
    compression: Option<&'static str>,
    layout: Option<Layout>,
    /// Layouts that read something else, where the more likely one was taken.
    also: Vec<Layout>,
    /// How sure the parameters of an episode's steps are whose bytes carry no types.
    parameters: Option<Parameters>,
    /// Those that are not certain.
    doubts: Vec<Doubt>,
    /// Whether the cache keeps a record about the row; else the times come from the value.
    recorded: bool,
    written: Option<DateTime<Utc>>,
    accessed: Option<DateTime<Utc>>,
    expires: Option<DateTime<Utc>>,
    value: Option<Shown<'static>>,
    /// Why there is no value.
    problem: Option<String>,
}

/// Parameters of a step that are not certain.
#[derive(Debug, Serialize)]
struct Doubt {
    /// Counted from 1.
    step: usize,
    certainty: Certainty,
}

/// Looks at a row. One of an old cache is read as `migrate` reads it, after all rows have been
/// looked at.
///
/// # Errors
/// When it cannot be read, or there is none, or its layout is not known.
pub fn look(table: &str, key: &str, context: &Context<'_>) -> Result<RowReport> {
    let found = access::snapshot(context, |snapshot| {
        if let Some(unknown) = unknown_layout(snapshot)? {
            return Err(unknown.help("--raw and --hex show bytes of any layout"));
        }
        let reader = Reader::of(snapshot)?;
        if reader.learns(table) {
            return with_row(snapshot, table, key, |_| Ok(None));
        }
        of(snapshot, &reader, table, key).map(Some)
    })?;
    match found {
        Some(report) => Ok(report),
        None => access::stream(context, |snapshot| {
            access::require_known(snapshot)?;
            let mut reader = Reader::of(snapshot)?;
            reader.learn(snapshot, Portion::ALL, context)?;
            of(snapshot, &reader, table, key)
        }),
    }
}

fn of(snapshot: &Snapshot, reader: &Reader, table: &str, key: &str) -> Result<RowReport> {
    with_row(snapshot, table, key, |stored| {
        let entry = reader.entry(table, key, stored);
        let (entry, problem) = match entry {
            Ok(entry) => (entry, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let read = match problem {
            None => reader.value(table, entry.as_ref(), stored),
            Some(problem) => Err(problem),
        };
        let times = reader.times(table, key, entry.as_ref(), read.as_ref().ok())?;
        let bytes = stored_len(stored);
        let mut report = RowReport {
            table: table.to_owned(),
            key: key.to_owned(),
            bytes,
            raw_bytes: entry.map_or(bytes, |entry| entry.raw_len),
            compression: entry.as_ref().and_then(compression),
            layout: None,
            also: Vec::new(),
            parameters: None,
            doubts: Vec::new(),
            recorded: entry.is_some(),
            written: moment(times.written_ms),
            accessed: entry.as_ref().and_then(Entry::accessed_at),
            expires: moment(times.expires_ms),
            value: None,
            problem: None,
        };
        match read {
            Ok(value) => report.show(value),
            Err(problem) => report.problem = Some(problem),
        }
        Ok(report)
    })
}

fn compression(entry: &Entry) -> Option<&'static str> {
    match entry.codec {
        Codec::Plain => None,
        Codec::Zstd => Some("zstd"),
        Codec::ZstdDictionary(_) => Some("zstd with a dictionary"),
    }
}

/// Passes a row to `read`.
fn with_row<T>(
    snapshot: &Snapshot,
    table: &str,
    key: &str,
    read: impl FnOnce(ValueRef<'_>) -> Result<T>,
) -> Result<T> {
    let info = table_info(snapshot, table)?;
    if !is_readable(&info) {
        let message = format!("rows of {table} are of a type that can only be counted");
        return Err(Error::new(ErrorKind::Failed, message));
    }
    let mut read = Some(read);
    let mut found = None;
    snapshot.scan(table, Some(key), &mut |at, stored| {
        if at == key {
            found = read.take().map(|read| read(stored));
        }
        Ok(ControlFlow::Break(()))
    })?;
    found.unwrap_or_else(|| {
        Err(
            Error::new(ErrorKind::Failed, format!("{table} has no row {key:?}"))
                .help(format!("list its keys with: redb-cache inspect {table}")),
        )
    })
}

/// Writes the bytes of a row to stdout.
///
/// # Errors
/// When the row cannot be read or inflated, or stdout not be written.
pub fn write_bytes(table: &str, key: &str, hex: bool, context: &Context<'_>) -> Result<()> {
    let output = context.ui.output();
    if !hex && output.is_terminal() {
        let message = "raw bytes would disturb the terminal";
        return Err(Error::new(ErrorKind::Usage, message).help("redirect them, or use --hex"));
    }
    let bytes = access::snapshot(context, |snapshot| {
        let reader = match unknown_layout(snapshot)? {
            None => Some(Reader::of(snapshot)?),
            Some(_) => None,
        };
        with_row(snapshot, table, key, |stored| match &reader {
            Some(reader) => {
                let entry = reader.entry(table, key, stored)?;
                Ok(reader.bytes(entry.as_ref(), stored)?.into_owned())
            }
            None => Ok(as_stored(stored)),
        })
    })?;
    if !hex {
        return output.write(&bytes);
    }
    for (number, line) in bytes.chunks(DUMP_LINE).enumerate() {
        output.write(dump(number * DUMP_LINE, line).as_bytes())?;
    }
    Ok(())
}

fn as_stored(stored: ValueRef<'_>) -> Vec<u8> {
    match stored {
        ValueRef::Bytes(bytes) => bytes.to_vec(),
        ValueRef::Text(text) => text.as_bytes().to_vec(),
        ValueRef::U64(number) => number.to_le_bytes().to_vec(),
        ValueRef::I64(number) => number.to_le_bytes().to_vec(),
    }
}

/// One line: the place, the bytes, and those that are letters.
fn dump(at: usize, bytes: &[u8]) -> String {
    let mut line = format!("{at:08x}  ");
    for index in 0..DUMP_LINE {
        let gap = if index == DUMP_LINE / 2 { " " } else { "" };
        // Writing to a string does not fail.
        let _ = match bytes.get(index) {
            Some(byte) => write!(line, "{gap}{byte:02x} "),
            None => write!(line, "{gap}   "),
        };
    }
    let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let letters = bytes.iter().map(|byte| {
        if printable(byte) {
            char::from(*byte)
        } else {
            '.'
        }
    });
    line.push_str(" |");
    line.extend(letters);
    line.push_str("|\n");
    line
}

impl RowReport {
    fn show(&mut self, value: Value<'_>) {
        let mut parameters = Parameters::default();
        for (step, certainty) in (1..).zip(value.parameters) {
            parameters.add(certainty);
            if certainty != Certainty::Exact {
                self.doubts.push(Doubt { step, certainty });
            }
        }
        self.parameters = (parameters.total() > 0).then_some(parameters);
        self.layout = value.layout;
        self.also = value.also;
        self.value = Some(value.shown.into_owned());
    }

    pub fn exit_code(&self) -> u8 {
        let unreadable = self.parameters.is_some_and(|read| read.unreadable > 0);
        if self.problem.is_some() || unreadable {
            3
        } else {
            0
        }
    }

    pub fn view(&self) -> View {
        let layout = self
            .layout
            .map(|layout| Cell::text(format!("{layout}, of do-memory {}", layout.releases())));
        let view = View::new()
            .pair("table", Cell::key(&self.table))
            .pair("key", Cell::key(&self.key))
            .pair("size", Cell::bytes(self.bytes));
        let view = match self.compression {
            Some(how) => view
                .pair("inflated", Cell::bytes(self.raw_bytes))
                .pair("compression", Cell::text(how)),
            None => view,
        };
        let view = view
            .pair("layout", layout.unwrap_or(Cell::Unknown))
            .pair("written", Cell::time(self.written))
            .pair("last access", Cell::time(self.accessed))
            .pair("expires", Cell::time(self.expires));
        match (&self.value, &self.problem) {
            (Some(value), _) => self.notes(view.heading("value").text(pretty(value))),
            (None, problem) => view
                .note(Severity::Problem, problem.as_deref().unwrap_or("no value"))
                .note(Severity::Info, "--hex shows its bytes"),
        }
    }

    /// How sure the value is.
    fn notes(&self, view: View) -> View {
        let view = view.when(!self.also.is_empty(), |view| {
            let also: Vec<_> = self.also.iter().map(Layout::to_string).collect();
            let text = format!(
                "the row reads differently as {}, and the more likely layout was taken",
                also.join(", ")
            );
            view.note(Severity::Warning, text)
        });
        let Some(read) = self.parameters.filter(|read| read.uncertain() > 0) else {
            return view;
        };
        let text = format!(
            "parameters of {} of {} steps are not certain: {}",
            read.uncertain(),
            read.total(),
            list(&self.doubts),
        );
        read.told(view.note(Severity::Info, text))
    }
}

/// `inferred in steps 2, 4; chosen in step 1`.
fn list(doubts: &[Doubt]) -> String {
    let kinds = [
        (Certainty::Inferred, "inferred"),
        (Certainty::Chosen, "chosen"),
        (Certainty::Unreadable, "unreadable"),
    ];
    let mut parts = Vec::new();
    for (kind, name) in kinds {
        let steps = doubts.iter().filter(|doubt| doubt.certainty == kind);
        let mut steps: Vec<_> = steps.map(|doubt| doubt.step.to_string()).collect();
        let word = if steps.len() == 1 { "step" } else { "steps" };
        let more = steps.len().saturating_sub(LISTED);
        steps.truncate(LISTED);
        if more > 0 {
            steps.push(format!("{more} more"));
        }
        if !steps.is_empty() {
            parts.push(format!("{name} in {word} {}", steps.join(", ")));
        }
    }
    parts.join("; ")
}

fn pretty(value: &Shown<'_>) -> String {
    let json = serde_json::to_string_pretty(value).unwrap_or_default();
    escape_json(&json).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Doubt, dump, list};
    use crate::layout::Certainty;

    #[test]
    fn steps_are_named_by_how_sure_they_are_and_not_all() {
        let doubt = |step, certainty| Doubt { step, certainty };
        let mut doubts = vec![
            doubt(1, Certainty::Chosen),
            doubt(2, Certainty::Inferred),
            doubt(4, Certainty::Inferred),
        ];
        assert_eq!(list(&doubts), "inferred in steps 2, 4; chosen in step 1");
        doubts = (1..=12).map(|n| doubt(n, Certainty::Unreadable)).collect();
        let ten = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10";
        assert_eq!(list(&doubts), format!("unreadable in steps {ten}, 2 more"));
    }

    #[test]
    fn a_line_of_a_dump_lines_up_however_short_it_is() {
        let full = dump(16, b"0123456789\x00\xffabcd");
        assert_eq!(
            full,
            "00000010  30 31 32 33 34 35 36 37  38 39 00 ff 61 62 63 64  |0123456789..abcd|\n"
        );
        let short = dump(0, b"\x1b");
        assert_eq!(short.find('|'), full.find('|'));
        assert!(short.ends_with("|.|\n"));
    }
}
