//! Caches whose rows ask for much.

use std::path::Path;
use std::time::Duration;

use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use redb_cache::cache::entry::{self, BY_ACCESS, BY_EXPIRY, Codec, DICTIONARIES, ENTRIES, Entry};
use redb_cache::cache::facts::{ACTIVITY_KEY, LAST_SWEEP_KEY, LIMITS_KEY};
use redb_cache::cache::{Table, schema};

use super::Bomb;
use super::stores::{claiming, skippable, zeros};
use crate::common;
use crate::figures::is_long;

type Rows = Vec<(Table, String, Vec<u8>)>;
type Make = fn() -> Vec<Bomb>;

pub fn all() -> Vec<(&'static str, Make)> {
    vec![
        ("bombs: lengths of u64::MAX in rows", lengths),
        ("bombs: nesting in rows", nesting),
        ("bombs: compressed rows", compressed),
        ("bombs: long keys and values", long_keys),
        (many_tables_name(), many_tables),
        ("bombs: times, floats and recorded limits", extremes),
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

/// One release of each codec and layout whose rows differ.
const RELEASES: [&str; 7] = [
    "0.1.6", "0.1.7", "0.1.8", "0.1.14", "0.1.22", "0.1.33", "0.1.47",
];

fn length(fixture: &str) -> Vec<u8> {
    match fixture {
        "0.1.6" => vec![0xff; 8],
        _ => [&[0xff; 9][..], &[0x01]].concat(),
    }
}

/// In each place of a row of each table, a length beyond all bounds.
fn lengths() -> Vec<Bomb> {
    let bombs = RELEASES.map(|fixture| {
        with_rows(fixture, |rows| {
            let length = length(fixture);
            let replaced = if fixture == "0.1.6" { 8 } else { 1 };
            let mut bombs = Vec::new();
            for table in Table::ALL {
                let mut rows = rows.iter().filter(|row| row.0 == table);
                let Some((_, _, row)) = rows.find(|row| (60..900).contains(&row.2.len())) else {
                    continue;
                };
                let places = if is_long() {
                    row.len()
                } else {
                    60.min(row.len())
                };
                for at in 0..places {
                    let rest = row.get(at + replaced..).unwrap_or_default();
                    let row = [&row[..at], &length, rest].concat();
                    bombs.push((table, format!("bomb-{at}"), row));
                }
            }
            bombs
        })
    });
    bombs.into()
}

/// The bytes that `old` stands for are where the first of them is found.
fn replaced(row: &[u8], old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let at = row.windows(old.len()).position(|window| window == old)?;
    Some([&row[..at], new, &row[at + old.len()..]].concat())
}

/// Values in values, and lists of what takes no room, where parameters and texts stand.
fn nesting() -> Vec<Bomb> {
    const DEEP: usize = 10_000;
    let bombs = RELEASES.map(|fixture| {
        with_rows(fixture, |rows| {
            let (one, none) = match fixture {
                "0.1.6" => (1u64.to_le_bytes().to_vec(), 0u64.to_le_bytes().to_vec()),
                _ => (vec![1], vec![0]),
            };
            let shorter = |power: u32| match fixture {
                "0.1.6" => (1u64 << power).to_le_bytes().to_vec(),
                _ => postcard(1 << power),
            };
            let text =
                |text: String| [&shorter_of(fixture, text.len())[..], text.as_bytes()].concat();
            let values = [
                one.repeat(DEEP),
                [one.repeat(DEEP), none.clone()].concat(),
                length(fixture),
                shorter(40),
                shorter(32),
                shorter(20),
                [one.clone(), shorter(40)].concat(),
                text("[".repeat(DEEP)),
                text(format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP))),
                text("{\"a\":".repeat(DEEP)),
            ];
            episodes_with(rows, &values)
        })
    });
    // Ten in each, of up to 80 KB.
    bombs
        .map(|bomb| Bomb {
            cpu: 10 * bomb.cpu,
            ..bomb
        })
        .into()
}

/// An unsigned number as postcard writes it.
fn postcard(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn shorter_of(fixture: &str, length: usize) -> Vec<u8> {
    match fixture {
        "0.1.6" => (length as u64).to_le_bytes().to_vec(),
        _ => postcard(length as u64),
    }
}

/// Episodes with each of these in the place of the last 40 bytes, of the middle, and of the first
/// step's parameters, as far as such are found.
fn episodes_with(rows: &Rows, values: &[Vec<u8>]) -> Rows {
    let mut bombs = Rows::new();
    let episodes = rows.iter().filter(|row| row.0 == Table::Episodes);
    let Some((_, _, row)) = episodes.max_by_key(|row| row.2.len().min(3_000)) else {
        return bombs;
    };
    for (n, value) in values.iter().enumerate() {
        for at in [row.len() / 4, row.len() / 2, row.len().saturating_sub(40)] {
            let bomb = [&row[..at], value, &row[at..]].concat();
            bombs.push((Table::Episodes, format!("bomb-{n}-{at}"), bomb));
        }
        for old in [&b"command"[..], b"\x04path", b"{}"] {
            if let Some(bomb) = replaced(row, old, value) {
                bombs.push((Table::Episodes, format!("bomb-{n}-{}", old.len()), bomb));
            }
        }
    }
    bombs
}

/// A row of ours, whatever its entry says.
struct Packed {
    stored: Vec<u8>,
    raw_len: u64,
    codec: Codec,
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

fn compressed() -> Vec<Bomb> {
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

fn long_keys() -> Vec<Bomb> {
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

fn many_tables_name() -> &'static str {
    if is_long() {
        "bombs: a million tables"
    } else {
        "bombs: 100,000 tables"
    }
}

/// Tables of the user's, empty and not.
fn many_tables() -> Vec<Bomb> {
    let tables = if is_long() { 1_000_000 } else { 100_000 };
    let mut bomb = Bomb::of("0.1.47");
    // Every one of them is told, carried along and read back.
    bomb.cpu = Duration::from_secs(1) * (tables / 25_000);
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
    vec![bomb]
}

fn extremes() -> Vec<Bomb> {
    let mut bombs = vec![entries_at_the_ends(), strange_values()];
    for (key, values) in [
        (LIMITS_KEY, &LIMITS[..]),
        (ACTIVITY_KEY, &ACTIVITIES),
        (LAST_SWEEP_KEY, &SWEEPS),
        ("episode_revision_seq", &NUMBERS),
        ("sync_watermark_ms", &NUMBERS),
        ("episode_count", &NUMBERS),
    ] {
        for value in values {
            let mut bomb = prepared();
            bomb.what = format!("{key} = {value}");
            let value = value.as_bytes().to_vec();
            change(&bomb, |txn| {
                insert(txn, &vec![(Table::Metadata, key.into(), value)]);
            });
            bombs.push(bomb);
        }
    }
    bombs
}

const NUMBERS: [&str; 3] = ["9223372036854775807", "-9223372036854775808", "1e400"];
const LIMITS: [&str; 5] = [
    r#"{"max_cache_size":0,"ttl_seconds":0,"compression":true}"#,
    r#"{"max_cache_size":18446744073709551615,"ttl_seconds":18446744073709551615,"compression":false}"#,
    r#"{"max_cache_size":0,"ttl_seconds":null,"compression":false}"#,
    r#"{"max_cache_size":1,"ttl_seconds":9223372036854775807,"compression":false}"#,
    r#"{"max_cache_size":18446744073709551616,"ttl_seconds":-1,"compression":0}"#,
];
const ACTIVITIES: [&str; 3] = [
    r#"{"since_ms":-9223372036854775808,"revision":9223372036854775807,"tables":{"episodes":{"hits":18446744073709551615,"misses":18446744073709551615,"writes":18446744073709551615,"evictions":18446744073709551615,"expirations":18446744073709551615}}}"#,
    r#"{"since_ms":9223372036854775807,"revision":-9223372036854775808,"tables":{}}"#,
    r#"{"since_ms":0,"tables":{"\u001b[2J":{"hits":1,"misses":0,"writes":0,"evictions":0,"expirations":0}}}"#,
];
const SWEEPS: [&str; 2] = [
    r#"{"at_ms":-9223372036854775808,"removed":18446744073709551615}"#,
    r#"{"at_ms":9223372036854775807,"removed":0}"#,
];

/// Entries of rows, and their indexes, with the times at the ends.
fn entries_at_the_ends() -> Bomb {
    let bomb = prepared();
    let rows = common::Fixture::of("0.1.47").rows();
    let times = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
    let accessed = [0, 1, u64::MAX, u64::MAX - 1, i64::MAX as u64];
    change(&bomb, |txn| {
        let mut n = 0;
        for (table, key, value) in &rows {
            n += 1;
            let mut entry = entry(value, value.len() as u64, Codec::Plain);
            entry.written_ms = times[n % times.len()];
            entry.accessed = accessed[n % accessed.len()];
            entry.expires_ms = (n % 7 != 0).then(|| times[(n / 2) % times.len()]);
            record(txn, *table, key, &entry);
            if *table == Table::Episodes {
                let mut access = txn.open_table(BY_ACCESS).unwrap();
                let key = entry::access_key(entry.accessed, key);
                access.insert(key.as_slice(), ()).unwrap();
            }
            if let Some(at) = entry.expires_ms {
                let mut expiry = txn.open_table(BY_EXPIRY).unwrap();
                let key = entry::expiry_key(at, *table, key);
                expiry.insert(key.as_slice(), ()).unwrap();
            }
        }
        let revisions = TableDefinition::<&str, i64>::new("episode_revisions");
        let mut revisions = txn.open_table(revisions).unwrap();
        let episodes = rows.iter().filter(|row| row.0 == Table::Episodes);
        for (n, (_, key, _)) in episodes.enumerate() {
            revisions
                .insert(key.as_str(), times[n % times.len()])
                .unwrap();
        }
    });
    bomb
}

/// Times in rows at the ends of the calendar, and floats that are no numbers.
fn strange_values() -> Bomb {
    let rows = common::Fixture::of("0.1.47").rows();
    let (_, _, episode) = rows.iter().find(|row| row.0 == Table::Episodes).unwrap();
    let (_, _, vector) = rows.iter().find(|row| row.0 == Table::Embeddings).unwrap();
    let at = episode
        .windows(3)
        .position(|window| window == b"-0T" || window[0] == b'T');
    let mut bombs = Rows::new();
    for (n, time) in [
        "+262142-12-31T23:59:59.999999999Z",
        "+262143-01-01T00:00:00Z",
        "-262143-01-01T00:00:00Z",
        "-262144-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "2016-12-31T23:59:60Z",
        "9999-12-31T23:59:59+23:59",
        "1970-01-01T00:00:00-23:59",
    ]
    .into_iter()
    .enumerate()
    {
        // A time is the first text of a row that begins with four digits and a dash.
        if let Some(begin) = at.and_then(|at| at.checked_sub(11)) {
            let old = usize::from(episode[begin]);
            let rest = &episode[begin + 1 + old..];
            let time = [&[u8::try_from(time.len()).unwrap()][..], time.as_bytes()].concat();
            let row = [&episode[..begin], &time, rest].concat();
            bombs.push((Table::Episodes, format!("bomb-{n}"), row));
        }
    }
    for (n, float) in [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        f32::MIN_POSITIVE,
    ]
    .into_iter()
    .enumerate()
    {
        let mut row = vector.clone();
        let end = row.len();
        row[end - 4..].copy_from_slice(&float.to_le_bytes());
        bombs.push((Table::Embeddings, format!("bomb-{n}"), row));
        let mut row = episode.clone();
        for at in (0..row.len().saturating_sub(4)).step_by(97) {
            row[at..at + 4].copy_from_slice(&float.to_le_bytes());
        }
        bombs.push((Table::Episodes, format!("bomb-float-{n}"), row));
    }
    let bomb = prepared();
    change(&bomb, |txn| insert(txn, &bombs));
    bomb
}
