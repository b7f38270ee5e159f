//! The result for people.

use std::fmt;

use super::{Case, Figures, Workload};

/// Both engines side by side; ours may be left out.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// What they worked on.
    pub workload: &'a Workload,
    /// What do-memory-storage-redb took.
    pub upstream: &'a Figures,
    /// What redb-cache took.
    pub ours: Option<&'a Figures>,
}

impl Comparison<'_> {
    /// How many times faster redb-cache was; `None` where one of the two was not measured.
    #[must_use]
    pub fn ratio(&self, case: Case) -> Option<f64> {
        let theirs = case.decisive(self.upstream.get(&case)?);
        let ours = case.decisive(self.ours?.get(&case)?);
        Some(theirs / ours)
    }

    /// The cases in which redb-cache was measured and not as fast as it has to be.
    #[must_use]
    pub fn missed(&self) -> Vec<Case> {
        let missed = |case: &Case| self.ratio(*case).is_some_and(|ratio| ratio < case.goal());
        Case::ALL.into_iter().filter(missed).collect()
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Workload {
            filling, row_size, ..
        } = self.workload;
        writeln!(
            f,
            "{} episodes of {row_size} bytes in the mean; times in µs an episode",
            filling.len()
        )?;
        writeln!(f)?;
        writeln!(
            f,
            "{:<27}{:^30}{:^30}{:>9}{:>7}",
            "", "do-memory-storage-redb", "redb-cache", "times", "goal"
        )?;
        let columns = format!("{:>10}{:>10}{:>10}", "p50", "p99", "mean");
        writeln!(f, "{:<27}{columns}{columns}{:>9}", "", "faster")?;
        for case in Case::ALL {
            self.fmt_case(case, f)?;
        }
        Ok(())
    }
}

impl Comparison<'_> {
    fn fmt_case(&self, case: Case, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<27}", case.label())?;
        fmt_figure(self.upstream, case, f)?;
        match self.ours {
            Some(ours) => fmt_figure(ours, case, f)?,
            None => write!(f, "{:>10}{:>10}{:>10}", "-", "-", "-")?,
        }
        match self.ratio(case) {
            Some(ratio) => write!(f, "{ratio:>9.1}")?,
            None => write!(f, "{:>9}", "-")?,
        }
        writeln!(f, "{:>7}", format!("≥ {}", case.goal()))
    }
}

fn fmt_figure(figures: &Figures, case: Case, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match figures.get(&case) {
        Some(figure) => write!(
            f,
            "{:>10.2}{:>10.2}{:>10.2}",
            figure.p50, figure.p99, figure.mean
        ),
        None => write!(f, "{:>10}{:>10}{:>10}", "-", "-", "-"),
    }
}
