//! What the rows of each table come to, in whichever order they are met.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::cache::rewrite;
use crate::file::FoundRow;

/// Rows and the sum of their digests, for each table that has any. Of our own tables, which follow
/// the rows, none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums(BTreeMap<String, (u64, u64)>);

impl Sums {
    /// Adds a row as it was found, if its page is whole.
    pub(super) fn add_found(&mut self, row: &FoundRow<'_>) {
        if row.is_whole {
            self.add(&row.table.name, row.key, row.value);
        }
    }

    pub(super) fn add(&mut self, table: &str, key: &[u8], value: &[u8]) {
        if rewrite::is_own(table) {
            return;
        }
        let (rows, sum) = match self.0.get_mut(table) {
            Some(sums) => sums,
            None => self.0.entry(table.to_owned()).or_default(),
        };
        *rows += 1;
        *sum = sum.wrapping_add(digest(key, value));
    }

    /// Takes a row away that was added.
    pub(super) fn remove(&mut self, table: &str, key: &[u8], value: &[u8]) {
        let Some((rows, sum)) = self.0.get_mut(table) else {
            return;
        };
        *rows = rows.saturating_sub(1);
        *sum = sum.wrapping_sub(digest(key, value));
        if *rows == 0 {
            self.0.remove(table);
        }
    }

    /// Both together.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (table, (rows, sum)) in &other.0 {
            let (all_rows, all_sum) = all.0.entry(table.clone()).or_default();
            *all_rows += rows;
            *all_sum = all_sum.wrapping_add(*sum);
        }
        all
    }

    /// How many rows of a table were added.
    pub(super) fn rows(&self, table: &str) -> u64 {
        self.0.get(table).map_or(0, |(rows, _)| *rows)
    }
}

/// With the length of the key, so that no two rows read alike.
fn digest(key: &[u8], value: &[u8]) -> u64 {
    let parts = [&(key.len() as u64).to_le_bytes(), key, value];
    xxh3_64(&parts.concat())
}

#[cfg(test)]
mod tests {
    use super::Sums;

    #[test]
    fn the_order_of_rows_does_not_count_and_their_bytes_do() {
        let sums = |rows: &[(&[u8], &[u8])]| {
            let mut sums = Sums::default();
            for (key, value) in rows {
                sums.add("episodes", key, value);
            }
            sums
        };
        let both = sums(&[(b"a", b"1"), (b"b", b"2")]);
        assert_eq!(both, sums(&[(b"b", b"2"), (b"a", b"1")]));
        assert_ne!(both, sums(&[(b"a", b"2"), (b"b", b"1")]));
        assert_ne!(sums(&[(b"ab", b"c")]), sums(&[(b"a", b"bc")]));
        let mut one = both.clone();
        one.remove("episodes", b"b", b"2");
        assert_eq!(one, sums(&[(b"a", b"1")]));
        one.remove("episodes", b"a", b"1");
        assert_eq!(one, Sums::default());
    }
}
