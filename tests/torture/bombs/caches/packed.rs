//! Compressed rows, whatever their entries say.

use redb_cache::cache::Table;
use redb_cache::cache::entry::{Codec, DICTIONARIES};

use super::{change, entry, insert, prepared, record};
use crate::bombs::Bomb;
use crate::bombs::stores::{claiming, skippable, zeros};

/// A row of ours, whatever its entry says.
struct Packed {
    stored: Vec<u8>,
    raw_len: u64,
    codec: Codec,
}

pub fn compressed() -> Vec<Bomb> {
    const LARGEST: u64 = 64 << 20;
    let whole = zstd::encode_all(&b"some text"[..], 3).unwrap();
    let skipped = [skippable(1 << 10), whole.clone()].concat();
    let rows = [
        (zeros(1 << 30), 1 << 30, Codec::Zstd),
        (zeros(1 << 30), 9, Codec::Zstd),
        (zeros(LARGEST), LARGEST, Codec::Zstd),
        (zeros(LARGEST), LARGEST - 1, Codec::Zstd),
        (claiming(1 << 40), 1 << 40, Codec::Zstd),
        (claiming(1 << 40), u64::MAX, Codec::Zstd),
        (claiming(u64::MAX), u64::MAX, Codec::Zstd),
        (claiming(LARGEST), LARGEST, Codec::Zstd),
        (skippable(1 << 10), 0, Codec::Zstd),
        (skipped.clone(), 9, Codec::Zstd),
        (skipped.repeat(1_000), 9_000, Codec::Zstd),
        (skippable(u32::MAX >> 8)[..100].to_vec(), 9, Codec::Zstd),
        (whole.repeat(100), 9, Codec::Zstd),
        (whole.clone(), 9, Codec::ZstdDictionary(1)),
        (whole.clone(), 9, Codec::ZstdDictionary(7)),
        (b"no frame at all".to_vec(), 15, Codec::Zstd),
        (Vec::new(), u64::MAX, Codec::Plain),
        (whole, u64::MAX, Codec::Plain),
    ];
    let rows = rows.map(|(stored, raw_len, codec)| Packed {
        stored,
        raw_len,
        codec,
    });
    let mut bombs: Vec<_> = rows
        .iter()
        .map(|row| packed(std::slice::from_ref(row)))
        .collect();
    bombs.push(packed(&rows));
    bombs
}

/// One row each in three tables, and a dictionary that is none.
fn packed(rows: &[Packed]) -> Bomb {
    let mut bomb = prepared();
    if let [row] = rows {
        bomb.what = format!(
            "{} bytes of {}, {:?}",
            row.stored.len(),
            row.raw_len,
            row.codec
        );
    }
    change(&bomb, |txn| {
        for (n, row) in rows.iter().enumerate() {
            let key = if n == 0 {
                "bomb".to_owned()
            } else {
                format!("bomb-{n}")
            };
            for table in [Table::Episodes, Table::Summaries, Table::Metadata] {
                insert(txn, &vec![(table, key.clone(), row.stored.clone())]);
                record(
                    txn,
                    table,
                    &key,
                    &entry(&row.stored, row.raw_len, row.codec),
                );
            }
        }
        let mut dictionaries = txn.open_table(DICTIONARIES).unwrap();
        dictionaries.insert(1, &b"no dictionary"[..]).unwrap();
        dictionaries
            .insert(u32::MAX, vec![0xee; 1 << 20].as_slice())
            .unwrap();
    });
    bomb
}
