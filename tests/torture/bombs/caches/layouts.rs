//! Rows of the older layouts and of the current one, with lengths and nesting beyond all bounds.

use redb_cache::cache::Table;

use super::{Rows, with_rows};
use crate::bombs::Bomb;
use crate::figures::is_long;

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
pub fn lengths() -> Vec<Bomb> {
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
pub fn nesting() -> Vec<Bomb> {
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
