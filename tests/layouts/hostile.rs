//! Rows that somebody made to harm a reader: refused or read, within bounds.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use redb_cache::cache::Table;
use redb_cache::cache::record::{Episode, Record};
use redb_cache::layout::{Codec, Layout, Survey, decode_as};
use serde_json::{Value, json};

use crate::fuzz::is_long;
use crate::meter::Meter;
use crate::properties::{OLDEST_READ, origin, writers};
use crate::writers::any::Shape;
use crate::writers::{LAYOUTS, encode, encode_step, value_of, writer};

/// As long as a row gets.
const LONG: usize = 100_000;

/// The layouts whose parameters carry no types.
fn untagged() -> impl Iterator<Item = Layout> {
    LAYOUTS.into_iter().filter(|layout| *layout < Layout::L6)
}

/// Those, or in a short run one of each codec.
fn some_untagged() -> impl Iterator<Item = Layout> {
    untagged().filter(|layout| is_long() || matches!(layout, Layout::L1 | Layout::L5))
}

/// Reads the row in every way there is; what it is when read as `layout`.
fn read(meter: &mut Meter, layout: Layout, table: Table, row: &[u8]) -> Option<Record> {
    let mut record = None;
    meter.run(Some(layout), table, row, || {
        record = decode_as(layout, table, row).ok();
        record.is_some()
    });
    let mut survey = Survey::new(origin(layout));
    meter.run(None, table, row, || {
        survey.add(table, row);
        survey.decode(table, row).is_ok()
    });
    record
}

fn step(parameters: &Value) -> Value {
    json!({
        "step_number": 1, "timestamp": "2025-01-02T03:04:05.678Z", "tool": "bash",
        "action": "run", "parameters": parameters, "result": {"Success": {"output": "ok"}},
        "latency_ms": 12, "tokens_used": 5, "metadata": {"k": "v"},
    })
}

/// The row of an episode of one step with such parameters, in that layout.
fn episode(layout: Layout, parameters: &Value) -> Vec<u8> {
    let json = json!({
        "episode_id": "00112233-4455-6677-8899-aabbccddeeff", "task_type": "Testing",
        "task_description": "task", "start_time": "2025-01-02T03:04:05Z", "end_time": null,
        "context": {
            "language": "rust", "framework": null, "complexity": "Simple", "domain": "general",
            "tags": [],
        },
        "steps": [step(parameters)], "outcome": null, "reward": null, "reflection": null,
        "patterns": [], "heuristics": [], "applied_patterns": [], "salient_features": null,
        "metadata": {}, "tags": [], "checkpoints": [],
    });
    let writer = writer(layout, Table::Episodes).unwrap();
    writer.again(&json, &[])
}

/// [`episode`] with these bytes where the parameters stand.
fn episode_with(layout: Layout, parameters: &[u8]) -> Vec<u8> {
    const MARK: &str = "parameters stand here";
    let row = episode(layout, &json!(MARK));
    replaced(&row, &encode(layout.codec(), &MARK), parameters)
}

fn replaced(row: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut found = row.windows(old.len()).enumerate();
    let (at, _) = found.find(|(_, window)| *window == old).unwrap();
    [&row[..at], new, &row[at + old.len()..]].concat()
}

/// One step, whatever its parameters are taken for. An episode is not dropped because of them,
/// though where such parameters end may not be certain.
fn is_kept(layout: Layout, record: Option<Record>) -> Option<Episode> {
    if layout < OLDEST_READ {
        return None;
    }
    let Some(Record::Episode(episode)) = record else {
        panic!("{layout} drops the episode");
    };
    let [step] = episode.steps.as_slice() else {
        panic!("{layout}: {} steps", episode.steps.len());
    };
    assert_eq!((step.tool.as_str(), step.action.as_str()), ("bash", "run"));
    Some(*episode)
}

#[test]
fn a_length_beyond_all_bounds_in_any_place_is_an_error_or_another_reading() {
    let mut meter = Meter::default();
    let mut runner = TestRunner::deterministic();
    for layout in LAYOUTS {
        for (table, writer) in writers(layout) {
            let rows = (0..20).map(|_| {
                let row = writer.any(Shape::Agent).new_tree(&mut runner).unwrap();
                row.current().bytes
            });
            let rows = rows.filter(|row| row.len() < 1200);
            let row = rows.max_by_key(Vec::len).unwrap();
            for at in 0..row.len() {
                let row = with_length(&row, layout.codec(), at, u64::MAX);
                meter.run(Some(layout), table, &row, || {
                    decode_as(layout, table, &row).is_ok()
                });
            }
        }
    }
    println!("{meter}");
}

fn with_length(row: &[u8], codec: Codec, at: usize, length: u64) -> Vec<u8> {
    let replaced = match codec {
        Codec::Bincode => 8,
        Codec::Postcard => 1,
    };
    let rest = row.get(at + replaced..).unwrap_or_default();
    [&row[..at], &encode(codec, &length), rest].concat()
}

#[test]
fn a_length_beyond_all_bounds_in_the_parameters_does_not_lose_the_episode() {
    let mut meter = Meter::default();
    for layout in untagged() {
        let codec = layout.codec();
        for length in [u64::MAX, 1 << 63, 1 << 40, 1 << 32] {
            let length = encode(codec, &length);
            let one = encode(codec, &1u64);
            for parameters in [
                length.clone(),
                [one.as_slice(), &length].concat(),
                [one.as_slice(), &one, b"k", &length].concat(),
                [length.as_slice(), b"text"].concat(),
            ] {
                let row = episode_with(layout, &parameters);
                is_kept(layout, read(&mut meter, layout, Table::Episodes, &row));
            }
        }
    }
    println!("{meter}");
}

#[test]
fn nesting_without_end_overflows_nothing() {
    const DEPTH: usize = 10_000;
    let mut meter = Meter::default();
    for layout in untagged() {
        let (one, none) = (encode(layout.codec(), &1u64), encode(layout.codec(), &0u64));
        let key = encode(layout.codec(), &"a");
        let lists = one.repeat(DEPTH);
        let objects = [one.as_slice(), &key].concat().repeat(DEPTH);
        for nested in [&lists, &objects] {
            for end in [none.as_slice(), &key, b""] {
                let row = episode_with(layout, &[nested, end].concat());
                is_kept(layout, read(&mut meter, layout, Table::Episodes, &row));
                // Without an end at all.
                let cut = &row[..row.len() - 30];
                read(&mut meter, layout, Table::Episodes, cut);
            }
        }
    }
    println!("{meter}");
}

#[test]
fn text_that_is_no_utf_8_is_refused_and_in_parameters_it_is_kept() {
    let mut meter = Meter::default();
    for layout in LAYOUTS {
        let row = episode(layout, &json!("parameters"));
        for text in ["task", "bash", "rust", "general"] {
            let mut broken = text.as_bytes().to_vec();
            broken[2] = 0xff;
            let row = replaced(&row, text.as_bytes(), &broken);
            let record = read(&mut meter, layout, Table::Episodes, &row);
            assert!(record.is_none(), "{layout} {text}");
        }
    }
    for layout in untagged() {
        for broken in [&b"par\xffmeters"[..], b"\xed\xa0\x80", b"\xc0\x80", b"\xf5"] {
            let length = encode(layout.codec(), &broken.len());
            let row = episode_with(layout, &[&length, broken].concat());
            is_kept(layout, read(&mut meter, layout, Table::Episodes, &row));
        }
    }
    println!("{meter}");
}

#[test]
fn the_name_of_no_pattern_is_refused() {
    let mut runner = TestRunner::deterministic();
    for layout in LAYOUTS.into_iter().filter(|it| *it < Layout::L9) {
        let any = writer(layout, Table::Patterns).unwrap().any(Shape::Agent);
        let row = any.new_tree(&mut runner).unwrap().current().bytes;
        let names = [
            "tool_sequence",
            "decision_point",
            "error_recovery",
            "context_pattern",
        ];
        let name = |name: &str| encode(layout.codec(), &name);
        let fields = names
            .iter()
            .find_map(|it| row.strip_prefix(name(it).as_slice()));
        for wrong in ["", "\0", "tool_sequences", "Tool_sequence", "ToolSequence"] {
            let row = [&name(wrong), fields.unwrap()].concat();
            let table = Table::Patterns;
            assert!(decode_as(layout, table, &row).is_err(), "{layout} {wrong}");
            // In postcard the shortest names are numbers of L9.
            if wrong.len() > 1 {
                let survey = Survey::new(origin(layout));
                assert!(survey.decode(table, &row).is_err(), "{layout} {wrong}");
            }
        }
    }
}

#[test]
fn a_number_of_no_pattern_is_refused() {
    for number in [4, 5, 0x7f, 0xff] {
        let row = [&[number][..], &[0x10; 200]].concat();
        assert!(decode_as(Layout::L9, Table::Patterns, &row).is_err());
    }
}

/// Bytes that an untyped reader could take for anything.
fn tedious() -> Vec<Vec<u8>> {
    let text = "\nthe quick brown fox\n";
    let units: [&[u8]; 12] = [
        &[0],
        &[1],
        b"a",
        &[2],
        &[0x7f],
        &[0xff],
        &[1, 2, 3, 4],
        &[0, 1],
        &[1, 1, b'a'],
        &[2, 0, 0, 0, 0, 0, 0, 0],
        &[1, 0, 0, 0, 0, 0, 0, 0, b'a'],
        text.as_bytes(),
    ];
    units.map(|unit| unit.repeat(LONG / unit.len())).into()
}

#[test]
fn tedious_rows_are_dealt_with_in_the_time_that_their_length_allows() {
    let mut meter = Meter::default();
    for layout in some_untagged().chain([Layout::L9]) {
        for row in tedious() {
            for table in [Table::Episodes, Table::Patterns] {
                read(&mut meter, layout, table, &row);
            }
        }
    }
    println!("{meter}");
}

#[test]
fn tedious_parameters_are_dealt_with_in_the_time_that_their_length_allows() {
    let mut meter = Meter::default();
    for layout in some_untagged() {
        for parameters in tedious() {
            let row = episode_with(layout, &parameters);
            is_kept(layout, read(&mut meter, layout, Table::Episodes, &row));
        }
    }
    println!("{meter}");
}

#[test]
fn parameters_that_look_like_steps_are_no_steps() {
    let mut meter = Meter::default();
    for layout in some_untagged() {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let time = text(encode(layout.codec(), &"2025-01-02T03:04:05Z"));
        let step = text(encode_step(layout.codec(), step(&json!({"path": "b.rs"}))));
        for text in [time, step] {
            let many = LONG / text.len();
            for parameters in [
                json!(text.repeat(many)),
                json!({"content": text.repeat(many), "path": "a.rs"}),
                json!(vec![text.as_str(); many]),
                json!({"args": vec![text.as_str(); 20], "content": text}),
                json!(text),
            ] {
                let row = episode(layout, &parameters);
                let record = read(&mut meter, layout, Table::Episodes, &row);
                if let Some(episode) = is_kept(layout, record) {
                    let step = &episode.steps[0];
                    assert_eq!((step.latency_ms, step.tokens_used), (12, Some(5)));
                    let read = value_of(&step.parameters_json).unwrap();
                    let codec = layout.codec();
                    assert!(
                        encode(codec, &read) == encode(codec, &parameters),
                        "{layout}"
                    );
                }
            }
        }
    }
    println!("{meter}");
}
