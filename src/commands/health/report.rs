//! What `health` gives back.

use std::path::Path;

use serde::Serialize;

use super::super::Report;
use super::subject::Subject;
use crate::error::{Error, ErrorKind};
use crate::ui::{Cell, Column, Severity, View};

/// The exit code of a cache that works but needs attention.
const ATTENTION: u8 = 3;
/// And of one that nothing can be done with before it is migrated.
const OLD_FORMAT: u8 = ErrorKind::OldFormat.exit_code();
/// Findings of one kind that are listed; the check tells how many there are.
pub(super) const LISTED: u64 = 20;

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All is well.
    Ok,
    /// The cache works; somebody should act.
    Attention,
    /// The cache cannot be used as it is.
    Broken,
    /// It could not be told, or was not looked at.
    Unknown,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: Subject,
    pub(super) state: State,
    pub(super) found: Option<String>,
    pub(super) next: Option<String>,
    #[serde(skip)]
    code: u8,
}

impl Check {
    pub(super) fn ok(found: impl Into<String>) -> Self {
        Self::new(State::Ok, 0, found)
    }

    pub(super) fn attention(found: impl Into<String>) -> Self {
        Self::new(State::Attention, ATTENTION, found)
    }

    pub(super) fn unknown(found: impl Into<String>) -> Self {
        Self::new(State::Unknown, 0, found)
    }

    pub(super) fn damaged(found: impl Into<String>) -> Self {
        Self::new(State::Broken, ErrorKind::Damaged.exit_code(), found)
    }

    /// What keeps the cache from being used, with the exit code that any other verb ends with.
    pub(super) fn error(error: &Error) -> Self {
        let found = match error.holder() {
            Some(holder) => format!("{error}: {holder}"),
            None => error.to_string(),
        };
        Self {
            next: error
                .advice()
                .map(|help| help.trim_start_matches("run: ").to_owned()),
            ..Self::new(State::Broken, error.kind().exit_code(), found)
        }
    }

    fn new(state: State, code: u8, found: impl Into<String>) -> Self {
        Self {
            name: Subject::File,
            state,
            found: Some(found.into()),
            next: None,
            code,
        }
    }

    #[must_use]
    pub(super) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// What is wrong, in one place.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: Subject,
    pub(super) state: State,
    pub(super) message: String,
    /// Where it is a row: its table and key.
    pub(super) table: Option<String>,
    pub(super) key: Option<String>,
    pub(super) next: Option<String>,
}

/// Whether a cache needs attention, and why.
#[derive(Debug, Serialize)]
pub struct HealthReport {
    cache: String,
    deep: bool,
    healthy: bool,
    exit_code: u8,
    checks: Vec<Check>,
    findings: Vec<Finding>,
    /// Of single rows; they go with the checks that found them.
    #[serde(skip)]
    rows: Vec<Finding>,
}

impl HealthReport {
    pub(super) fn new(cache: &Path, deep: bool) -> Self {
        let unseen = |name| Check {
            name,
            state: State::Unknown,
            found: None,
            next: None,
            code: 0,
        };
        Self {
            cache: cache.display().to_string(),
            deep,
            healthy: false,
            exit_code: 0,
            checks: Subject::ALL.map(unseen).to_vec(),
            findings: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Enters the result of a check; the last one counts.
    pub(super) fn set(&mut self, name: Subject, check: Check) {
        if let Some(slot) = self.checks.iter_mut().find(|slot| slot.name == name) {
            *slot = Check { name, ..check };
        }
    }

    /// Lists single rows. Those of an earlier try are dropped.
    pub(super) fn set_rows(&mut self, rows: Vec<Finding>) {
        self.rows = rows;
    }

    /// Sums the checks up.
    pub(super) fn judged(mut self) -> Self {
        for check in &self.checks {
            if matches!(check.state, State::Attention | State::Broken) {
                self.findings.push(Finding {
                    check: check.name,
                    state: check.state,
                    message: check.found.clone().unwrap_or_default(),
                    table: None,
                    key: None,
                    next: check.next.clone(),
                });
            }
        }
        self.findings.append(&mut self.rows);
        self.exit_code = self.worst();
        self.healthy = self.exit_code == 0;
        self
    }

    /// Damage comes before an old layout: what is damaged cannot be migrated whole.
    fn worst(&self) -> u8 {
        let codes = || self.checks.iter().map(|check| check.code);
        let damaged = ErrorKind::Damaged.exit_code();
        let broken = || {
            let broken = self
                .checks
                .iter()
                .find(|check| check.state == State::Broken);
            broken.map(|check| check.code)
        };
        codes()
            .find(|code| *code == damaged)
            .or_else(broken)
            .or_else(|| codes().find(|code| *code != 0))
            .unwrap_or(0)
    }
}

impl Report for HealthReport {
    fn schema(&self) -> &'static str {
        "health"
    }

    fn exit_code(&self) -> u8 {
        self.exit_code
    }

    fn view(&self) -> View {
        let columns = [
            Column::left("check"),
            Column::left("state"),
            Column::left("found"),
        ];
        let rows = self.checks.iter().filter_map(|check| {
            Some(vec![
                Cell::text(check.name.title()),
                Cell::text(word(check.state)),
                Cell::text(check.found.clone()?),
            ])
        });
        let rows = rows.collect::<Vec<_>>();
        let view = View::new()
            .pair("file", Cell::key(&self.cache))
            .pair("verdict", self.verdict())
            .table(columns, rows);
        let view = view.each(&self.findings, |view, finding| match &finding.key {
            None => view,
            Some(key) => {
                let table = finding.table.as_deref().unwrap_or_default();
                let text = format!("{table} {key:?}: {}", finding.message);
                view.note(severity(finding.state), text)
            }
        });
        // Cron has no terminal on which it would be told what to run next, so these are notes.
        view.each(&self.findings, |view, finding| match &finding.next {
            None => view,
            Some(step) => {
                let text = format!("{}: {step}", finding.check.title());
                view.note(severity(finding.state), text)
            }
        })
    }
}

impl HealthReport {
    fn verdict(&self) -> String {
        match self.exit_code {
            0 => "healthy".to_owned(),
            ATTENTION => "needs attention".to_owned(),
            OLD_FORMAT => format!("of an old format (exit code {OLD_FORMAT})"),
            code => format!("broken (exit code {code})"),
        }
    }
}

const fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Attention => "ATTENTION",
        State::Broken => "BROKEN",
        State::Unknown => "unknown",
    }
}

const fn severity(state: State) -> Severity {
    match state {
        State::Broken => Severity::Problem,
        _ => Severity::Warning,
    }
}
