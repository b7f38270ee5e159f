//! Caches whose rows ask for much.

mod extremes;
mod layouts;
mod packed;
mod sizes;

use std::path::Path;

use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use redb_cache::cache::entry::{self, Codec, ENTRIES, Entry};
use redb_cache::cache::{Table, schema};

use super::Bomb;

type Rows = Vec<(Table, String, Vec<u8>)>;
type Make = fn() -> Vec<Bomb>;

pub fn all() -> Vec<(&'static str, Make)> {
    vec![
        ("bombs: lengths of u64::MAX in rows", layouts::lengths),
        ("bombs: nesting in rows", layouts::nesting),
        ("bombs: compressed rows", packed::compressed),
        ("bombs: long keys and values", sizes::long_keys),
        (sizes::many_tables_name(), sizes::many_tables),
        (
            "bombs: times, floats and recorded limits",
            extremes::extremes,
        ),
    ]
}

fn definition(table: Table) -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(table.name())
}

/// Changes a cache of file format v3.
fn change(bomb: &Bomb, change: impl FnOnce(&WriteTransaction)) {
    let db = redb::Database::builder()
        .set_cache_size(32 << 20)
        .open(bomb.cache())
        .unwrap();
    let txn = db.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

fn insert(txn: &WriteTransaction, rows: &Rows) {
    for (table, key, value) in rows {
        let mut table = txn.open_table(definition(*table)).unwrap();
        table.insert(key.as_str(), value.as_slice()).unwrap();
    }
}

/// A fixture with these rows more, whichever file format it has.
fn with_rows(fixture: &str, more: impl FnOnce(&Rows) -> Rows) -> Bomb {
    let bomb = Bomb::of(fixture);
    if is_v2(&bomb.cache()) {
        insert_v2(&bomb.cache(), more);
        return bomb;
    }
    let rows = more(&rows_of(&bomb.cache()));
    change(&bomb, |txn| insert(txn, &rows));
    bomb
}

/// The rows of the tables of records that a v3 file has.
fn rows_of(cache: &Path) -> Rows {
    let db = redb::Database::open(cache).unwrap();
    let txn = db.begin_read().unwrap();
    let mut found = Rows::new();
    for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
        let Ok(rows) = txn.open_table(definition(table)) else {
            continue;
        };
        for row in rows.iter().unwrap() {
            let (key, value) = row.unwrap();
            found.push((table, key.value().to_owned(), value.value().to_vec()));
        }
    }
    found
}

fn is_v2(cache: &Path) -> bool {
    std::fs::read(cache).unwrap()[64] == 2
}

fn insert_v2(cache: &Path, more: impl FnOnce(&Rows) -> Rows) {
    use redb2::{ReadableTable, TableDefinition};
    let definition = |table: Table| TableDefinition::<&str, &[u8]>::new(table.name());
    let db = redb2::Database::open(cache).unwrap();
    let mut found = Vec::new();
    let txn = db.begin_read().unwrap();
    for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
        let Ok(rows) = txn.open_table(definition(table)) else {
            continue;
        };
        for row in rows.iter().unwrap() {
            let (key, value) = row.unwrap();
            found.push((table, key.value().to_owned(), value.value().to_vec()));
        }
    }
    drop(txn);
    let txn = db.begin_write().unwrap();
    for (table, key, value) in more(&found) {
        let mut table = txn.open_table(definition(table)).unwrap();
        table.insert(key.as_str(), value.as_slice()).unwrap();
    }
    txn.commit().unwrap();
}

/// A current cache that this program has prepared.
fn prepared() -> Bomb {
    let bomb = Bomb::of("0.1.47");
    let db = redb::Database::open(bomb.cache()).unwrap();
    schema::prepare(&db).unwrap();
    drop(db);
    bomb
}

fn entry(stored: &[u8], raw_len: u64, codec: Codec) -> Entry {
    Entry {
        written_ms: 1_700_000_000_000,
        accessed: 1_700_000_000_000_000,
        expires_ms: None,
        stored_len: stored.len() as u64,
        raw_len,
        codec,
        digest: entry::digest(stored),
    }
}

fn record(txn: &WriteTransaction, table: Table, key: &str, entry: &Entry) {
    let mut entries = txn.open_table(ENTRIES).unwrap();
    let bytes = entry.encode().unwrap();
    let row_key = entry::row_key(table, key);
    entries
        .insert(row_key.as_slice(), bytes.as_slice())
        .unwrap();
}
