//! Whether what the cache records of its rows agrees with itself and with them.

use std::collections::BTreeMap;

use redb::{ReadableTable, ReadableTableMetadata};

use super::report::Check;
use crate::cache::entry::{BY_ACCESS, BY_EXPIRY, access_key, expiry_key};
use crate::cache::{Entry, Table, Totals, View};
use crate::error::Result;

/// Compares entries, orders and sums, which one transaction always changes together.
pub(super) fn compare(view: &View, tick: &mut dyn FnMut() -> Result<()>) -> Result<Check> {
    let mut sums = Sums::default();
    let Some(entries) = view.entries()? else {
        return Ok(Check::ok("none: only do-memory has written here"));
    };
    for row in entries.iter()? {
        let (key, entry) = row?;
        tick()?;
        sums.add(view, key.value(), Entry::decode(entry.value()).ok())?;
    }
    let wrong = sums.disagreements(view)?;
    if wrong.is_empty() {
        let found = match sums.outdated {
            0 => format!("all {} agree with their rows", sums.entries),
            outdated => format!(
                "{outdated} of {} are outdated by another program; the next writer renews them",
                sums.entries
            ),
        };
        return Ok(Check::ok(found));
    }
    // Rewriting makes entries, orders and sums anew from the rows.
    Ok(Check::attention(wrong.join("; ")).next("redb-cache compact"))
}

type Index = redb::TableDefinition<'static, &'static [u8], ()>;

/// What the entries say together.
#[derive(Default)]
struct Sums {
    entries: u64,
    illegible: u64,
    /// Entries whose row is gone or another.
    outdated: u64,
    accessed: u64,
    no_access: u64,
    expiring: u64,
    no_expiry: u64,
    tables: BTreeMap<Table, Totals>,
}

impl Sums {
    fn add(&mut self, view: &View, row: &[u8], entry: Option<Entry>) -> Result<()> {
        self.entries += 1;
        let place = row
            .split_first()
            .and_then(|(id, key)| Some((Table::from_id(*id)?, std::str::from_utf8(key).ok()?)));
        let (Some((table, key)), Some(entry)) = (place, entry) else {
            self.illegible += 1;
            return Ok(());
        };
        let current = view.row(table, key, |stored| entry.describes(stored))?;
        self.outdated += u64::from(current != Some(true));
        self.of(table).add(&entry);
        if table == Table::Episodes {
            self.accessed += 1;
            let key = access_key(entry.accessed, key);
            self.no_access += u64::from(!has(view, BY_ACCESS, &key)?);
        }
        if let Some(at) = entry.expires_ms {
            self.expiring += 1;
            let key = expiry_key(at, table, key);
            self.no_expiry += u64::from(!has(view, BY_EXPIRY, &key)?);
        }
        Ok(())
    }

    fn disagreements(&self, view: &View) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        let mut note = |count: u64, what: &str| {
            if count > 0 {
                wrong.push(format!("{count} {what}"));
            }
        };
        note(self.illegible, "records are illegible");
        note(self.no_access, "episodes are not in the order of access");
        note(self.no_expiry, "rows are not in the order of expiry");
        let known = self.accessed - self.no_access;
        note(
            len(view, BY_ACCESS)?.saturating_sub(known),
            "places in the order of access are of no episode",
        );
        let known = self.expiring - self.no_expiry;
        note(
            len(view, BY_EXPIRY)?.saturating_sub(known),
            "places in the order of expiry are of no row",
        );
        let mut unequal = 0;
        for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
            unequal += u64::from(view.totals(table)? != self.get(table));
        }
        note(unequal, "tables have wrong sums");
        Ok(wrong)
    }

    fn of(&mut self, table: Table) -> &mut Totals {
        self.tables.entry(table).or_default()
    }

    fn get(&self, table: Table) -> Totals {
        self.tables.get(&table).copied().unwrap_or_default()
    }
}

fn has(view: &View, index: Index, key: &[u8]) -> Result<bool> {
    match view.transaction().open_table(index) {
        Ok(index) => Ok(index.get(key)?.is_some()),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn len(view: &View, index: Index) -> Result<u64> {
    match view.transaction().open_table(index) {
        Ok(index) => Ok(index.len()?),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
