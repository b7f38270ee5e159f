//! `diff`: says how a cache and the durable store differ.

mod report;

use std::time::Instant;

use self::report::{DiffReport, TableDiff};
use super::compare::{Comparison, Found, Size, Verdict, kinds};
use super::rebuild::Old;
use super::store::{self, StoreArgs};
use super::{Context, access, values};
use crate::cache::Table;
use crate::error::Result;
use crate::file::Header;
use crate::source::{Kept, Survey};

/// Compare the cache with the durable store
///
/// Says for each table which rows the cache misses, which the store misses, which are older in the
/// cache, and which differ otherwise. Compared is what both can hold: the store keeps whole seconds,
/// and early releases of it no tags, for example. Exits with 3 where anything differs. Neither side
/// is written; rebuild --only-missing and --only-stale repair the cache.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  redb-cache diff --from turso.db
  redb-cache diff --from libsql://name.turso.io --sample 5%     with TURSO_AUTH_TOKEN set
  redb-cache diff --from turso.db --table episodes --verbose")]
pub struct Args {
    /// The store.
    #[command(flatten)]
    pub store: StoreArgs,

    /// Only these tables
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub table: Vec<String>,

    /// Compare only so many rows of each table, or such a share of them
    #[arg(long, value_name = "N|P%", value_parser = values::Limit::count)]
    pub sample: Option<values::Limit>,
}

/// Carries the command out.
///
/// # Errors
/// When the store or the cache cannot be read, or it is interrupted.
pub fn run(args: &Args, context: &Context<'_>) -> Result<DiffReport> {
    let began = Instant::now();
    let check = || context.cancel.check();
    let store = args.store.open(&check)?;
    let tables = store::tables(&args.table)?;
    // Without a cache there is nothing to ask the store.
    Header::read(&context.cache).map_err(|error| error.at(&context.cache))?;
    let survey = store.survey(Kept::default())?;
    if !args.table.is_empty() {
        store::require_there(&tables, &survey)?;
    }
    let old = Old::look(context)?;
    let limit = old.and_then(|old| Some(old.limits?.max_cache_size));
    let mut report = DiffReport::new(store.address().to_string(), args.sample.is_some());
    access::stream(context, |snapshot| {
        let mut comparison = Comparison::new(context, &store, &survey, snapshot, &tables, limit)?;
        for table in tables
            .iter()
            .filter(|table| kinds(&survey, **table).next().is_some())
        {
            let rows = snapshot.table(table.name())?.map_or(0, |info| info.rows);
            let apart = comparison.kept_apart(*table)?;
            let mut diff = TableDiff::new(*table, rows, in_store(&survey, *table), apart);
            let mut visit = |found: Found<'_>| {
                tell(context, &found);
                diff.add(found);
                Ok(())
            };
            match args.sample {
                Some(size) => comparison.sample(*table, Size(size), &mut visit)?,
                None => comparison.table(*table, &mut visit)?,
            }
            report.tables.push(diff);
        }
        Ok(())
    })?;
    store.confirm()?;
    report.conclude();
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

/// Rows that a table of the cache should have by the store's count.
fn in_store(survey: &Survey, table: Table) -> u64 {
    let counts = kinds(survey, table).map(|kind| survey.count(kind));
    counts
        .map(|count| count.rows.saturating_sub(count.superseded))
        .sum()
}

/// Names, for `--verbose`, each row that differs, and how.
fn tell(context: &Context<'_>, found: &Found<'_>) {
    let (table, key) = (found.table, found.key);
    let what = match &found.verdict {
        Verdict::Equal | Verdict::BeyondLimit => return,
        Verdict::MissingInCache => "missing in the cache".to_owned(),
        Verdict::MissingInStore => "missing in the store".to_owned(),
        Verdict::Older { fields } => format!("older in the cache: {}", fields.join(", ")),
        Verdict::Different { fields } => format!("different: {}", fields.join(", ")),
        Verdict::Undecodable { why } => format!("cannot be read in the cache: {why}"),
        Verdict::Unreadable(row) => format!("cannot be read in the store: {}", row.why),
    };
    context.ui.detail(format!("{table} {key}: {what}"));
}
