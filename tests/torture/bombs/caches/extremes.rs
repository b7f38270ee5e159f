//! Times, floats and recorded limits at the ends of what can be written.

use redb::TableDefinition;
use redb_cache::cache::Table;
use redb_cache::cache::entry::{self, BY_ACCESS, BY_EXPIRY, Codec};
use redb_cache::cache::facts::{ACTIVITY_KEY, LAST_SWEEP_KEY, LIMITS_KEY};

use super::{Rows, change, entry as entry_of, insert, prepared, record};
use crate::bombs::Bomb;
use crate::common;

pub fn extremes() -> Vec<Bomb> {
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
            let mut entry = entry_of(value, value.len() as u64, Codec::Plain);
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
