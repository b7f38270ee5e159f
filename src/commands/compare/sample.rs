//! Comparing some of the rows: those whose keys come first in an order that is none.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use xxhash_rust::xxh3::xxh3_64;

use super::super::values::{Limit, Share};
use super::{Comparison, Found, Verdict, is_kept_apart, kinds};
use crate::cache::Table;
use crate::error::Result;
use crate::source::Kind;

/// How many rows of a table are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size(pub Limit);

/// Rows that are chosen, by their place in the order and their key in the cache. Where the store
/// has them, its table and key.
type Chosen = BTreeMap<(u64, String), Option<(Kind, String)>>;

impl Size {
    /// Adds a row, unless its place is too far back; another one may lose its own for it.
    fn offer(self, chosen: &mut Chosen, key: &str, in_store: Option<(Kind, String)>) {
        let place = xxh3_64(key.as_bytes());
        if let Limit::Share(Share(share)) = self.0
            && place as f64 > share * u64::MAX as f64
        {
            return;
        }
        let slot = chosen.entry((place, key.to_owned())).or_default();
        *slot = slot.take().or(in_store);
        if let Limit::Number(most) = self.0
            && chosen.len() as u64 > most
        {
            chosen.pop_last();
        }
    }
}

impl Comparison<'_> {
    /// Compares a sample of a table.
    ///
    /// # Errors
    /// As [`Comparison::table`].
    pub fn sample(
        &mut self,
        table: Table,
        size: Size,
        visit: &mut dyn FnMut(Found<'_>) -> Result<()>,
    ) -> Result<()> {
        let chosen = self.choose(table, size)?;
        let mut wanted: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        for ((_, key), in_store) in chosen {
            match in_store {
                Some((kind, id)) => wanted.entry(kind).or_default().push(id),
                None => visit(Found {
                    table,
                    key: &key,
                    in_store: None,
                    in_cache: None,
                    verdict: Verdict::MissingInStore,
                })?,
            }
        }
        for (kind, ids) in wanted {
            let mut rows = self.store.rows_with(self.survey, kind, &ids);
            while let Some((id, row)) = rows.next()? {
                self.steps.tick()?;
                self.stored(kind, &id, row, visit)?;
            }
        }
        Ok(())
    }

    fn choose(&mut self, table: Table, size: Size) -> Result<Chosen> {
        let mut chosen = Chosen::new();
        for kind in kinds(self.survey, table) {
            let mut keys = self.store.keys(self.survey, kind);
            while let Some((id, key)) = keys.next()? {
                self.steps.tick()?;
                let key = key.unwrap_or_else(|_| id.clone());
                if !is_kept_apart(table, &key) {
                    size.offer(&mut chosen, &key, Some((kind, id)));
                }
            }
        }
        let snapshot = self.source.snapshot;
        snapshot.scan(table.name(), None, &mut |key, _| {
            self.steps.tick()?;
            if !is_kept_apart(table, key) {
                size.offer(&mut chosen, key, None);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(chosen)
    }
}
