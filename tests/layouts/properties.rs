//! Any row of any layout means what its writer meant.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestError, TestRng, TestRunner};
use redb_cache::cache::Table;
use redb_cache::cache::record::{Episode, Record};
use redb_cache::file::FileFormat;
use redb_cache::layout::{Certainty, Decoded, Layout, Origin, Survey, decode_as};
use serde_json::json;

use crate::writers::any::Shape;
use crate::writers::{LAYOUTS, Writer, Written, encode, value_of, writer};

/// The oldest layout that is read. The writers go back to L1.
pub const OLDEST_READ: Layout = Layout::L1;

/// The layouts that are read.
pub fn layouts() -> impl Iterator<Item = Layout> {
    LAYOUTS.into_iter().filter(|layout| *layout >= OLDEST_READ)
}

/// Whether the rows hold values without their types, so that one row may have several readings.
fn is_untagged(layout: Layout) -> bool {
    layout < Layout::L6
}

/// Every table that the layout has.
pub fn writers(layout: Layout) -> impl Iterator<Item = (Table, Writer)> {
    let tables = Table::ALL.into_iter();
    tables.filter_map(move |table| Some((table, writer(layout, table)?)))
}

/// A file as the releases of the layout wrote it.
pub fn origin(layout: Layout) -> Origin {
    use Layout::*;
    Origin {
        format: match layout {
            L1 | L2 | L3 => FileFormat::V2,
            _ => FileFormat::V3,
        },
        schema: match layout {
            L1 | L2 | L3 | L4 => None,
            L5 => Some(2),
            L6 | L7 | L8 => Some(3),
            _ => Some(4),
        },
    }
}

type Property = fn(Shape, &Writer, Written) -> Result<(), TestCaseError>;

/// `cases` rows of every table of every layout that is read.
fn check(cases: u32, shape: Shape, property: Property) {
    for layout in layouts() {
        check_layout(layout, cases, shape, property);
    }
}

fn check_layout(layout: Layout, cases: u32, shape: Shape, property: Property) {
    for (table, writer) in writers(layout) {
        let mut runner = runner(cases);
        match runner.run(&writer.any(shape), |written| {
            property(shape, &writer, written)
        }) {
            Ok(()) => {}
            Err(TestError::Fail(why, written)) => panic!("{layout} {table}: {why}\n{written:#?}"),
            Err(error) => panic!("{layout} {table}: {error}"),
        }
    }
}

/// The same rows in each run, others in each long one: untyped bytes of random values may happen to
/// be more plausible as something else, which is to be looked at and not to be stumbled over.
fn runner(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("REDB_CACHE_LONG").is_some() {
        return TestRunner::new(config);
    }
    let algorithm = config.rng_algorithm;
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(algorithm))
}

#[test]
fn what_is_expected_of_a_row_tells_enough_to_write_it_again() {
    for layout in LAYOUTS {
        check_layout(layout, 24, Shape::Arbitrary, |_, writer, written| {
            let row = again(writer, &written.expected, &written.bytes);
            prop_assert_eq!(row, Some(written.bytes));
            Ok(())
        });
    }
}

#[test]
fn a_row_read_as_its_own_layout_is_what_was_written_or_has_the_same_bytes() {
    for shape in [Shape::Agent, Shape::Arbitrary] {
        check(48, shape, |shape, writer, written| {
            let record = decode_as(written.layout, written.table(), &written.bytes)?;
            is_expected_or_twin(shape, writer, &written, &record)
        });
    }
}

/// The expected record, or another one that has the very same bytes. Values such as no agent passes
/// may also be left unread, which the record then says.
fn is_expected_or_twin(
    shape: Shape,
    writer: &Writer,
    written: &Written,
    record: &Record,
) -> Result<(), TestCaseError> {
    is_expected(written, record).or_else(|error| {
        let twin = again(writer, record, &written.bytes).as_ref() == Some(&written.bytes);
        let unread = shape == Shape::Arbitrary && is_partial(record);
        if twin || unread { Ok(()) } else { Err(error) }
    })
}

#[test]
fn a_row_whose_layout_nobody_knows_is_what_was_written_or_has_the_same_bytes() {
    for shape in [Shape::Agent, Shape::Arbitrary] {
        check(48, shape, |shape, _, written| {
            let (table, bytes) = (written.table(), &written.bytes);
            let mut survey = Survey::new(origin(written.layout));
            survey.add(table, bytes);
            fits(shape, &written, &survey.decode(table, bytes)?)
        });
    }
}

#[test]
fn the_rows_of_a_file_are_what_was_written_whatever_they_tell_of_each_other() {
    let mut runner = TestRunner::deterministic();
    for layout in layouts() {
        for (table, writer) in writers(layout) {
            let rows = vec(writer.any(Shape::Agent), 60);
            let rows = rows.new_tree(&mut runner).unwrap().current();
            let mut survey = Survey::new(origin(layout));
            for row in &rows {
                survey.add(table, &row.bytes);
            }
            for row in &rows {
                let decoded = survey.decode(table, &row.bytes).unwrap();
                fits(Shape::Agent, row, &decoded).unwrap();
            }
        }
    }
}

/// The expected record is the reading, or one of the others that are told, or has the same bytes.
fn fits(shape: Shape, written: &Written, decoded: &Decoded) -> Result<(), TestCaseError> {
    if shape == Shape::Agent {
        are_exact(written, decoded)?;
    }
    let mut others = decoded.also.iter().map(|(_, record)| record);
    if others.any(|other| is_expected(written, other).is_ok()) {
        return Ok(());
    }
    let writer = writer(decoded.layout, written.table());
    match writer {
        Some(writer) => is_expected_or_twin(shape, &writer, written, &decoded.record),
        None => is_expected(written, &decoded.record),
    }
}

/// What is certain is right, of what agents pass: certainty is about what they do.
fn are_exact(written: &Written, decoded: &Decoded) -> Result<(), TestCaseError> {
    let Record::Episode(episode) = &decoded.record else {
        return Ok(());
    };
    if !is_untagged(decoded.layout) {
        prop_assert!(decoded.parameters.is_empty());
        return Ok(());
    }
    prop_assert_eq!(decoded.parameters.len(), episode.steps.len());
    let read = decoded.parameters.iter().zip(&episode.steps);
    for ((parameters, step), value) in read.zip(&written.untagged) {
        if parameters.certainty == Certainty::Exact {
            prop_assert_eq!(&step.parameters_json, &value.to_string());
        }
    }
    Ok(())
}

/// The record is the expected one, its untagged values apart, whose bytes must be.
fn is_expected(written: &Written, record: &Record) -> Result<(), TestCaseError> {
    let mut expected = written.expected_beside(record);
    if let (Record::Episode(expected), Record::Episode(actual)) = (&mut expected, record)
        && is_untagged(written.layout)
    {
        have_the_same_bytes(written, actual)?;
        for (expected, actual) in expected.steps.iter_mut().zip(&actual.steps) {
            expected.parameters_json.clone_from(&actual.parameters_json);
        }
    }
    // The bytes tell more than the values: zero from minus zero, and a NaN is itself.
    if expected.encode().unwrap() != record.encode().unwrap() {
        prop_assert_eq!(record, &expected);
        prop_assert!(false, "equal but for the bytes: {:#?}", record);
    }
    Ok(())
}

fn have_the_same_bytes(written: &Written, actual: &Episode) -> Result<(), TestCaseError> {
    prop_assert_eq!(actual.steps.len(), written.untagged.len());
    let codec = written.layout.codec();
    for (step, value) in actual.steps.iter().zip(&written.untagged) {
        let read = value_of(&step.parameters_json).map_err(|error| {
            TestCaseError::fail(format!("{error} in {:?}", step.parameters_json))
        })?;
        prop_assert_eq!(
            encode(codec, &read),
            encode(codec, value),
            "{} {}",
            read,
            value
        );
    }
    Ok(())
}

/// The row that the release would have written for the record. `None` when the record says what
/// no release of the layout could.
fn again(writer: &Writer, record: &Record, like: &[u8]) -> Option<Vec<u8>> {
    let mut json = serde_json::to_value(record).unwrap();
    match record {
        Record::Episode(_) if is_untagged(writer.layout) => {
            for step in json["steps"].as_array_mut()? {
                step["parameters"] = value_of(step["parameters_json"].as_str()?).ok()?;
                step.as_object_mut()?.remove("parameters_json");
            }
        }
        Record::Pattern(_) if writer.layout < Layout::L9 => {
            let (tag, fields) = json.as_object()?.iter().next()?;
            let mut fields = fields.clone();
            fields["type"] = json!(tag);
            json = fields;
        }
        _ => {}
    }
    writer.try_again(&json, like)
}

#[test]
fn a_row_that_is_cut_or_longer_is_refused() {
    check(8, Shape::Agent, |_, writer, written| {
        // Of a long row some of the places, and the last ones.
        let len = written.bytes.len();
        for end in (0..len).filter(|end| len < 600 || end % 7 == 0 || len - end < 40) {
            is_refused(writer, &written, &written.bytes[..end])?;
        }
        for byte in [0, 1, b'a', 0x10, 0xff] {
            let longer = [written.bytes.as_slice(), &[byte]].concat();
            is_refused(writer, &written, &longer)?;
        }
        Ok(())
    });
}

/// Refused; only a row with untagged values may happen to be another one of the layout, and then
/// is exactly that or says what it could not read.
fn is_refused(writer: &Writer, written: &Written, row: &[u8]) -> Result<(), TestCaseError> {
    let Ok(record) = decode_as(written.layout, written.table(), row) else {
        return Ok(());
    };
    let may_be = is_untagged(written.layout) && !written.untagged.is_empty();
    let is_another = || again(writer, &record, row).as_deref() == Some(row);
    prop_assert!(
        may_be && (is_partial(&record) || is_another()),
        "{} of {} bytes were read as {:#?}",
        row.len(),
        written.bytes.len(),
        record
    );
    Ok(())
}

/// Whether some parameters could not be read, and are kept as they were.
fn is_partial(record: &Record) -> bool {
    matches!(record, Record::Episode(episode)
        if episode.metadata.keys().any(|key| key.starts_with("redb_cache.unreadable_parameters.")))
}

#[test]
fn a_changed_row_is_refused_or_read_but_never_panics() {
    check(6, Shape::Arbitrary, |_, _, mut written| {
        let table = written.table();
        for at in 0..written.bytes.len().min(400) {
            let kept = written.bytes[at];
            written.bytes[at] = [0, 1, 0x7f, 0x80, 0xff, kept ^ 1][at % 6];
            let _ = decode_as(written.layout, table, &written.bytes);
            written.bytes[at] = kept;
        }
        Ok(())
    });
}

#[test]
fn every_layout_has_the_tables_of_its_releases() {
    assert_eq!(
        LAYOUTS.map(|layout| writers(layout).count()),
        [4, 4, 5, 6, 8, 10, 10, 10, 10]
    );
}
