//! How far a rebuild had come when the store could not be read any more.

use std::collections::BTreeMap;

use redb::ReadableDatabase;
use serde::{Deserialize, Serialize};

use super::super::list::List;
use super::plan::Plan;
use super::report::Counts;
use crate::cache::contents::Contents;
use crate::cache::{Table, View, facts};
use crate::error::{Error, ErrorKind, Result};
use crate::source::{Kept, Kind, Store, Unreadable};

/// Key of the row of `metadata` with [`Progress`], in a cache that is not whole.
pub(super) const PROGRESS_KEY: &str = "redb_cache.rebuild";

/// What is done, and what it is part of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    from: String,
    tables: Vec<String>,
    asked: String,
    kept: Kept,
    /// What the tables hold that stay as they are in the cache.
    pub(super) carried: Contents,
    /// The revision from which do-memory's own synchronization goes on: the first run's, because
    /// later ones may not read again what changed since.
    pub(super) watermark_ms: Option<i64>,
    /// The table of the store that was being read.
    pub(super) at: String,
    /// The last key read of it, which need not be text.
    pub(super) after: Option<Vec<u8>>,
    pub(super) counts: BTreeMap<String, Counts>,
    pub(super) unreadable: List<Unreadable>,
}

impl Progress {
    /// Before the first row.
    pub(super) fn begin(plan: &Plan, store: &Store<'_>) -> Self {
        Self {
            from: store.address().to_string(),
            tables: plan
                .tables
                .iter()
                .map(|table| table.name().to_owned())
                .collect(),
            asked: plan.asked.clone(),
            kept: plan.survey.kept.clone(),
            carried: Contents::new(),
            watermark_ms: plan.survey.watermark_ms,
            at: String::new(),
            after: None,
            counts: BTreeMap::new(),
            unreadable: List::default(),
        }
    }

    /// Reads what an earlier run has left, and lets the plan be of the same episodes. `None` where
    /// nothing tells how far it had come.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when that was another rebuild.
    pub(super) fn find(
        db: &redb::Database,
        plan: &mut Plan,
        store: &Store<'_>,
    ) -> Result<Option<Self>> {
        let begun = Self::begin(plan, store);
        let view = View::new(db.begin_read()?);
        let left: Option<Option<Self>> = view.row(Table::Metadata, PROGRESS_KEY, facts::decode)?;
        let Some(left) = left.flatten() else {
            return Ok(None);
        };
        if (&left.from, &left.tables, &left.asked) != (&begun.from, &begun.tables, &begun.asked) {
            return Err(Error::new(
                ErrorKind::Usage,
                "the rebuild that was interrupted was another one",
            )
            .help("repeat its options, or leave --resume out to begin anew"));
        }
        plan.survey.kept = left.kept.clone();
        Ok(Some(left))
    }

    /// Whether all rows of a table were read before.
    pub(super) fn has_passed(&self, kinds: &[Kind], kind: Kind) -> bool {
        let place = |name: &str| kinds.iter().position(|kind| kind.name() == name);
        place(&self.at).is_some_and(|at| place(kind.name()) < Some(at))
    }

    /// The key after which to read on.
    pub(super) fn after(&self, kind: Kind) -> Option<&[u8]> {
        self.after.as_deref().filter(|_| self.at == kind.name())
    }
}
