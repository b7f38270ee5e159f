//! The only printer.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};

use chrono::Utc;
use clap::ValueEnum;
use rustix::termios::tcgetwinsize;

use super::table::{self, Look};
use super::{
    Cancel, Channel, Note, Output, Progress, Report, Severity, View, confirm, error, json, text,
};
use crate::error::{Error, Result};

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for people
    #[default]
    Table,
    /// One JSON document for programs
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What the caller asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The form of a result.
    pub format: Format,
    /// When to use colours.
    pub color: Color,
    /// Whether to leave out everything but results, warnings and errors.
    pub quiet: bool,
    /// Whether to say what is being done.
    pub verbose: bool,
}

/// What the program is connected to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Whether a person can answer.
    pub stdin: bool,
    /// Whether a person sees the result.
    pub stdout: bool,
    /// Whether a person sees everything else.
    pub stderr: bool,
    /// The columns of the terminal.
    pub width: Option<u16>,
    /// Whether the environment asks for no colours.
    pub no_color: bool,
}

impl Terminal {
    /// What this process is connected to.
    #[must_use]
    pub fn detect() -> Self {
        Self {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
            width: tcgetwinsize(io::stdout())
                .or_else(|_| tcgetwinsize(io::stderr()))
                .ok()
                .map(|size| size.ws_col)
                // A serial line may not know.
                .filter(|columns| *columns > 0),
            // https://no-color.org: set and not empty, whatever the value.
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        }
    }
}

/// The only printer: results to stdout, everything else to stderr.
pub struct Ui {
    settings: Settings,
    terminal: Terminal,
    stdout: Output,
    stderr: RefCell<Box<dyn Write>>,
}

impl Ui {
    /// A printer on the streams of this process.
    #[must_use]
    pub fn stdio(settings: Settings) -> Self {
        Self::new(
            settings,
            Terminal::detect(),
            Box::new(io::stdout()),
            Box::new(io::stderr()),
        )
    }

    /// A printer on any streams, as a test has them.
    #[must_use]
    pub fn new(
        settings: Settings,
        terminal: Terminal,
        stdout: Box<dyn Write>,
        stderr: Box<dyn Write>,
    ) -> Self {
        Self {
            settings,
            terminal,
            stdout: Output::new(stdout, terminal.stdout),
            stderr: RefCell::new(stderr),
        }
    }

    /// Where a command that streams writes its result.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.stdout
    }

    /// The form that the caller asked for.
    #[must_use]
    pub fn format(&self) -> Format {
        self.settings.format
    }

    /// Prints a report and gives back its verdict.
    ///
    /// # Errors
    /// If it cannot be written. A reader who left has no say in the verdict.
    pub fn report(&self, report: &impl Report) -> Result<u8> {
        let printed = match report.channel() {
            Channel::Stdout => self.print(report),
            Channel::Stderr => self.summarize(report),
            Channel::Nowhere => self.stdout.flush(),
        };
        match printed {
            Err(error) if !self.stdout.reader_left() => Err(error),
            _ => Ok(report.exit_code()),
        }
    }

    /// Prints a report in the place of the one before, for `--watch`. Off a terminal they follow
    /// each other.
    ///
    /// # Errors
    /// If it cannot be written, or the reader has left.
    pub fn refresh(&self, report: &impl Report) -> Result<()> {
        if self.terminal.stdout && self.settings.format == Format::Table {
            self.stdout.write(b"\x1b[H\x1b[2J\x1b[3J")?;
        }
        self.print(report)
    }

    /// Shows a view on stderr: a plan before the question whether to carry it out.
    pub fn aside(&self, view: &View) {
        self.talk(&table::render(view, &self.look(self.terminal.stderr)));
    }

    /// Says something on stderr that does not belong to the result.
    pub fn note(&self, severity: Severity, text: impl Into<String>) {
        if self.settings.quiet && severity < Severity::Warning {
            return;
        }
        let note = Note {
            severity,
            text: text.into(),
        };
        let line = table::draw_note(&note, self.color(self.terminal.stderr));
        self.talk(&format!("{line}\n"));
    }

    /// Says on stderr what is being done, for `--verbose`.
    pub fn detail(&self, text: impl AsRef<str>) {
        if self.settings.verbose {
            self.talk(&format!("{}\n", text::escape(text.as_ref())));
        }
    }

    /// Shows how far some work has come, once it takes longer than a second, to a person.
    #[must_use]
    pub fn progress(&self, label: &str) -> Progress {
        if self.terminal.stderr && !self.settings.quiet {
            Progress::on_stderr(label)
        } else {
            Progress::silent()
        }
    }

    /// Asks a person whether to go on, unless `yes` has said so already.
    ///
    /// # Errors
    /// [`ErrorKind::Unconfirmed`](crate::ErrorKind::Unconfirmed) where the answer is no or nobody
    /// is there to be asked.
    pub fn confirm(&self, question: &str, yes: bool, cancel: &Cancel) -> Result<()> {
        if yes {
            return Ok(());
        }
        if !self.can_ask() {
            return Err(confirm::nobody(question));
        }
        self.talk(&format!("{} [y/N] ", text::escape(question)));
        match confirm::answer(io::stdin(), cancel) {
            Ok(true) => Ok(()),
            Ok(false) => Err(confirm::refused()),
            Err(error) => {
                // The error does not belong on the line of the question.
                self.talk("\n");
                Err(error)
            }
        }
    }

    /// Whether a person is there to be asked.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        self.terminal.stdin && self.terminal.stderr
    }

    /// Prints an error on stderr and gives back the exit code. With `--format json` it is one JSON
    /// document, the last line of stderr: stdout stays empty or a result.
    pub fn fail(&self, error: &Error) -> u8 {
        // What was written before the error belongs before it. That this may fail as well is no
        // news.
        let _ = self.stdout.flush();
        match self.settings.format {
            Format::Table => self.talk(&error::block(error, self.color(self.terminal.stderr))),
            Format::Json => self.talk(&error::document(error)),
        }
        error.kind().exit_code()
    }

    fn print(&self, report: &impl Report) -> Result<()> {
        let text = self.render(report, self.terminal.stdout)?;
        self.stdout.write(text.as_bytes())?;
        self.stdout.flush()
    }

    fn summarize(&self, report: &impl Report) -> Result<()> {
        self.stdout.flush()?;
        if !self.settings.quiet {
            self.talk(&self.render(report, self.terminal.stderr)?);
        }
        Ok(())
    }

    fn render(&self, report: &impl Report, person: bool) -> Result<String> {
        match self.settings.format {
            Format::Table => Ok(table::render(&report.view(), &self.look(person))),
            Format::Json => json::document(report.schema(), report, person),
        }
    }

    fn look(&self, person: bool) -> Look {
        Look {
            width: self.terminal.width.filter(|_| person),
            color: self.color(person),
            person,
            quiet: self.settings.quiet,
            now: Utc::now(),
        }
    }

    fn color(&self, person: bool) -> bool {
        match self.settings.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => person && !self.terminal.no_color,
        }
    }

    /// Writes to stderr. Where that fails there is nobody left to be told.
    fn talk(&self, text: &str) {
        if let Ok(mut stderr) = self.stderr.try_borrow_mut() {
            let _ = stderr.write_all(text.as_bytes());
            let _ = stderr.flush();
        }
    }
}

#[cfg(test)]
#[path = "printer_tests.rs"]
mod tests;
