//! One value of a view, and how people read it.

use std::time::Duration;

use bytesize::ByteSize;
use chrono::{DateTime, SubsecRound, Utc};

use super::text;

/// A value to show. What is not known is `-`, never a guess.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words of this program.
    Text(String),
    /// A name from outside: a key, a table, a path. Quoted where its ends would not be seen.
    Key(String),
    /// A size.
    Bytes(Option<u64>),
    /// A number of things.
    Count(Option<u64>),
    /// A moment.
    Time(Option<DateTime<Utc>>),
    /// A length of time for which something has lasted or will last.
    Age(Option<Duration>),
    /// A measured time, in milliseconds.
    Millis(Option<f64>),
    /// A share of one, shown in percent.
    Ratio(Option<f64>),
    /// Yes or no.
    Flag(Option<bool>),
    /// Not known.
    Unknown,
}

/// What stands for a value that is not known.
pub(super) const UNKNOWN: &str = "-";

impl Cell {
    /// Words of this program.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A name from outside: a key, a table, a path.
    pub fn key(key: impl Into<String>) -> Self {
        Self::Key(key.into())
    }

    /// A size.
    pub fn bytes(bytes: impl Into<Option<u64>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// A number of things.
    pub fn count(count: impl Into<Option<u64>>) -> Self {
        Self::Count(count.into())
    }

    /// A moment.
    pub fn time(time: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self::Time(time.into())
    }

    /// A length of time.
    pub fn age(age: impl Into<Option<Duration>>) -> Self {
        Self::Age(age.into())
    }

    /// A measured time.
    pub fn elapsed(elapsed: Duration) -> Self {
        Self::Millis(Some(elapsed.as_secs_f64() * 1e3))
    }

    /// A share of one.
    pub fn ratio(ratio: impl Into<Option<f64>>) -> Self {
        Self::Ratio(ratio.into())
    }

    /// The value as people read it, on one line and free of characters that act on a terminal.
    #[must_use]
    pub fn display(&self, now: DateTime<Utc>) -> String {
        let known = match self {
            Self::Text(text) => Some(text::escape(text).into_owned()),
            Self::Key(key) => Some(name(key)),
            Self::Bytes(bytes) => bytes.map(size),
            Self::Count(count) => count.map(grouped),
            Self::Time(time) => time.map(|time| moment(time, now)),
            Self::Age(age) => age.map(length),
            Self::Millis(millis) => millis.filter(|millis| millis.is_finite()).map(measured),
            Self::Ratio(ratio) => ratio.filter(|ratio| ratio.is_finite()).map(percent),
            Self::Flag(flag) => flag.map(|flag| if flag { "yes" } else { "no" }.to_owned()),
            Self::Unknown => None,
        };
        known.unwrap_or_else(|| UNKNOWN.to_owned())
    }

    /// Whether the value may be broken over lines where there is no room for it.
    pub(super) fn breaks(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Key(_))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(Some(flag))
    }
}

impl From<DateTime<Utc>> for Cell {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(Some(time))
    }
}

fn name(key: &str) -> String {
    let escaped = text::escape(key);
    if key.is_empty() || key.trim() != key {
        format!("\"{escaped}\"")
    } else {
        escaped.into_owned()
    }
}

/// A size for people, as `1.5 KiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// Digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share of one in percent. A little of something is never shown as nothing, nor nearly all as all.
fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 0.0 && percent < 0.1 {
        "<0.1%".to_owned()
    } else if percent > 99.9 && percent < 100.0 {
        ">99.9%".to_owned()
    } else {
        format!("{percent:.1}%")
    }
}

fn measured(millis: f64) -> String {
    if millis < 10.0 {
        format!("{millis:.2} ms")
    } else if millis < 1e3 {
        format!("{millis:.0} ms")
    } else if millis < 60e3 {
        format!("{:.1} s", millis / 1e3)
    } else {
        Duration::try_from_secs_f64(millis / 1e3).map_or_else(|_| UNKNOWN.to_owned(), length)
    }
}

/// A length of time in its two largest units, as `3d 4h`.
pub(super) fn length(duration: Duration) -> String {
    const UNITS: [(&str, u64); 5] = [
        ("y", 365 * 86_400),
        ("d", 86_400),
        ("h", 3_600),
        ("m", 60),
        ("s", 1),
    ];
    let seconds = duration.as_secs();
    let Some(large) = UNITS.iter().position(|(_, unit)| seconds >= *unit) else {
        return if duration.is_zero() { "0s" } else { "<1s" }.to_owned();
    };
    let mut rest = seconds;
    let mut parts = Vec::with_capacity(2);
    for (name, unit) in UNITS.iter().skip(large).take(2) {
        if rest >= *unit {
            parts.push(format!("{}{name}", rest / unit));
        }
        rest %= unit;
    }
    parts.join(" ")
}

fn moment(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let since = now.signed_duration_since(time);
    let relative = match since.to_std() {
        Ok(past) if past < Duration::from_secs(1) => "now".to_owned(),
        Ok(past) => format!("{} ago", length(past)),
        Err(_) => format!("in {}", length(since.abs().to_std().unwrap_or_default())),
    };
    let absolute = time.trunc_subsecs(0).format("%Y-%m-%d %H:%M:%SZ");
    format!("{absolute} ({relative})")
}

#[cfg(test)]
#[path = "cell_tests.rs"]
mod tests;
