//! `health`: whether a cache needs attention.

mod content;
mod deep;
mod outside;
mod records;
mod report;
mod subject;

use std::time::Duration;

use super::Context;
use super::values::{self, Limit, Share};
use crate::error::Result;
use report::HealthReport;

/// Check whether a cache needs attention
///
/// Looks at the file, its permissions, lock, format, layout and integrity, at the space that
/// compact would give back, expired rows that nobody cleans, and the free disk space.
///
/// Exits 0 if all is well, 3 if something needs attention, 10 to 14 if the cache cannot be used.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache health
  redb-cache health --deep
  redb-cache health --quiet --min-free 1GiB || notify-operator
  redb-cache health --format json | jq .findings")]
pub struct Args {
    /// Also verify every page and decode every row
    #[arg(long)]
    pub deep: bool,

    /// Attention if compact would give back more than this share of the file
    #[arg(long, value_name = "PERCENT", default_value = "50%", value_parser = values::percent)]
    pub max_reclaimable: Share,

    /// Attention if more rows than this have expired and are not cleaned
    #[arg(long, value_name = "N|PERCENT", default_value = "10%", value_parser = Limit::count)]
    pub max_expired: Limit,

    /// Attention if the disk has less room than this
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = values::size)]
    pub min_free: u64,

    /// Attention if the last sweep is longer ago; not checked where none is recorded
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = values::duration)]
    pub max_sweep_age: Duration,
}

/// Carries the command out. What is wrong with the cache, even that there is none, is a finding of
/// the report, which has the exit code of the corresponding error: a script reads one form only.
///
/// # Errors
/// When it is interrupted.
pub fn run(args: &Args, context: &Context<'_>) -> Result<HealthReport> {
    let mut report = HealthReport::new(&context.cache, args.deep);
    if outside::check(args, context, &mut report) {
        content::check(args, context, &mut report)?;
    }
    Ok(report.judged())
}
