//! What was tried, how often, and how often it failed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// Whether all of it was asked for, which takes hours.
pub fn is_long() -> bool {
    std::env::var_os("REDB_CACHE_LONG").is_some_and(|value| value == "1")
}

/// What one trial comes to.
#[derive(Clone, Debug)]
struct Figure {
    what: String,
    cases: u64,
    failures: u64,
}

static FIGURES: Mutex<Vec<Figure>> = Mutex::new(Vec::new());
static NOT_CHECKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// How many failures a trial tells.
const SHOWN: usize = 10;

/// Counts the cases of a trial while they are tried. A panic is a failure, and keeps the count.
pub struct Count {
    figure: Figure,
    /// The first ones.
    failures: Vec<String>,
}

impl Count {
    /// For the trial that is called so in the table.
    pub fn of(what: impl Into<String>) -> Self {
        Self {
            figure: Figure {
                what: what.into(),
                cases: 0,
                failures: 0,
            },
            failures: Vec::new(),
        }
    }

    /// One case, of which `held` says whether all held.
    pub fn case(&mut self, held: Result<(), String>) {
        self.figure.cases += 1;
        if let Err(why) = held {
            self.figure.failures += 1;
            if self.failures.len() < SHOWN {
                self.failures.push(why);
            }
        }
    }

    /// Ends the trial: it failed when a case did, or when there was none.
    pub fn end(self) -> Result<(), libtest_mimic::Failed> {
        match (self.figure.cases, self.figure.failures) {
            (0, _) => Err("there was no case".into()),
            (_, 0) => Ok(()),
            (cases, failures) => {
                let first = self.failures.join("\n");
                Err(format!("{failures} of {cases} cases failed\n{first}").into())
            }
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.figure.failures += u64::from(std::thread::panicking());
        let mut figures = FIGURES.lock().unwrap_or_else(PoisonError::into_inner);
        figures.push(self.figure.clone());
    }
}

/// Says, where nobody can overlook it, that a trial could not be tried on this machine.
pub fn not_checked(what: &str, why: &str) {
    let mut missing = NOT_CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    missing.push(format!("NOT CHECKED: {what}: {why}"));
}

/// Prints the table of what was tried. Trials of the same name are one line.
pub fn print() {
    let figures = FIGURES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sums = BTreeMap::<&str, (u64, u64)>::new();
    for figure in figures.iter() {
        let (cases, failures) = sums.entry(&figure.what).or_default();
        *cases += figure.cases;
        *failures += figure.failures;
    }
    let width = sums.keys().map(|what| what.len()).max().unwrap_or(0);
    let mut table = String::new();
    for (what, (cases, failures)) in sums {
        writeln!(
            table,
            "{what:width$}  {cases:>9} cases  {failures:>3} failures"
        )
        .unwrap();
    }
    print!("{table}");
    let missing = NOT_CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    for line in missing.iter() {
        println!("{line}");
    }
}
