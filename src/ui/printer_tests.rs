//! What goes where, with a report made up for the test.

use std::rc::Rc;

use serde::Serialize;

use super::*;
use crate::error::ErrorKind;

#[derive(Serialize)]
struct Made {
    rows: u64,
    #[serde(skip)]
    channel: Channel,
}

impl Report for Made {
    fn schema(&self) -> &'static str {
        "made"
    }

    fn view(&self) -> View {
        View::new()
            .pair("rows", super::super::Cell::count(self.rows))
            .next("redb-cache stats")
    }

    fn exit_code(&self) -> u8 {
        3
    }

    fn channel(&self) -> Channel {
        self.channel
    }
}

fn made(channel: Channel) -> Made {
    Made { rows: 2, channel }
}

#[derive(Clone, Default)]
struct Stream(Rc<RefCell<Vec<u8>>>);

impl Stream {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn ui(settings: Settings, terminal: Terminal) -> (Ui, Stream, Stream) {
    let (out, err) = (Stream::default(), Stream::default());
    let ui = Ui::new(
        settings,
        terminal,
        Box::new(out.clone()),
        Box::new(err.clone()),
    );
    (ui, out, err)
}

const JSON: Settings = Settings {
    format: Format::Json,
    color: Color::Auto,
    quiet: false,
    verbose: false,
};

const PERSON: Terminal = Terminal {
    stdin: true,
    stdout: true,
    stderr: true,
    width: Some(80),
    no_color: false,
};

#[test]
fn a_result_goes_to_stdout_and_its_verdict_to_the_caller() {
    let (ui, out, err) = ui(Settings::default(), Terminal::default());
    assert_eq!(ui.report(&made(Channel::Stdout)).unwrap(), 3);
    assert_eq!(out.text(), "  rows  2\n");
    assert_eq!(err.text(), "");
}

#[test]
fn a_summary_goes_to_stderr_unless_quiet() {
    let (loud, out, err) = ui(JSON, Terminal::default());
    loud.output().line(&1).unwrap();
    loud.report(&made(Channel::Stderr)).unwrap();
    assert_eq!(out.text(), "1\n");
    assert_eq!(
        err.text(),
        "{\"schema\":\"redb-cache/made/1\",\"rows\":2}\n"
    );

    let settings = Settings {
        quiet: true,
        ..JSON
    };
    let (quiet, _, err) = ui(settings, Terminal::default());
    assert_eq!(quiet.report(&made(Channel::Stderr)).unwrap(), 3);
    assert_eq!(err.text(), "");
}

#[test]
fn only_a_person_is_told_what_to_run_next_and_sees_json_over_lines() {
    let (table, out, _) = ui(Settings::default(), PERSON);
    table.report(&made(Channel::Stdout)).unwrap();
    assert!(out.text().contains("redb-cache stats"));

    let (json, out, _) = ui(JSON, PERSON);
    json.report(&made(Channel::Stdout)).unwrap();
    assert_eq!(out.text().lines().count(), 4);
}

#[test]
fn a_refresh_clears_the_screen_of_a_person_alone() {
    let (ui_, out, _) = ui(Settings::default(), PERSON);
    ui_.refresh(&made(Channel::Stdout)).unwrap();
    assert!(out.text().starts_with("\u{1b}[H"));

    let (ui_, out, _) = ui(Settings::default(), Terminal::default());
    ui_.refresh(&made(Channel::Stdout)).unwrap();
    ui_.refresh(&made(Channel::Stdout)).unwrap();
    assert_eq!(out.text(), "  rows  2\n  rows  2\n");
}

#[test]
fn an_error_goes_to_stderr_after_what_was_written() {
    let error = Error::new(ErrorKind::Damaged, "broken");
    let (table, out, err) = ui(Settings::default(), Terminal::default());
    table.output().write(b"half\n").unwrap();
    assert_eq!(table.fail(&error), 13);
    assert_eq!(out.text(), "half\n");
    assert_eq!(err.text(), "error: broken\n");

    let (json, _, err) = ui(JSON, PERSON);
    assert_eq!(json.fail(&error), 13);
    assert_eq!(err.text().lines().count(), 1);
    assert!(err.text().starts_with("{\"schema\":\"redb-cache/error/1\""));
}

#[test]
fn colours_follow_the_flag_then_no_color_then_the_terminal() {
    let colored = |color, terminal| {
        let settings = Settings {
            color,
            ..Settings::default()
        };
        let (ui, _, err) = ui(settings, terminal);
        ui.note(Severity::Warning, "w");
        err.text().contains('\u{1b}')
    };
    let no_color = Terminal {
        no_color: true,
        ..PERSON
    };
    assert!(colored(Color::Auto, PERSON));
    assert!(!colored(Color::Auto, no_color));
    assert!(!colored(Color::Auto, Terminal::default()));
    assert!(!colored(Color::Never, PERSON));
    assert!(colored(Color::Always, no_color));
}

#[test]
fn quiet_leaves_warnings_and_verbose_adds_details() {
    let said = |quiet, verbose| {
        let settings = Settings {
            quiet,
            verbose,
            ..Settings::default()
        };
        let (ui, _, err) = ui(settings, Terminal::default());
        ui.note(Severity::Advice, "a");
        ui.note(Severity::Warning, "w");
        ui.detail("d\u{1b}");
        err.text()
    };
    assert_eq!(said(false, false), "advice: a\nwarning: w\n");
    assert_eq!(said(true, false), "warning: w\n");
    assert_eq!(said(false, true), "advice: a\nwarning: w\nd\\u{1b}\n");
}

#[test]
fn a_script_is_never_asked() {
    let never = Cancel::never();
    for terminal in [
        Terminal::default(),
        Terminal {
            stdin: false,
            ..PERSON
        },
        Terminal {
            stderr: false,
            ..PERSON
        },
    ] {
        let (ui, _, _) = ui(Settings::default(), terminal);
        let error = ui.confirm("remove 3 rows?", false, &never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unconfirmed);
        assert_eq!(error.advice(), Some("repeat with --yes"));
        assert!(ui.confirm("remove 3 rows?", true, &never).is_ok());
    }
}
