//! `completions/` and `man/` are made from the definitions of the command line, and kept true here.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::{Command, CommandFactory};
use clap_complete::{Generator, Shell, generate};
use redb_cache::cli::Cli;

const REGENERATE: &str = "REDB_CACHE_REGENERATE=1 cargo test --test generated";

type Files = BTreeMap<String, String>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn built() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

fn completions() -> Files {
    let shells = [
        Shell::Bash,
        Shell::Zsh,
        Shell::Fish,
        Shell::PowerShell,
        Shell::Elvish,
    ];
    let file = |shell: Shell| {
        let mut text = Vec::new();
        generate(shell, &mut Cli::command(), "redb-cache", &mut text);
        // clap_complete 4.6 names a verb in two ways where the program's name has a hyphen, so that
        // bash completes nothing after the verb.
        let text = tidy(text).replace("redb__subcmd__cache__", "redb__cache__");
        (shell.file_name("redb-cache"), text)
    };
    shells.into_iter().map(file).collect()
}

/// A page for the program and one for each verb.
fn pages() -> Files {
    let command = built();
    std::iter::once(&command)
        .chain(command.get_subcommands())
        .map(|command| {
            let name = command.get_display_name().unwrap_or(command.get_name());
            (format!("{name}.1"), page(command))
        })
        .collect()
}

/// The sections of a manual page. What follows the help keeps its lines.
fn page(command: &Command) -> String {
    let man = clap_mangen::Man::new(command.clone())
        .source(concat!("redb-cache ", env!("CARGO_PKG_VERSION")))
        .manual("redb-cache");
    let mut text = Vec::new();
    man.render_title(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    man.render_synopsis_section(&mut text).unwrap();
    man.render_description_section(&mut text).unwrap();
    man.render_options_section(&mut text).unwrap();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text).unwrap();
    } else {
        text.extend(b".SH \"EXIT CODES\"\nSee redb\\-cache(1).\n");
    }
    text.extend(sections(&after_help(command)).into_bytes());
    tidy(text)
}

/// The text that follows the options.
fn after_help(command: &Command) -> String {
    let text = command
        .get_after_long_help()
        .or_else(|| command.get_after_help());
    text.map(ToString::to_string).unwrap_or_default()
}

/// `Examples:` and what is indented under it, as a section whose lines are not filled.
fn sections(after_help: &str) -> String {
    let mut roff = String::new();
    for line in after_help.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        match line.strip_suffix(':') {
            Some(title) if !line.starts_with(' ') => {
                roff.push_str(&format!(".SH \"{}\"\n.nf\n", title.to_uppercase()));
            }
            _ if line.is_empty() => roff.push_str(".fi\n"),
            _ => roff.push_str(&format!("\\&{line}\n")),
        }
    }
    roff + ".fi\n"
}

/// Without spaces at the ends of lines, and with a line feed at the end.
fn tidy(text: Vec<u8>) -> String {
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<_> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// Compares a folder with what belongs into it, or writes it anew.
fn check(folder: &str, files: &Files) {
    let folder = root().join(folder);
    if std::env::var_os("REDB_CACHE_REGENERATE").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let mut wrong = Vec::new();
    for (name, text) in files {
        match fs::read_to_string(folder.join(name)) {
            Ok(found) if found == *text => {}
            Ok(_) => wrong.push(format!("{name} is stale")),
            Err(_) => wrong.push(format!("{name} is missing")),
        }
    }
    for entry in fs::read_dir(&folder).into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !files.contains_key(&name) {
            wrong.push(format!("{name} belongs to nothing"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}: {}\nrun: {REGENERATE}",
        folder.display(),
        wrong.join(", ")
    );
}

/// Whether a tool is there; says so if it is not, as nothing is then checked.
fn present(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    if !found {
        println!("not checked: {tool} is not installed");
    }
    found
}

/// Runs a tool that has nothing to say about what is well.
fn silent(tool: &str, args: &[&str], file: &PathBuf) {
    let output = Process::new(tool)
        .args(args)
        .arg(file)
        .env("LC_ALL", "C.UTF-8")
        .env("MANPAGER", "cat")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{tool} on {}: {said}",
        file.display()
    );
}

#[test]
fn completions_are_true() {
    check("completions", &completions());
    for (shell, name) in [
        ("bash", "redb-cache.bash"),
        ("zsh", "_redb-cache"),
        ("fish", "redb-cache.fish"),
    ] {
        if present(shell) {
            silent(shell, &["-n"], &root().join("completions").join(name));
        }
    }
}

#[test]
fn bash_completes_a_verb_an_option_and_a_value() {
    if !present("bash") {
        return;
    }
    let script = tempfile::NamedTempFile::new().unwrap();
    fs::write(script.path(), &completions()["redb-cache.bash"]).unwrap();
    let complete = |before: &str, word: &str| {
        let call = "source \"$0\"; COMP_WORDS=($1 \"$2\"); \
             COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); \
             _redb__cache redb-cache \"$2\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; \
             echo \"${COMPREPLY[@]}\"";
        let output = Process::new("bash")
            .args(["-c", call])
            .arg(script.path())
            .args([before, word])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("redb-cache", "comp"), "compact");
    assert_eq!(complete("redb-cache compact", "--rec"), "--recompress");
    assert_eq!(complete("redb-cache stats --format", "j"), "json");
}

#[test]
fn manual_pages_are_true() {
    let pages = pages();
    assert_eq!(pages.len(), 1 + built().get_subcommands().count());
    check("man", &pages);
    let tools: [(&str, &[&str]); 3] = [
        ("groff", &["-man", "-Tutf8", "-ww", "-z"]),
        ("man", &["--warnings", "-l"]),
        ("mandoc", &["-Tlint", "-Wwarning"]),
    ];
    for (tool, args) in tools.into_iter().filter(|(tool, _)| present(tool)) {
        for name in pages.keys() {
            silent(tool, args, &root().join("man").join(name));
        }
    }
}

#[test]
fn every_argument_is_explained_and_every_verb_has_an_example() {
    let command = built();
    for verb in command.get_subcommands() {
        let name = verb.get_name();
        assert!(verb.get_about().is_some(), "{name} says what it does");
        let example = format!("\n  redb-cache {name}");
        assert!(after_help(verb).contains(&example), "{name} has an example");
    }
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        for arg in command.get_arguments() {
            let (verb, name) = (command.get_name(), arg.get_id());
            assert!(arg.get_help().is_some(), "{verb} {name} is explained");
        }
    }
}

#[test]
fn a_short_option_means_the_same_everywhere() {
    let command = built();
    let mut meanings = BTreeMap::new();
    for command in std::iter::once(&command).chain(command.get_subcommands()) {
        for arg in command.get_arguments() {
            if let Some(short) = arg.get_short() {
                let name = meanings
                    .entry(short)
                    .or_insert_with(|| arg.get_id().clone());
                assert_eq!(name, arg.get_id(), "-{short} of {}", command.get_name());
            }
        }
    }
}

#[test]
fn examples_are_commands_that_the_parser_takes() {
    let command = built();
    let mut parsed = 0;
    for verb in std::iter::once(&command).chain(command.get_subcommands()) {
        for words in after_help(verb).lines().flat_map(examples) {
            let result = Cli::command().try_get_matches_from(&words);
            assert!(result.is_ok(), "{words:?}: {}", result.unwrap_err());
            parsed += 1;
        }
    }
    assert!(parsed > 20, "only {parsed} examples were found");
}

/// The calls in a line of examples, without what the shell and the reader get.
fn examples(line: &str) -> Vec<Vec<String>> {
    let Some(example) = line.strip_prefix("  redb-cache") else {
        return Vec::new();
    };
    let call = example.split("   ").next().unwrap_or_default();
    call.split(" && ")
        .map(|call| {
            let words = call
                .split_whitespace()
                .skip_while(|word| *word == "redb-cache")
                .take_while(|word| !matches!(*word, "|" | ">" | "||"));
            std::iter::once("redb-cache")
                .chain(words)
                .map(str::to_owned)
                .collect()
        })
        .collect()
}
