//! Long keys, large values and many tables.

use redb::TableDefinition;
use redb_cache::cache::Table;
use redb_cache::file;

use super::{change, insert};
use crate::bombs::Bomb;
use crate::figures::is_long;

pub fn long_keys() -> Vec<Bomb> {
    let mut bombs = Vec::new();
    for key in [
        "k".repeat(8 << 20),
        "\u{1b}[2J".repeat(1 << 20),
        "\u{202e}".repeat(1 << 20),
        "é\n".repeat(1 << 20),
    ] {
        let bomb = Bomb::of("0.1.47");
        let value = vec![0xff; 1 << 20];
        change(&bomb, |txn| {
            for table in [Table::Episodes, Table::Embeddings, Table::Metadata] {
                insert(txn, &vec![(table, key.clone(), value.clone())]);
            }
            let name: String = key.chars().take(1 << 10).collect();
            let mut table = txn
                .open_table(TableDefinition::<&str, &[u8]>::new(&name))
                .unwrap();
            table.insert("k", &b"v"[..]).unwrap();
        });
        // Three rows of nine MiB in each.
        bombs.push(Bomb {
            cpu: 6 * bomb.cpu,
            ..bomb
        });
    }
    let bomb = Bomb::of("0.1.47");
    change(&bomb, |txn| {
        let value = vec![b'x'; 24 << 20];
        insert(txn, &vec![(Table::Metadata, "bomb".into(), value.clone())]);
        insert(txn, &vec![(Table::Episodes, "bomb".into(), value)]);
    });
    bombs.push(bomb);
    bombs
}

pub fn many_tables_name() -> &'static str {
    if is_long() {
        "bombs: a million tables"
    } else {
        "bombs: 100,000 tables"
    }
}

/// Tables of the user's, empty and not: as many as a file may have, and far more.
pub fn many_tables() -> Vec<Bomb> {
    let too_many = if is_long() { 1_000_000 } else { 100_000 };
    // With some left for do-memory's own.
    [file::MAX_TABLES - 100, too_many]
        .map(with_tables)
        .into_iter()
        .collect()
}

fn with_tables(tables: usize) -> Bomb {
    let bomb = Bomb::of("0.1.47");
    change(&bomb, |txn| {
        for n in 0..tables {
            let name = format!("user-{n}");
            let table = TableDefinition::<&str, &[u8]>::new(&name);
            let mut table = txn.open_table(table).unwrap();
            if n % 1_000 == 0 {
                table.insert("k", &b"v"[..]).unwrap();
            }
        }
    });
    Bomb {
        what: format!("{tables} tables"),
        ..bomb
    }
}
