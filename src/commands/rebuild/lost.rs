//! What the old cache had and the new one has not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::super::records::Source;
use super::super::{Context, access, staging};
use super::fill::is_bookkeeping;
use crate::cache::record::{Episode, Record};
use crate::cache::{Table, View, rewrite};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Snapshot, TableInfo, ValueKind};

/// What only the old cache had: the store never held it, or does not hold it any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct OnlyInOld {
    /// Rows by the name of their table.
    pub(super) rows: BTreeMap<String, u64>,
    /// Episodes whose times have fractions of seconds.
    pub(super) exact_times: u64,
    /// Episodes in which patterns were applied.
    pub(super) applied_patterns: u64,
    /// Episodes of which it is known what stood out.
    pub(super) salient_features: u64,
}

impl OnlyInOld {
    /// Whether there is nothing of the kind.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Counts it, in both files.
///
/// # Errors
/// When one of them cannot be read, or it is interrupted.
pub(super) fn count(
    context: &Context<'_>,
    tables: &BTreeSet<Table>,
    old: &Path,
    new: &Path,
) -> Result<OnlyInOld> {
    file::read(old, &access::thorough(context)?, |old| {
        file::read(new, &staging::quiet(), |new| {
            let txn = new.transaction().cloned();
            let new =
                View::new(txn.ok_or_else(|| Error::new(ErrorKind::Failed, "the copy is old"))?);
            let mut only = OnlyInOld::default();
            let source = Source::of(old)?;
            for table in &source.tables {
                let rows = missing(context, old, table, &new)?;
                if rows > 0 {
                    only.rows.insert(table.name.clone(), rows);
                }
            }
            if tables.contains(&Table::Episodes) {
                details(context, &source, &mut only)?;
            }
            Ok(only)
        })
    })
}

/// Rows of a table that the new cache has not.
fn missing(context: &Context<'_>, old: &Snapshot, info: &TableInfo, new: &View) -> Result<u64> {
    let table = match Table::from_name(&info.name) {
        _ if rewrite::is_own(&info.name) => return Ok(0),
        Some(
            Table::SchemaVersion | Table::EpisodeRevisions | Table::RecommendationEpisodeIndex,
        ) => {
            return Ok(0);
        }
        Some(table) if info.kind == ValueKind::Bytes => table,
        // A user's, or nothing that anybody can read.
        _ if has_table(new, &info.name)? => return Ok(0),
        _ => return Ok(info.rows),
    };
    let mut missing = 0;
    old.scan(&info.name, None, &mut |key, _| {
        context.cancel.check()?;
        let kept = table == Table::Metadata && is_bookkeeping(key);
        if !kept && new.row(table, key, |_| ())?.is_none() {
            missing += 1;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(missing)
}

fn has_table(new: &View, name: &str) -> Result<bool> {
    use redb::TableHandle;
    let mut tables = new.transaction().list_tables()?;
    Ok(tables.any(|table| table.name() == name))
}

/// Looks into the episodes, of whichever layout they are.
fn details(context: &Context<'_>, source: &Source<'_>, only: &mut OnlyInOld) -> Result<()> {
    if !source.record_tables().contains(&Table::Episodes) {
        return Ok(());
    }
    let decoder = source.decoder(context, &BTreeSet::from([Table::Episodes]))?;
    source.rows(Table::Episodes, &mut |_, row| {
        context.cancel.check()?;
        let Ok(plain) = &row.plain else {
            return Ok(());
        };
        if let Ok(Record::Episode(episode)) = decoder.read(Table::Episodes, plain) {
            look(&episode, only);
        }
        Ok(())
    })
}

fn look(episode: &Episode, only: &mut OnlyInOld) {
    let times = [Some(episode.start_time), episode.end_time];
    let exact = times
        .iter()
        .flatten()
        .any(|time| time.timestamp_subsec_nanos() > 0);
    only.exact_times += u64::from(exact);
    only.applied_patterns += u64::from(!episode.applied_patterns.is_empty());
    only.salient_features += u64::from(episode.salient_features.is_some());
}
