//! Writes the rows of real caches into the corpus of each target: `cargo run --example seeds DIR...`
//! with folders that hold a `cache.redb` each.

use std::collections::HashMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use redb_cache::cache::Table;
use redb_cache::file::{ReadOptions, ValueRef, read};
use redb_cache::layout::{Layout, decode_as};

/// Enough of each layout and table, and no row longer than libFuzzer's usual input.
const ROWS: usize = 60;
const BYTES: usize = 4096;

/// The corpora, and how many seeds each has of each table.
struct Corpus {
    folder: PathBuf,
    written: HashMap<(String, Table), usize>,
}

impl Corpus {
    fn add(&mut self, target: String, table: Table, seed: &[u8]) -> std::io::Result<()> {
        let folder = self.folder.join(&target);
        let number = self.written.entry((target, table)).or_default();
        *number += 1;
        if *number > ROWS || seed.len() > BYTES {
            return Ok(());
        }
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{table}-{number}")), seed)
    }

    fn add_row(&mut self, table: Table, row: &[u8]) -> std::io::Result<()> {
        let number = Table::ALL.iter().position(|it| *it == table).unwrap_or(0) as u8;
        for layout in Layout::ALL {
            if decode_as(layout, table, row).is_ok() {
                let target = layout.to_string().to_lowercase();
                self.add(target, table, &[&[number], row].concat())?;
            }
        }
        let len = (row.len() as u16).to_le_bytes();
        let of_file = [&[0, number], &len[..], row].concat();
        self.add("survey".into(), table, &of_file)
    }

    fn add_cache(&mut self, path: &Path) -> redb_cache::Result<()> {
        read(path, &ReadOptions::default(), |snapshot| {
            for table in Table::ALL.into_iter().filter(|table| table.holds_records()) {
                snapshot.scan(table.name(), None, &mut |_, value| {
                    if let ValueRef::Bytes(row) = value {
                        self.add_row(table, row)?;
                    }
                    Ok(ControlFlow::Continue(()))
                })?;
            }
            Ok(())
        })
    }
}

fn main() -> redb_cache::Result<()> {
    let mut corpus = Corpus {
        folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"),
        written: HashMap::new(),
    };
    for folder in std::env::args().skip(1) {
        corpus.add_cache(&Path::new(&folder).join("cache.redb"))?;
    }
    Ok(())
}
