//! What `repair` gives back.

use serde::Serialize;

use super::super::list::List;
use super::sums::Sums;
use crate::cache::rewrite;
use crate::file::{Account, Commit, Remains, Remnant};

/// What became of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Nothing is wrong.
    NothingToDo,
    /// The repaired cache is in place.
    Repaired,
    /// What could be read is in a new cache.
    Salvaged,
    /// A dry run.
    Forecast,
    /// redb cannot repair it, and nothing was changed.
    BeyondRepair,
}

/// Which commit was read.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Read {
    /// The commit slot in the header.
    pub(super) slot: u8,
    pub(super) number: Option<u64>,
    /// Whether it is the one that counts; the other is of the time before.
    pub(super) is_newest: bool,
}

impl Read {
    pub(super) fn of(remains: &Remains, commit: &Commit) -> Self {
        let newest = remains.commits().first().map(|newest| newest.slot);
        Self {
            slot: commit.slot,
            number: commit.number,
            is_newest: newest == Some(commit.slot),
        }
    }
}

/// What became of the rows of a table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TableRow {
    pub(super) table: String,
    /// How many the file says that it had.
    pub(super) rows: Option<u64>,
    /// How many there are now, or would be.
    pub(super) kept: u64,
    /// Of the others how many are kept as raw bytes; `None` in a dry run.
    pub(super) set_aside: Option<u64>,
    /// How many are not there any more.
    pub(super) lost: Option<u64>,
}

/// A row that was legible and did not come over.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LeftOut {
    pub(super) table: String,
    /// What is no text of it is shown as such.
    pub(super) key: String,
    pub(super) bytes: u64,
    pub(super) why: String,
}

/// What a repair did, or would do.
#[derive(Debug, Serialize)]
pub struct RepairReport {
    pub(super) cache: String,
    pub(super) outcome: Outcome,
    /// What is wrong, in half a sentence; `None` where nothing is.
    pub(super) damage: Option<String>,
    /// Whether the last writer closed the file; `None` where the header does not say.
    pub(super) closed_cleanly: Option<bool>,
    pub(super) commit: Option<Read>,
    pub(super) tables: Vec<TableRow>,
    /// Tables of which nothing is left.
    pub(super) missing_tables: Option<u64>,
    /// Sums over the tables; `None` where one of them is not known.
    pub(super) rows: Option<u64>,
    pub(super) kept: u64,
    pub(super) set_aside: Option<u64>,
    pub(super) lost: Option<u64>,
    /// Whether what this program had recorded about rows is damaged.
    pub(super) records_damaged: bool,
    /// Where the damaged pages lie.
    pub(super) damaged_pages: Vec<u64>,
    /// The first of them that the disk did not give, and what the system said.
    pub(super) unreadable: Option<String>,
    pub(super) left_out: List<LeftOut>,
    pub(super) bytes: u64,
    pub(super) bytes_after: Option<u64>,
    pub(super) output: Option<String>,
    pub(super) backup: Option<String>,
    pub(super) quarantine: Option<String>,
    pub(super) elapsed_ms: u64,
}

impl RepairReport {
    /// Of what there is of a commit, before anything was done.
    pub(super) fn new(remains: &Remains, commit: &Commit, account: &Account) -> Self {
        let (own, tables): (Vec<_>, Vec<_>) = account
            .tables
            .iter()
            .partition(|table| rewrite::is_own(&table.name));
        let mut report = Self {
            cache: super::text(remains.path()),
            outcome: Outcome::Forecast,
            damage: damage(account),
            closed_cleanly: None,
            commit: Some(Read::of(remains, commit)),
            tables: tables.into_iter().map(row).collect(),
            missing_tables: account.missing_tables,
            rows: None,
            kept: 0,
            set_aside: None,
            lost: None,
            records_damaged: own.iter().any(|table| !table.is_whole),
            damaged_pages: account.damaged_pages.clone(),
            unreadable: None,
            left_out: List::default(),
            bytes: remains.metadata().len(),
            bytes_after: None,
            output: None,
            backup: None,
            quarantine: None,
            elapsed_ms: 0,
        };
        report.note_unreadable(remains);
        report.sum_up();
        report
    }

    /// Enters what the disk did not give, be it at a second try.
    pub(super) fn note_unreadable(&mut self, remains: &Remains) {
        self.unreadable = remains.unreadable().map(str::to_owned);
    }

    /// Enters what there is now.
    pub(super) fn keep(&mut self, sums: &Sums) {
        for row in &mut self.tables {
            row.kept = sums.rows(&row.table);
            row.set_aside.get_or_insert(0);
            row.lost = row.rows.map(|rows| rows.saturating_sub(row.kept));
        }
        self.sum_up();
    }

    /// Enters a file as it is: every table of it stays, whoever can read its rows.
    pub(super) fn keep_all(&mut self, now: &Account) {
        for row in &mut self.tables {
            let of = now.tables.iter().find(|table| table.name == row.table);
            row.kept = of.map_or(0, |table| table.rows.unwrap_or(table.readable));
            row.lost = row.rows.map(|rows| rows.saturating_sub(row.kept));
        }
        self.sum_up();
    }

    /// Says that nobody can tell which rows are lost: what is there now is an earlier commit.
    pub(super) fn forget_lost(&mut self) {
        for row in &mut self.tables {
            row.lost = None;
        }
        self.sum_up();
    }

    /// Counts a row that is kept as raw bytes.
    pub(super) fn set_aside(&mut self, table: &str, key: &[u8], value: &[u8], why: &str) {
        if let Some(row) = self.tables.iter_mut().find(|row| row.table == table) {
            row.set_aside = Some(row.set_aside.unwrap_or(0).saturating_add(1));
        }
        self.left_out.add(|| {
            let key = String::from_utf8_lossy(key).into_owned();
            let left_out = LeftOut {
                table: table.to_owned(),
                bytes: value.len() as u64,
                why: why.to_owned(),
                key,
            };
            (left_out.key.len() + why.len(), left_out)
        });
    }

    fn sum_up(&mut self) {
        // What the newest commit had besides nobody can tell.
        if self.commit.is_some_and(|commit| !commit.is_newest) {
            self.tables.iter_mut().for_each(|row| row.lost = None);
        }
        let all_there = self.missing_tables == Some(0);
        let sum = |of: fn(&TableRow) -> Option<u64>| {
            let sum: Option<u64> = self.tables.iter().map(of).sum();
            sum.filter(|_| all_there)
        };
        let (rows, lost) = (sum(|row| row.rows), sum(|row| row.lost));
        self.rows = rows;
        self.lost = lost;
        self.kept = self.tables.iter().map(|row| row.kept).sum();
        self.set_aside = self.tables.iter().map(|row| row.set_aside).sum();
    }

    /// Whether every row is there, and was at the first try.
    pub(super) fn is_complete(&self) -> bool {
        self.lost == Some(0) && self.left_out.is_empty() && self.unreadable.is_none()
    }
}

fn damage(account: &Account) -> Option<String> {
    let pages = account.damaged_pages.len();
    match account.is_whole() {
        true => None,
        false if pages == 0 => Some("tables are missing".to_owned()),
        false => Some(format!("{pages} pages fail their checksums")),
    }
}

/// Rows of a type that only their owner can read cannot be copied.
fn row(table: &Remnant) -> TableRow {
    let kept = if super::write::is_copied(&table.name, table.kind) {
        table.readable
    } else {
        0
    };
    TableRow {
        table: table.name.clone(),
        rows: table.rows,
        kept,
        set_aside: None,
        lost: table.rows.map(|rows| rows.saturating_sub(kept)),
    }
}
