//! Rows of real releases, changed at random, and random bytes: refused or read, never more.
//!
//! 0.2 s for each decoder, 5 minutes with `REDB_CACHE_LONG=1`. `--show-output` shows the figures.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use redb_cache::cache::Table;
use redb_cache::layout::{Codec, Layout, Survey, decode_as};

use crate::meter::Meter;
use crate::proof::{RELEASES, rows_of};
use crate::properties::origin;
use crate::writers::{LAYOUTS, encode};

type Row = (Table, Vec<u8>);

/// The rows of all fixtures.
static ROWS: LazyLock<Vec<(Layout, Row)>> = LazyLock::new(|| {
    let releases = RELEASES.into_iter().flat_map(|(release, layout)| {
        let rows = rows_of(release, layout).into_iter();
        rows.map(move |(table, _, row)| (layout, (table, row)))
    });
    releases.collect()
});

fn rows(of: impl Fn(Layout) -> bool) -> Vec<&'static Row> {
    let rows = ROWS.iter().filter(|(layout, _)| of(*layout));
    rows.map(|(_, row)| row).collect()
}

/// Whether there is time for a long run.
pub fn is_long() -> bool {
    std::env::var_os("REDB_CACHE_LONG").is_some_and(|value| value == "1")
}

fn duration() -> Duration {
    if is_long() {
        Duration::from_secs(300)
    } else {
        Duration::from_millis(200)
    }
}

/// The same numbers each time, but in a long run.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self(if is_long() {
            now().unwrap().as_secs()
        } else {
            0
        })
    }

    /// splitmix64.
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(end).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.roll().to_le_bytes()[0]
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A range of at most `most` in `0..=len`.
    fn span(&mut self, len: usize, most: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        start..(start + self.below(most + 1)).min(len)
    }
}

fn random_row(dice: &mut Dice) -> Row {
    let table = dice.pick(&[Table::Episodes, Table::Patterns, Table::Relationships]);
    let alphabet: &[u8] = dice.pick(&[&[][..], &[0, 1], &[0, 1, 2, 0x10, b'a'], b"\x80\xff\x01"]);
    let bytes = (0..dice.below(300)).map(|_| match alphabet {
        [] => dice.byte(),
        some => dice.pick(some),
    });
    (table, bytes.collect())
}

fn changed_row(dice: &mut Dice, rows: &[&Row]) -> Row {
    let (mut table, mut row) = dice.pick(rows).clone();
    if dice.below(32) > 0 && row.len() > 4096 {
        (table, row) = dice.pick(rows).clone();
    }
    for _ in 0..=dice.below(3) {
        let (_, other) = dice.pick(rows);
        change(dice, &mut row, other);
    }
    if dice.below(64) == 0 {
        table = dice.pick(&Table::ALL);
    }
    (table, row)
}

fn change(dice: &mut Dice, row: &mut Vec<u8>, other: &[u8]) {
    let span = dice.span(row.len(), 24);
    let at = dice.below(row.len().max(1));
    match dice.below(10) {
        0 => row.truncate(at),
        1 => drop(row.drain(span)),
        2 => {
            let again = row[span.clone()].to_vec();
            row.splice(span.end..span.end, again);
        }
        3 => {
            let theirs = other[dice.span(other.len(), 60)].to_vec();
            row.splice(span, theirs);
        }
        4 => {
            let long = dice.pick(&[u64::MAX, 1 << 63, 1 << 40, 1 << 20, 300, 2]);
            let codec = dice.pick(&[Codec::Bincode, Codec::Postcard]);
            row.splice(span.start..span.start, encode(codec, &long));
        }
        5 => row.insert(span.start, dice.byte()),
        6 if !row.is_empty() => row[at] ^= 1 << dice.below(8),
        7 if !row.is_empty() => row[at] = row[at].wrapping_add(dice.pick(&[1, 0xff])),
        8 if !row.is_empty() => row[at] = dice.pick(&[0, 1, 0x7f, 0x80, 0xc0, 0xff, b'"']),
        _ => row.push(dice.byte()),
    }
}

/// Passes rows to `read` until the time is up.
fn fuzz(what: &str, rows: &[&Row], mut read: impl FnMut(&mut Meter, Table, &[u8])) {
    let (mut dice, mut meter) = (Dice::new(), Meter::default());
    let begin = Instant::now();
    while begin.elapsed() < duration() {
        let (table, row) = if rows.is_empty() || dice.below(16) == 0 {
            random_row(&mut dice)
        } else {
            changed_row(&mut dice, rows)
        };
        read(&mut meter, table, &row);
    }
    println!("{what}: {meter}");
}

fn fuzz_layout(layout: Layout) {
    let rows = rows(|other| other == layout);
    fuzz(&layout.to_string(), &rows, |meter, table, row| {
        meter.run(Some(layout), table, row, || {
            decode_as(layout, table, row).is_ok()
        });
    });
}

macro_rules! changed_rows_read_as {
    ($($name:ident: $layout:ident),+) => {$(
        #[test]
        fn $name() {
            fuzz_layout(Layout::$layout);
        }
    )+};
}

changed_rows_read_as! {
    changed_rows_read_as_l1: L1,
    changed_rows_read_as_l2: L2,
    changed_rows_read_as_l3: L3,
    changed_rows_read_as_l4: L4,
    changed_rows_read_as_l5: L5,
    changed_rows_read_as_l6: L6,
    changed_rows_read_as_l7: L7,
    changed_rows_read_as_l8: L8,
    changed_rows_read_as_l9: L9
}

/// A survey lives as long as a file of this many rows.
const ROWS_A_FILE: u64 = 20_000;

/// What a survey may remember of a file.
const MOST_KEPT: i64 = 64 << 20;

#[test]
fn changed_rows_read_by_a_survey() {
    let mut files = LAYOUTS.into_iter().cycle();
    let mut survey = Survey::new(origin(Layout::L1));
    let mut most = 0;
    fuzz("survey", &rows(|_| true), |meter, table, row| {
        if meter.cases.is_multiple_of(ROWS_A_FILE) {
            survey = Survey::new(origin(files.next().unwrap()));
            meter.kept = 0;
        }
        meter.run(None, table, row, || {
            survey.add(table, row);
            survey.decode(table, row).is_ok()
        });
        most = meter.kept.max(most);
        assert!(meter.kept <= MOST_KEPT, "a survey keeps {}", meter.kept);
    });
    println!("survey: remembers at most {most} bytes");
}
