//! The program from outside: exit codes, streams, pipes.
#![cfg(test)]

use std::fs::File;
use std::io::Read;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_redb-cache");
const NOWHERE: [&str; 3] = ["stats", "--cache", "/nowhere/cache.redb"];

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args);
    for variable in [
        "REDB_CACHE_PATH",
        "REDB_TTL_SECONDS",
        "REDB_MAX_CACHE_SIZE",
        "NO_COLOR",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(variable);
    }
    command
}

fn run(args: &[&str]) -> Output {
    program(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn help_and_version_go_to_stdout() {
    for args in [
        &["--help"][..],
        &["-h"],
        &["--version"],
        &["stats", "--help"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(text(&output.stdout).contains("redb-cache"), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_wrong_call_is_exit_2_and_explained_on_stderr() {
    for args in [
        &[][..],
        &["mend"],
        &["stats", "--frequently"],
        &["--lock-timeout", "soon", "stats"],
        &["clear"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_wrong_call_is_told_in_the_form_asked_for() {
    for args in [
        &["--format", "json"][..],
        &["--format=json", "mend"],
        &["stats", "--frequently", "--format", "json"],
        &["clear", "--format=json"],
        &["inspect", "--format", "json", "t", "k", "--raw", "--hex"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        let document: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(document["schema"], "redb-cache/error/1", "{args:?}");
        let error = &document["error"];
        assert_eq!(error["kind"], "usage", "{args:?}");
        assert_eq!(error["exit_code"], 2, "{args:?}");
        for told in ["message", "help"] {
            let told = error[told].as_str().unwrap();
            assert!(!told.is_empty() && !told.contains('\n'), "{told}");
        }
        let message = error["message"].as_str().unwrap();
        assert!(!message.starts_with("error:"), "{message}");
    }
    let not_asked = run(&["stats", "--frequently", "--", "--format=json"]);
    assert!(text(&not_asked.stderr).starts_with("error: "));
    let help = run(&["--help", "--format", "json"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("redb-cache"));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let folder = tempfile::tempdir().unwrap();
    let code = |name, value| {
        let mut command = program(&["sweep", "--dry-run"]);
        let output = command
            .env(name, value)
            .current_dir(&folder)
            .output()
            .unwrap();
        output.status.code()
    };
    for name in ["REDB_CACHE_PATH", "REDB_TTL_SECONDS", "REDB_MAX_CACHE_SIZE"] {
        assert_ne!(code(name, ""), Some(2), "{name}");
    }
    assert_eq!(code("REDB_TTL_SECONDS", "soon"), Some(2));
}

#[test]
fn help_is_the_same_whatever_the_environment_holds() {
    let told = program(&["sweep", "--help"])
        .env("REDB_TTL_SECONDS", "4711")
        .env("REDB_CACHE_PATH", "/some/where")
        .output()
        .unwrap();
    assert_eq!(told.stdout, run(&["sweep", "--help"]).stdout);
}

#[test]
fn a_reader_that_leaves_ends_the_program_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = program(&["--help"]).stdout(writer).output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_result_that_cannot_be_written_is_exit_1() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        println!("not checked: there is no /dev/full");
        return;
    };
    let output = program(&["--help"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_error_is_told_on_stderr_in_the_form_asked_for() {
    let table = run(&NOWHERE);
    assert!(table.stdout.is_empty());
    assert!(text(&table.stderr).starts_with("error: "));

    let json = program(&NOWHERE).arg("--format=json").output().unwrap();
    assert!(json.stdout.is_empty());
    let document: serde_json::Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!(document["schema"], "redb-cache/error/1");
    assert_eq!(
        document["error"]["exit_code"].as_i64(),
        json.status.code().map(i64::from)
    );
}

#[test]
fn an_error_that_nobody_reads_keeps_its_exit_code() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let unread = program(&NOWHERE).stderr(writer).output().unwrap();
    assert_eq!(unread.status.code(), run(&NOWHERE).status.code());
}

/// Runs the program on a terminal made by script(1), if that is there.
fn on_a_terminal(args: &[&str], no_color: &str) -> Option<String> {
    let mut child = Command::new("script")
        .args(["-qec", &format!("'{PROGRAM}' {}", args.join(" "))])
        .arg("/dev/null")
        .env("TERM", "xterm-256color")
        .env("NO_COLOR", no_color)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut shown = Vec::new();
    child.stdout.take()?.read_to_end(&mut shown).ok()?;
    child.wait().ok()?;
    String::from_utf8(shown).ok()
}

#[test]
fn no_color_is_obeyed_on_a_terminal() {
    let Some(colored) = on_a_terminal(&NOWHERE, "") else {
        println!("not checked: script is not installed");
        return;
    };
    assert!(colored.contains("\u{1b}[1;31merror:"), "{colored:?}");
    let plain = on_a_terminal(&NOWHERE, "1").unwrap();
    assert!(plain.contains("error:"), "{plain:?}");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
}
