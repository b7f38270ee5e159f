//! Views made up for the test, drawn and compared.

use std::time::Duration;

use super::*;

const PLAIN: Look = Look {
    width: None,
    color: false,
    person: false,
    quiet: false,
    now: DateTime::UNIX_EPOCH,
};

fn at_width(width: u16) -> Look {
    Look {
        width: Some(width),
        ..PLAIN
    }
}

fn keys() -> View {
    let key = "3f1c2b7e-8a55-4b1c-9d0e-5f6a7b8c9d0e";
    View::new().table(
        [
            Column::left("key"),
            Column::right("size"),
            Column::right("age"),
            Column::right("expires in"),
        ],
        [
            vec![
                Cell::key(key),
                Cell::bytes(1_740),
                Cell::age(Duration::from_secs(7_260)),
                Cell::age(None),
            ],
            vec![
                Cell::key("k"),
                Cell::bytes(u64::MAX),
                Cell::age(Duration::from_secs(1)),
                Cell::age(Duration::from_secs(60)),
            ],
        ],
    )
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap()
}

#[test]
fn a_table_lines_up_and_leaves_no_space_at_the_end_of_lines() {
    assert_eq!(
        render(&keys(), &PLAIN),
        "\
key                                       size    age  expires in
3f1c2b7e-8a55-4b1c-9d0e-5f6a7b8c9d0e   1.7 KiB  2h 1m           -
k                                     16.0 EiB     1s          1m
"
    );
}

#[test]
fn on_a_narrow_terminal_only_keys_are_broken() {
    assert_eq!(
        render(&keys(), &at_width(50)),
        "\
key                        size    age  expires in
3f1c2b7e-8a55-4b1c-9d   1.7 KiB  2h 1m           -
0e-5f6a7b8c9d0e
k                      16.0 EiB     1s          1m
"
    );
}

#[test]
fn where_a_table_has_no_room_each_row_is_a_list() {
    assert_eq!(
        render(&keys(), &at_width(40)),
        "  key         3f1c2b7e-8a55-4b1c-9d0e-5f\n\
        \u{20}             6a7b8c9d0e\n\
        \u{20} size        1.7 KiB\n\
        \u{20} age         2h 1m\n\
        \u{20} expires in  -\n\
        \n\
        \u{20} key         k\n\
        \u{20} size        16.0 EiB\n\
        \u{20} age         1s\n\
        \u{20} expires in  1m\n"
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in 20..=120 {
        let text = render(&keys(), &at_width(width));
        assert!(widest(&text) <= usize::from(width), "{width}:\n{text}");
    }
}

#[test]
fn pairs_stand_under_their_heading_and_blocks_apart() {
    let view = View::new()
        .heading("storage")
        .pair("file", Cell::bytes(1_536))
        .pair("reclaimable", Cell::Unknown)
        .heading("activity")
        .pair("hits", Cell::count(1_234_567));
    assert_eq!(
        render(&view, &PLAIN),
        "storage\n  file         1.5 KiB\n  reclaimable  -\n\nactivity\n  hits  1,234,567\n"
    );
}

#[test]
fn a_hostile_key_takes_one_line_and_no_control_of_the_terminal() {
    let hostile = "a\u{1b}[2J\nforged  9.9 GiB\u{202e}txt";
    let view = View::new()
        .heading(hostile)
        .pair(hostile, hostile)
        .table(
            [Column::left(hostile)],
            [vec![Cell::key(hostile)], vec![Cell::text(hostile)]],
        )
        .note(Severity::Warning, hostile)
        .next(hostile);
    let look = Look {
        person: true,
        ..PLAIN
    };
    let text = render(&view, &look);
    assert_eq!(text.lines().filter(|line| !line.is_empty()).count(), 7);
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
}

#[test]
fn text_keeps_its_lines_but_no_escape_sequence() {
    let view = View::new().text("{\n  \"a\": \"\u{1b}[31m\"\n}\n");
    assert_eq!(render(&view, &PLAIN), "{\n  \"a\": \"\\u{1b}[31m\"\n}\n");
}

#[test]
fn a_row_that_is_too_short_is_filled_and_one_too_long_is_cut() {
    let view = View::new().table(
        [Column::left("a"), Column::left("b")],
        [
            vec![Cell::text("1")],
            vec![Cell::text("1"), Cell::text("2"), Cell::text("3")],
        ],
    );
    assert_eq!(render(&view, &PLAIN), "a  b\n1  -\n1  2\n");
}

#[test]
fn an_empty_table_still_has_its_titles() {
    let view = View::new().table([Column::left("key"), Column::right("size")], []);
    assert_eq!(render(&view, &PLAIN), "key  size\n");
    assert_eq!(render(&View::new(), &PLAIN), "");
}

#[test]
fn remarks_that_matter_survive_quiet_and_suggestions_are_for_persons() {
    let view = View::new()
        .note(Severity::Info, "seen")
        .note(Severity::Advice, "compact")
        .note(Severity::Warning, "nearly full")
        .note(Severity::Problem, "full")
        .next("redb-cache compact");
    let look = |quiet, person| Look {
        quiet,
        person,
        ..PLAIN
    };
    assert_eq!(
        render(&view, &look(false, true)),
        "note: seen\nadvice: compact\nwarning: nearly full\nproblem: full\n\nnext: redb-cache compact\n"
    );
    assert!(!render(&view, &look(false, false)).contains("next"));
    assert_eq!(
        render(&view, &look(true, true)),
        "warning: nearly full\nproblem: full\n"
    );
}

#[test]
fn colours_change_no_letter() {
    let view = keys()
        .heading("h")
        .note(Severity::Problem, "p")
        .pair("a", Cell::Unknown);
    let look = Look {
        color: true,
        ..at_width(60)
    };
    let colored = render(&view, &look);
    assert!(colored.contains("\u{1b}[1mkey\u{1b}[0m"), "{colored:?}");
    assert!(colored.contains("\u{1b}[1;31mproblem\u{1b}[0m"));
    let mut bare = String::new();
    for (index, part) in colored.split('\u{1b}').enumerate() {
        bare.push_str(if index == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        });
    }
    assert_eq!(bare, render(&view, &at_width(60)));
}

#[test]
fn wide_letters_are_counted_by_the_columns_they_take() {
    let view = View::new().table(
        [Column::left("key"), Column::right("n")],
        [
            vec![Cell::key("鍵鍵"), Cell::count(1)],
            vec![Cell::key("abcd"), Cell::count(2)],
        ],
    );
    assert_eq!(render(&view, &PLAIN), "key   n\n鍵鍵  1\nabcd  2\n");
}
