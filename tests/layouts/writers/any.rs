//! Any value of a field, and a good share of those that have made decoders fail.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map as Object, Value, json};
use uuid::Uuid;

use super::parts::{Duration, Map};

/// What the untagged values are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As agents call their tools: objects with identifiers as keys.
    Agent,
    /// Anything that JSON can say.
    Arbitrary,
}

/// A type whose values can be made up.
pub trait Any: Clone + Debug + 'static {
    fn any(shape: Shape) -> BoxedStrategy<Self>;
}

impl Any for String {
    fn any(_: Shape) -> BoxedStrategy<Self> {
        let some = |chars: std::ops::RangeInclusive<char>| {
            vec(prop::char::ranges(vec![chars].into()), 1..6).prop_map(String::from_iter)
        };
        prop_oneof![
            3 => vec(prop::char::range('a', 'z'), 0..12).prop_map(String::from_iter),
            2 => Just(String::new()),
            1 => some('\0'..='\x1f'),
            1 => some('\u{1f300}'..='\u{1faff}'),
            1 => vec(any::<char>(), 0..9).prop_map(String::from_iter),
            1 => (any::<char>(), 100usize..400).prop_map(|(c, n)| String::from(c).repeat(n)),
            1 => DateTime::any(Shape::Agent).prop_map(|time: DateTime<Utc>| time.to_rfc3339()),
        ]
        .boxed()
    }
}

impl Any for u64 {
    fn any(_: Shape) -> BoxedStrategy<Self> {
        prop_oneof![
            4 => 0u64..20,
            2 => 0u64..100_000,
            2 => (0u32..64, -1i64..=1)
                .prop_map(|(bit, by)| (1u64 << bit).wrapping_add_signed(by)),
            1 => any::<u64>(),
            1 => Just(u64::MAX),
        ]
        .boxed()
    }
}

impl Any for u8 {
    fn any(_: Shape) -> BoxedStrategy<Self> {
        any::<u8>().boxed()
    }
}

impl Any for bool {
    fn any(_: Shape) -> BoxedStrategy<Self> {
        any::<bool>().boxed()
    }
}

/// Finite: the records go through JSON on their way to what is expected of them.
impl Any for f32 {
    fn any(_: Shape) -> BoxedStrategy<Self> {
        let extreme = vec![0.0, -0.0, f32::MIN, f32::MAX, f32::MIN_POSITIVE, 1e-45];
        prop_oneof![-2f32..2.0, prop::sample::select(extreme), -1e30f32..1e30].boxed()
    }
}

/// The years 1970 to 9999, with 0, 3, 6 or 9 digits of a second.
impl Any for DateTime<Utc> {
    fn any(_: Shape) -> BoxedStrategy<Self> {
        let seconds = prop_oneof![1_700_000_000i64..1_800_000_000, 0..=253_402_300_799i64];
        let unit = prop::sample::select(vec![1_000_000_000u32, 1_000_000, 1_000, 1]);
        (seconds, unit, 0u32..1_000_000_000)
            .prop_map(|(s, unit, n)| DateTime::from_timestamp(s, n - n % unit).unwrap())
            .boxed()
    }
}

impl Any for Duration {
    fn any(_: Shape) -> BoxedStrategy<Self> {
        let most = i64::MAX / 1000 - 1;
        (
            prop_oneof![-2i64..3, -most..most],
            prop_oneof![Just(0), 0i32..1_000_000_000],
        )
            .prop_map(|(seconds, nanos)| Self(seconds, nanos))
            .boxed()
    }
}

impl Any for Uuid {
    fn any(_: Shape) -> BoxedStrategy<Self> {
        prop_oneof![
            9 => any::<u128>().prop_map(Uuid::from_u128),
            1 => Just(Uuid::nil()),
        ]
        .boxed()
    }
}

impl Any for Map {
    fn any(_: Shape) -> BoxedStrategy<Self> {
        let text = || String::any(Shape::Agent);
        prop::collection::btree_map(text(), text(), 0..4)
            .prop_map(|pairs| Self(pairs.into_iter().collect()))
            .boxed()
    }
}

impl<T: Any> Any for Option<T> {
    fn any(shape: Shape) -> BoxedStrategy<Self> {
        option::of(T::any(shape)).boxed()
    }
}

impl<T: Any> Any for Vec<T> {
    fn any(shape: Shape) -> BoxedStrategy<Self> {
        vec(T::any(shape), 0..4).boxed()
    }
}

impl Any for Value {
    fn any(shape: Shape) -> BoxedStrategy<Self> {
        match shape {
            Shape::Agent => call().boxed(),
            Shape::Arbitrary => arbitrary().boxed(),
        }
    }
}

/// What an agent passes to a tool.
fn call() -> impl Strategy<Value = Value> {
    let names = [
        "path",
        "command",
        "args",
        "line",
        "limit",
        "dry_run",
        "pattern",
        "content",
        "timeout_ms",
        "ratio",
        "env",
        "recursive",
        "max_results",
        "old_text",
        "new_text",
        "depth",
    ];
    let value = prop_oneof![
        4 => phrase().prop_map(Value::from),
        2 => (0u64..5_000).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => (0i32..400).prop_map(|n| json!(f64::from(n) / 8.0)),
        2 => vec(phrase(), 0..4).prop_map(Value::from),
        1 => prop::collection::btree_map(phrase(), phrase(), 0..3).prop_map(|map| json!(map)),
    ];
    let name = prop::sample::select(names.to_vec()).prop_map(str::to_owned);
    prop::collection::btree_map(name, value, 0..6).prop_map(|map| json!(map))
}

fn phrase() -> impl Strategy<Value = String> {
    let words = [
        "src/main.rs",
        "cargo test --all",
        "fn main() {\n    run();\n}\n",
        "--release",
        "-v",
        "TODO",
        "привет",
        "tests",
        "https://docs.rs/serde",
        "ошибка: файл",
        "2",
        "",
        "2025-01-02T03:04:05Z start",
        "a = b;",
        "README.md",
        "grep -rn 'x' .",
        "🦀",
    ];
    vec(prop::sample::select(words.to_vec()), 1..4).prop_map(|words| words.join(" "))
}

fn arbitrary() -> impl Strategy<Value = Value> {
    let text = || String::any(Shape::Arbitrary);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        u64::any(Shape::Arbitrary).prop_map(Value::from),
        prop_oneof![-20i64..0, any::<i64>()].prop_map(Value::from),
        prop_oneof![prop::num::f64::NORMAL, -8f64..8.0].prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| Value::Object(Object::from_iter(map))),
        ]
    })
}

/// A strategy for each, one in the other.
macro_rules! nested {
    (@strategy $shape:ident;) => { Just(()) };
    (@strategy $shape:ident; $type:ty $(, $rest:ty)*) => {
        (<$type as Any>::any($shape), nested!(@strategy $shape; $($rest),*))
    };
    (@pattern) => { () };
    (@pattern $field:ident $(, $rest:ident)*) => { ($field, nested!(@pattern $($rest),*)) };
}
pub(super) use nested;

/// Structs whose fields are those of a release, in the order of their bytes.
macro_rules! structs {
    ($(
        $(#[$meta:meta])*
        struct $name:ident $(<$($generic:ident),+>)? {
            $($(#[$attr:meta])* $field:ident: $type:ty),* $(,)?
        }
    )+) => {$(
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        pub struct $name $(<$($generic),+>)? {
            $($(#[$attr])* pub $field: $type),*
        }

        impl $(<$($generic: Any),+>)? Any for $name $(<$($generic),+>)? {
            fn any(shape: Shape) -> BoxedStrategy<Self> {
                nested!(@strategy shape; $($type),*)
                    .prop_map(|nested!(@pattern $($field),*)| Self { $($field),* })
                    .boxed()
            }
        }
    )+};
}
pub(super) use structs;

/// Enums of variants with fields.
macro_rules! enums {
    ($(
        $(#[$meta:meta])*
        enum $name:ident {
            $($variant:ident { $($field:ident: $type:ty),* $(,)? }),+ $(,)?
        }
    )+) => {$(
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        pub enum $name {
            $($variant { $($field: $type),* }),+
        }

        impl Any for $name {
            fn any(shape: Shape) -> BoxedStrategy<Self> {
                proptest::strategy::Union::new([$(
                    nested!(@strategy shape; $($type),*)
                        .prop_map(|nested!(@pattern $($field),*)| Self::$variant { $($field),* })
                        .boxed()
                ),+])
                .boxed()
            }
        }
    )+};
}
pub(super) use enums;

/// Enums of variants without fields.
macro_rules! choices {
    ($($(#[$meta:meta])* enum $name:ident { $($variant:ident),+ $(,)? })+) => {$(
        #[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        pub enum $name {
            $($variant),+
        }

        impl Any for $name {
            fn any(_: Shape) -> BoxedStrategy<Self> {
                prop::sample::select(vec![$(Self::$variant),+]).boxed()
            }
        }
    )+};
}
pub(super) use choices;
