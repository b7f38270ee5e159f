//! Rust's `{:?}` text of a pattern: since do-memory 0.1.10 the only complete copy that the durable
//! store has of one.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::cache::record::{
    ComplexityLevel, OutcomeStats, Pattern, PatternEffectiveness, TaskContext,
};

/// Reads the whole of a text.
///
/// # Errors
/// Where the text stops being that of a pattern.
pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    let mut reader = Reader { text, rest: text };
    let pattern = Pattern::read(&mut reader)?;
    reader.end()?;
    Ok(pattern)
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
}

/// A type whose `{:?}` text can be read. None of them holds itself, so nothing nests without end.
trait FromDebug: Sized {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String>;
}

impl<'t> Reader<'t> {
    fn wrong(&self, expected: &str) -> String {
        let at = self.text.len() - self.rest.len();
        format!("at byte {at}: expected {expected}")
    }

    fn skip(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.skip(token) {
            Ok(())
        } else {
            Err(self.wrong(token))
        }
    }

    fn end(&self) -> Result<(), String> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.wrong("the end"))
        }
    }

    /// What stands until the next delimiter: a name, a number, an id or a time.
    fn word(&mut self) -> &'t str {
        let end = self
            .rest
            .find([' ', ',', '}', ']', ')', '(', '{', '[', '"']);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn parsed<T: FromStr>(&mut self, expected: &str) -> Result<T, String> {
        let wrong = self.wrong(expected);
        self.word().parse().map_err(|_| wrong)
    }

    /// The value of the field of that name, with the `, ` or ` }` after it.
    fn field<T: FromDebug>(&mut self, name: &str, last: bool) -> Result<T, String> {
        self.expect(name)?;
        self.expect(": ")?;
        let value = T::read(self)?;
        self.expect(if last { " }" } else { ", " })?;
        Ok(value)
    }

    fn character(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = self.rest.get(character.len_utf8()..)?;
        Some(character)
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.character()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            plain @ ('"' | '\'' | '\\') => plain,
            'u' => {
                let (digits, rest) = self.rest.strip_prefix('{')?.split_once('}')?;
                self.rest = rest;
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
            }
            _ => return None,
        })
    }
}

impl FromDebug for String {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        reader.expect("\"")?;
        let mut text = Self::new();
        loop {
            let wrong = reader.wrong("the rest of a string");
            match reader.character() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(reader.escaped().ok_or(wrong)?),
                Some(character) => text.push(character),
                None => return Err(wrong),
            }
        }
    }
}

impl<T: FromDebug> FromDebug for Option<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        if reader.skip("None") {
            return Ok(None);
        }
        reader.expect("Some(")?;
        let value = T::read(reader)?;
        reader.expect(")")?;
        Ok(Some(value))
    }
}

impl<T: FromDebug> FromDebug for Vec<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        reader.expect("[")?;
        let mut list = Self::new();
        while !reader.skip("]") {
            if !list.is_empty() {
                reader.expect(", ")?;
            }
            list.push(T::read(reader)?);
        }
        Ok(list)
    }
}

/// Types that are one word.
macro_rules! words {
    ($($type:ty => $expected:literal),+ $(,)?) => {
        $(impl FromDebug for $type {
            fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
                reader.parsed($expected)
            }
        })+
    };
}

words! {
    u64 => "a count",
    i64 => "a number",
    u32 => "a number",
    f32 => "a float",
    Uuid => "an id",
    DateTime<Utc> => "a time",
}

impl FromDebug for ComplexityLevel {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        let wrong = reader.wrong("a complexity");
        match reader.word() {
            "Simple" => Ok(Self::Simple),
            "Moderate" => Ok(Self::Moderate),
            "Complex" => Ok(Self::Complex),
            _ => Err(wrong),
        }
    }
}

impl FromDebug for TimeDelta {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        let wrong = reader.wrong("a duration");
        reader.expect("TimeDelta { ")?;
        let seconds = reader.field("secs", false)?;
        let nanos = reader.field("nanos", true)?;
        Self::new(seconds, nanos).ok_or(wrong)
    }
}

/// The fields of a struct or of a variant, in their order, the last one after a semicolon.
macro_rules! fields {
    ($reader:ident, $($of:ident)::+ { $($field:ident),+; $last:ident }) => {
        $($of)::+ {
            $($field: $reader.field(stringify!($field), false)?,)+
            $last: $reader.field(stringify!($last), true)?,
        }
    };
}

impl FromDebug for TaskContext {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        reader.expect("TaskContext { ")?;
        Ok(fields!(reader, Self { language, framework, complexity, domain; tags }))
    }
}

impl FromDebug for OutcomeStats {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        reader.expect("OutcomeStats { ")?;
        Ok(fields!(reader, Self { success_count, failure_count, total_count; avg_duration_secs }))
    }
}

impl FromDebug for PatternEffectiveness {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        reader.expect("PatternEffectiveness { ")?;
        Ok(fields!(reader, Self {
            times_retrieved, times_applied, success_when_applied, failure_when_applied,
            avg_reward_delta, last_used; created_at
        }))
    }
}

impl FromDebug for Pattern {
    fn read(reader: &mut Reader<'_>) -> Result<Self, String> {
        let wrong = reader.wrong("a pattern");
        let name = reader.word();
        reader.expect(" { ")?;
        Ok(match name {
            "ToolSequence" => fields!(reader, Self::ToolSequence {
                id, tools, context, success_rate, avg_latency, occurrence_count; effectiveness
            }),
            "DecisionPoint" => fields!(reader, Self::DecisionPoint {
                id, condition, action, outcome_stats, context; effectiveness
            }),
            "ErrorRecovery" => fields!(reader, Self::ErrorRecovery {
                id, error_type, recovery_steps, success_rate, context; effectiveness
            }),
            "ContextPattern" => fields!(reader, Self::ContextPattern {
                id, context_features, recommended_approach, evidence, success_rate; effectiveness
            }),
            _ => return Err(wrong),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn context() -> impl Strategy<Value = TaskContext> {
        let complexity = prop_oneof![
            Just(ComplexityLevel::Simple),
            Just(ComplexityLevel::Moderate),
            Just(ComplexityLevel::Complex)
        ];
        let tags = prop::collection::vec(any::<String>(), 0..4);
        (
            any::<Option<String>>(),
            any::<Option<String>>(),
            complexity,
            any::<String>(),
            tags,
        )
            .prop_map(
                |(language, framework, complexity, domain, tags)| TaskContext {
                    language,
                    framework,
                    complexity,
                    domain,
                    tags,
                },
            )
    }

    fn effectiveness() -> impl Strategy<Value = PatternEffectiveness> {
        let time = (-62_000_000_000i64..400_000_000_000, 0u32..1_000_000_000)
            .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap());
        (any::<u64>(), any::<f32>(), time.clone(), time).prop_map(
            |(count, delta, last_used, created_at)| PatternEffectiveness {
                times_retrieved: count,
                times_applied: 0,
                success_when_applied: 1,
                failure_when_applied: count / 2,
                avg_reward_delta: delta,
                last_used,
                created_at,
            },
        )
    }

    fn any_pattern() -> impl Strategy<Value = Pattern> {
        let id = any::<u128>().prop_map(Uuid::from_u128);
        let texts = prop::collection::vec(any::<String>(), 0..4);
        let latency = (-9_000_000_000i64..9_000_000_000, 0u32..1_000_000_000)
            .prop_map(|(seconds, nanos)| TimeDelta::new(seconds, nanos).unwrap());
        let all = (
            id,
            texts,
            context(),
            any::<f32>(),
            latency,
            any::<u64>(),
            effectiveness(),
            0..4,
        );
        all.prop_map(
            |(id, texts, context, rate, latency, count, effectiveness, kind)| {
                let text = texts.first().cloned().unwrap_or_default();
                match kind {
                    0 => Pattern::ToolSequence {
                        id,
                        tools: texts,
                        context,
                        success_rate: rate,
                        avg_latency: latency,
                        occurrence_count: count,
                        effectiveness,
                    },
                    1 => Pattern::DecisionPoint {
                        id,
                        condition: text.clone(),
                        action: text,
                        outcome_stats: OutcomeStats {
                            success_count: count,
                            avg_duration_secs: rate,
                            ..OutcomeStats::default()
                        },
                        context,
                        effectiveness,
                    },
                    2 => Pattern::ErrorRecovery {
                        id,
                        error_type: text,
                        recovery_steps: texts,
                        success_rate: rate,
                        context,
                        effectiveness,
                    },
                    _ => Pattern::ContextPattern {
                        id,
                        context_features: texts,
                        recommended_approach: text,
                        evidence: vec![id; 2],
                        success_rate: rate,
                        effectiveness,
                    },
                }
            },
        )
    }

    proptest! {
        #[test]
        fn every_pattern_is_read_back_from_its_text(written in any_pattern()) {
            let text = format!("{written:?}");
            let read = pattern(&text).map_err(TestCaseError::fail)?;
            // Of texts, because no NaN equals itself.
            prop_assert_eq!(format!("{read:?}"), text);
        }

        #[test]
        fn a_text_that_was_cut_or_changed_is_refused_or_read_as_it_is_now(
            written in any_pattern(),
            at in any::<prop::sample::Index>(),
            with in any::<char>(),
        ) {
            let text = format!("{written:?}");
            let at = text.char_indices().map(|(at, _)| at).nth(at.index(text.chars().count()));
            let (head, tail) = text.split_at(at.unwrap_or(0));
            prop_assert!(pattern(head).is_err());
            let changed: String = head.chars().chain([with]).chain(tail.chars().skip(1)).collect();
            if let Ok(read) = pattern(&changed) {
                let text = format!("{read:?}");
                prop_assert!(pattern(&text).is_ok());
            }
        }
    }
}
