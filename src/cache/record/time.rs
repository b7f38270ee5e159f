//! Times as do-memory stores them: RFC 3339 text with nanoseconds as far as there are any, exactly
//! as chrono's serde support writes it. An episode holds about seven, and through chrono they cost
//! a third of its encoding; so the usual shape is done here, and chrono does the rest.

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// For the fields that hold a time: `#[serde(with = "super::time")]`.
pub(crate) fn serialize<S: Serializer>(
    time: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match Text::of(time).as_ref().and_then(Text::as_str) {
        Some(text) => serializer.serialize_str(text),
        None => time.serialize(serializer),
    }
}

/// Reads what [`serialize`] or chrono wrote.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DateTime<Utc>, D::Error> {
    struct Reader;
    impl Visitor<'_> for Reader {
        type Value = DateTime<Utc>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an RFC 3339 formatted date and time string")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            time(text.as_bytes()).map_or_else(|| text.parse().map_err(E::custom), Ok)
        }
    }
    deserializer.deserialize_str(Reader)
}

/// For the fields that may hold a time: `#[serde(with = "super::time::option")]`.
pub(crate) mod option {
    use super::{DateTime, Deserialize, Deserializer, Serialize, Serializer, Utc};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Time(#[serde(with = "super")] DateTime<Utc>);

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(Time).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        Ok(Option::<Time>::deserialize(deserializer)?.map(|Time(time)| time))
    }
}

/// The text of a time; `None` for a leap second and for years that need a sign.
struct Text {
    bytes: [u8; 30],
    len: usize,
}

impl Text {
    fn of(time: &DateTime<Utc>) -> Option<Self> {
        let time = time.naive_utc();
        let year = u32::try_from(time.year()).ok()?;
        let nanos = time.nanosecond();
        if year > 9_999 || nanos > 999_999_999 {
            return None;
        }
        let mut bytes = *b"0000-00-00T00:00:00.000000000Z";
        let mut put = |place: Range<usize>, mut number: u32| {
            for digit in bytes.get_mut(place).into_iter().flatten().rev() {
                *digit += (number % 10) as u8;
                number /= 10;
            }
        };
        let date = time.date();
        put(0..4, year);
        put(5..7, date.month());
        put(8..10, date.day());
        put(11..13, time.hour());
        put(14..16, time.minute());
        put(17..19, time.second());
        put(20..29, nanos);
        // As many groups of three digits as are needed, and no point where none is.
        let end = match nanos {
            0 => 19,
            _ if nanos.is_multiple_of(1_000_000) => 23,
            _ if nanos.is_multiple_of(1_000) => 26,
            _ => 29,
        };
        *bytes.get_mut(end)? = b'Z';
        let len = end + 1;
        Some(Self { bytes, len })
    }

    fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(..self.len)?).ok()
    }
}

/// The time of a text of the usual shape; `None` for any other, also where chrono can read it.
fn time(text: &[u8]) -> Option<DateTime<Utc>> {
    let (date, clock) = text.split_at_checked(11)?;
    let [y1, y2, y3, y4, b'-', month1, month2, b'-', d1, d2, b'T'] = *date else {
        return None;
    };
    let (clock, end) = clock.split_at_checked(8)?;
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *clock else {
        return None;
    };
    let nanos = match end {
        [b'Z'] => 0,
        [b'.', fraction @ .., b'Z'] if (1..=9).contains(&fraction.len()) => {
            let missing = 9_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?;
            number(fraction)? * 10_u32.pow(missing)
        }
        _ => return None,
    };
    let year = i32::try_from(number(&[y1, y2, y3, y4])?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(&[month1, month2])?, number(&[d1, d2])?)?;
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    Some(
        date.and_hms_nano_opt(hour, minute, second, nanos)?
            .and_utc(),
    )
}

/// The number that at most nine digits stand for.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some(number * 10 + digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Ours(
        #[serde(with = "super")] DateTime<Utc>,
        #[serde(with = "super::option")] Option<DateTime<Utc>>,
    );

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Chronos(DateTime<Utc>, Option<DateTime<Utc>>);

    fn check(time: DateTime<Utc>) {
        for other in [None, Some(time)] {
            let (ours, chronos) = (Ours(time, other), Chronos(time, other));
            let bytes = postcard::to_allocvec(&chronos).unwrap();
            assert_eq!(postcard::to_allocvec(&ours).unwrap(), bytes);
            assert_eq!(postcard::from_bytes::<Ours>(&bytes).unwrap(), ours);
            let json = serde_json::to_string(&chronos).unwrap();
            assert_eq!(serde_json::to_string(&ours).unwrap(), json);
            assert_eq!(serde_json::from_str::<Ours>(&json).unwrap(), ours);
        }
    }

    proptest! {
        #[test]
        fn every_time_is_written_and_read_as_chrono_does(
            seconds in -99_999_999_999_i64..999_999_999_999,
            nanos in prop_oneof![Just(0), 0..1_999_999_999_u32, (0..999_u32).prop_map(|n| n * 1_000_000)],
        ) {
            if let Some(time) = DateTime::from_timestamp(seconds, nanos) {
                check(time);
            }
        }

        #[test]
        fn every_text_is_read_or_refused_as_chrono_does(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,11})?(Z|z|[+-]0[0-9]:00)"
        ) {
            let json = serde_json::to_string(&(&text, None::<&str>)).unwrap();
            let ours = serde_json::from_str::<Ours>(&json).map(|Ours(time, _)| time).ok();
            let chronos = serde_json::from_str::<Chronos>(&json).map(|Chronos(time, _)| time).ok();
            prop_assert_eq!(ours, chronos);
        }
    }

    #[test]
    fn the_ends_of_time_and_leap_seconds_are_left_to_chrono() {
        check(DateTime::<Utc>::MIN_UTC);
        check(DateTime::<Utc>::MAX_UTC);
        check(DateTime::UNIX_EPOCH);
        check("2016-12-31T23:59:60.5Z".parse().unwrap());
    }
}
