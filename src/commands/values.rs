//! Values on the command line: durations, sizes, shares.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// Reads `500ms`, `1h 30m`, `7d`; a bare number is seconds, as in `REDB_TTL_SECONDS`.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration such as 500ms, 30s, 1h or 7d".to_owned())
}

/// Reads the pause between two looks: a duration that is not zero.
pub fn watch(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected a pause of at least a moment, such as 2".to_owned()),
        pause => Ok(pause),
    }
}

/// Reads how long to wait at most: a duration that is not zero.
pub fn patience(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected a time to wait, such as 30s".to_owned()),
        patience => Ok(patience),
    }
}

/// A moment, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// That moment.
    At(DateTime<Utc>),
    /// So long before now.
    Ago(Duration),
}

impl Since {
    /// Reads `2026-01-31`, `2026-01-31T12:00:00Z` or `30d`.
    pub fn read(text: &str) -> Result<Self, String> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(time.to_utc()));
        }
        if let Ok(day) = text.parse::<NaiveDate>() {
            return Ok(Self::At(day.and_time(NaiveTime::MIN).and_utc()));
        }
        duration(text).map(Self::Ago).map_err(|_| {
            "expected a time such as 2026-01-31, 2026-01-31T12:00:00Z or 30d".to_owned()
        })
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn at_ms(self, now: DateTime<Utc>) -> i64 {
        match self {
            Self::At(time) => time.timestamp_millis(),
            Self::Ago(ago) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                now.timestamp_millis().saturating_sub(ago)
            }
        }
    }
}

/// Reads `64MiB`, `10GB`; a bare number is bytes.
pub fn size(text: &str) -> Result<u64, String> {
    text.parse::<ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| "expected a size such as 500000, 64MiB or 1GB".to_owned())
}

/// Reads `50%` or `50` as a share of one.
pub fn percent(text: &str) -> Result<Share, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    match number.trim_end().parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Share(percent / 100.0)),
        _ => Err("expected a percentage from 0% to 100%".to_owned()),
    }
}

/// A share of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

/// A limit, either as a share of the whole or as a number of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// A share of the whole.
    Share(Share),
    /// Bytes, or a number of things.
    Number(u64),
}

impl Limit {
    /// The limit as a number, for a whole of that size.
    #[must_use]
    pub fn of(self, whole: u64) -> u64 {
        match self {
            // A float holds every size that a disk has, near enough for a threshold.
            Self::Share(Share(share)) => (whole as f64 * share) as u64,
            Self::Number(number) => number,
        }
    }

    /// Reads `20%` or `64MiB`.
    pub fn size(text: &str) -> Result<Self, String> {
        Self::read(text, size)
    }

    /// Reads `20%` or `1000`.
    pub fn count(text: &str) -> Result<Self, String> {
        Self::read(text, |text| {
            text.parse()
                .map_err(|_| "expected a number or a percentage".to_owned())
        })
    }

    fn read(text: &str, number: impl Fn(&str) -> Result<u64, String>) -> Result<Self, String> {
        if text.ends_with('%') {
            percent(text).map(Self::Share)
        } else {
            number(text).map(Self::Number)
        }
    }
}

/// What `compact` does with the compression of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recompress {
    /// Compress at that level.
    Level(u8),
    /// Store plainly, as do-memory does.
    Off,
}

impl Recompress {
    /// Reads a level from 0 to 9, or `off`.
    pub fn read(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("off", _) => Ok(Self::Off),
            (_, Ok(level @ 0..=9)) => Ok(Self::Level(level)),
            _ => Err("expected a level from 0 to 9, or off".to_owned()),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0 * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_a_unit_or_are_seconds() {
        assert_eq!(duration("0s").unwrap(), Duration::ZERO);
        assert_eq!(duration("0").unwrap(), Duration::ZERO);
        assert_eq!(duration("3600").unwrap(), Duration::from_secs(3600));
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("1h 30m").unwrap(), Duration::from_secs(5400));
        assert!(watch("0").is_err());
        for wrong in ["", "-1", "1.5", "soon", "99999999999999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_a_day_a_time_or_so_long_ago() {
        let at = |text: &str| Since::read(text).unwrap().at_ms(DateTime::UNIX_EPOCH);
        assert_eq!(at("1970-01-02"), 86_400_000);
        assert_eq!(at("1970-01-01T01:00:00+01:00"), 0);
        assert_eq!(at("1s"), -1_000);
        assert_eq!(at("500000000000000s"), -500_000_000_000_000_000);
        for wrong in ["", "yesterday", "2026-13-01", "2026-01-01T12:00"] {
            assert!(Since::read(wrong).is_err(), "{wrong}");
        }
        assert!(patience("0s").is_err());
    }

    #[test]
    fn sizes_take_both_kinds_of_units() {
        assert_eq!(size("500").unwrap(), 500);
        assert_eq!(size("1KB").unwrap(), 1_000);
        assert_eq!(size("1.5 KiB").unwrap(), 1_536);
        for wrong in ["", "-1", "MiB", "1XB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_stay_between_none_and_all() {
        assert_eq!(percent("50%").unwrap(), Share(0.5));
        assert_eq!(percent("0").unwrap(), Share(0.0));
        assert_eq!(percent("12.5%").unwrap().to_string(), "12.5%");
        for wrong in ["", "%", "101%", "-1%", "NaN", "inf"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_a_share_or_a_number() {
        assert_eq!(Limit::size("20%").unwrap().of(1_000), 200);
        assert_eq!(Limit::size("64KiB").unwrap().of(1_000), 65_536);
        assert_eq!(Limit::count("10").unwrap(), Limit::Number(10));
        assert!(Limit::count("10KiB").is_err());
        assert_eq!(Limit::Share(Share(1.0)).of(u64::MAX), u64::MAX);
    }

    #[test]
    fn compression_has_ten_levels_and_off() {
        assert_eq!(Recompress::read("9").unwrap(), Recompress::Level(9));
        assert_eq!(Recompress::read("off").unwrap(), Recompress::Off);
        assert!(Recompress::read("10").is_err());
        assert!(Recompress::read("OFF").is_err());
    }
}
