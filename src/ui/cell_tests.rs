//! Values made up for the test, as people read them.

use super::*;

fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn shown(cell: Cell) -> String {
    cell.display(now())
}

#[test]
fn what_is_not_known_is_a_dash() {
    for unknown in [
        Cell::bytes(None),
        Cell::count(None),
        Cell::time(None),
        Cell::age(None),
        Cell::Millis(None),
        Cell::Millis(Some(f64::INFINITY)),
        Cell::ratio(None),
        Cell::ratio(f64::NAN),
        Cell::Flag(None),
        Cell::Unknown,
    ] {
        assert_eq!(shown(unknown), "-");
    }
}

#[test]
fn sizes_are_in_powers_of_1024() {
    assert_eq!(shown(Cell::bytes(0)), "0 B");
    assert_eq!(shown(Cell::bytes(1_536)), "1.5 KiB");
    assert_eq!(shown(Cell::bytes(u64::MAX)), "16.0 EiB");
}

#[test]
fn digits_come_in_groups_of_three() {
    assert_eq!(shown(Cell::count(999)), "999");
    assert_eq!(shown(Cell::count(1_000)), "1,000");
    assert_eq!(shown(Cell::count(u64::MAX)), "18,446,744,073,709,551,615");
}

#[test]
fn a_moment_is_told_both_ways() {
    let ago = now() - chrono::TimeDelta::minutes(195);
    assert_eq!(shown(Cell::time(ago)), "2026-03-01 08:45:00Z (3h 15m ago)");
    let ahead = now() + chrono::TimeDelta::days(2);
    assert_eq!(shown(Cell::time(ahead)), "2026-03-03 12:00:00Z (in 2d)");
    assert_eq!(shown(Cell::time(now())), "2026-03-01 12:00:00Z (now)");
    for far in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        assert!(shown(Cell::time(far)).contains('('));
    }
}

#[test]
fn a_length_of_time_has_two_units_at_most() {
    let shown = |seconds| length(Duration::from_secs(seconds));
    assert_eq!(shown(0), "0s");
    assert_eq!(shown(59), "59s");
    assert_eq!(shown(3_600), "1h");
    assert_eq!(shown(90_061), "1d 1h");
    assert_eq!(shown(86_400 + 59), "1d");
    assert_eq!(length(Duration::from_millis(3)), "<1s");
    assert_eq!(length(Duration::MAX), "584942417355y 26d");
}

#[test]
fn measured_times_keep_two_or_three_digits() {
    let shown = |millis| shown(Cell::Millis(Some(millis)));
    assert_eq!(shown(0.094), "0.09 ms");
    assert_eq!(shown(17.4), "17 ms");
    assert_eq!(shown(1_234.0), "1.2 s");
    assert_eq!(shown(90_000.0), "1m 30s");
    assert_eq!(shown(f64::MAX), "-");
}

#[test]
fn a_little_is_not_nothing_and_nearly_all_is_not_all() {
    assert_eq!(shown(Cell::ratio(0.0)), "0.0%");
    assert_eq!(shown(Cell::ratio(0.0001)), "<0.1%");
    assert_eq!(shown(Cell::ratio(0.4567)), "45.7%");
    assert_eq!(shown(Cell::ratio(0.9999)), ">99.9%");
    assert_eq!(shown(Cell::ratio(1.0)), "100.0%");
}

#[test]
fn the_ends_of_a_key_are_seen() {
    assert_eq!(shown(Cell::key("")), "\"\"");
    assert_eq!(shown(Cell::key(" a ")), "\" a \"");
    assert_eq!(shown(Cell::key("a b")), "a b");
    assert_eq!(shown(Cell::key("a\n")), "\"a\\n\"");
}
