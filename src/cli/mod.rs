//! The command line: one definition for the parser, the help, the completions and the manual.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chrono::Utc;
use clap::error::ErrorKind as Clap;
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::{Command, Context, store, values};
use crate::error::{Error, ErrorKind, Result};
use crate::ui::{Cancel, Color, Format, Settings, Ui};

pub mod crash;

const EXAMPLES: &str = "\
Examples:
  redb-cache demo                                build a small cache and look around
  redb-cache --cache data/cache.redb health      does it need attention?
  redb-cache sweep --dry-run                     what would a cleaning remove?
  redb-cache stats --format json                 for programs";

const EXIT_CODES: &str = "\
Exit codes:
  0   done, or nothing to do         13   damaged
  1   failed                         14   unknown or newer layout: refused
  2   usage                          15   not enough disk space
  3   done, but needs attention      16   durable store unreachable
  10  no such cache                  17   durable store refused the credentials
  11  in use                         18   confirmation required
  12  old format: run migrate        130  interrupted (143: terminated)";

/// Look after do-memory's redb cache files
///
/// Shows what is in a cache, checks it, cleans it and makes it smaller, whichever release of
/// do-memory wrote it. Commands that only look write nothing, and read a cache that an agent holds.
#[derive(Debug, Parser)]
#[command(
    name = "redb-cache",
    version,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"),
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// The options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// The options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The cache file
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "REDB_CACHE_PATH",
        hide_env_values = true,
        default_value = "./data/cache.redb"
    )]
    pub cache: PathBuf,

    /// How long to wait for a cache that is in use: 0s, 500ms, 1m
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        default_value = "5s",
        value_parser = values::duration
    )]
    pub lock_timeout: Duration,

    /// The form of the result
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    pub format: Format,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,

    /// Only results, warnings and errors: no progress, advice or summaries
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say on stderr what is being done
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

impl Global {
    fn settings(&self) -> Settings {
        Settings {
            format: self.format,
            color: self.color,
            quiet: self.quiet,
            verbose: self.verbose,
        }
    }
}

/// Parses the arguments, runs the command, prints what comes of it, and gives back the exit code.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match parse(args.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => return explain(&error, asks_for_json(&args)),
    };
    let ui = Ui::stdio(cli.global.settings());
    match crash::guard(|| execute(cli, &ui)) {
        Ok(code) => code,
        // Whoever reads `export` into `head` has what they wanted.
        Err(_) if ui.output().reader_left() => 0,
        Err(error) => ui.fail(&error),
    }
}

fn execute(cli: Cli, ui: &Ui) -> Result<u8> {
    let context = Context {
        cache: cli.global.cache,
        lock_timeout: cli.global.lock_timeout,
        now: Utc::now(),
        cancel: Cancel::on_signals()?,
        ui,
    };
    let done = cli.command.run(&context);
    done.map_err(|error| match error.kind() {
        // Deep in redb nobody knows any more which file it was.
        ErrorKind::Failed | ErrorKind::NoSpace | ErrorKind::NotFound if error.io().is_some() => {
            error.at(&context.cache)
        }
        _ => error,
    })
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = without_empty_variables(Cli::command());
    let mut matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// A variable that is set to nothing counts as unset, as everywhere in Unix.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let empty = arg
                .get_env()
                .and_then(std::env::var_os)
                .is_some_and(|value| value.is_empty());
            if empty { arg.env(None) } else { arg }
        })
        .mut_subcommands(without_empty_variables)
}

/// Prints the help, the version, or what is wrong with the arguments, which may be the token.
fn explain(error: &clap::Error, as_json: bool) -> u8 {
    let told = error.render().to_string();
    let scrubbed = store::without_token(&told);
    if error.use_stderr() && (as_json || scrubbed != told) {
        let mut settings = Settings::default();
        if as_json {
            settings.format = Format::Json;
        }
        return Ui::stdio(settings).fail(&usage_error(&scrubbed));
    }
    match error.print() {
        Ok(()) => u8::try_from(error.exit_code()).unwrap_or(2),
        Err(io) if io.kind() == std::io::ErrorKind::BrokenPipe && !error.use_stderr() => 0,
        Err(_) if matches!(error.kind(), Clap::DisplayHelp | Clap::DisplayVersion) => 1,
        Err(_) => 2,
    }
}

/// Whether the caller is a program, as far as arguments tell that could not be parsed.
fn asks_for_json(args: &[OsString]) -> bool {
    let options: Vec<_> = args.iter().take_while(|arg| *arg != "--").collect();
    options.iter().any(|arg| *arg == "--format=json")
        || options
            .windows(2)
            .any(|pair| matches!(pair, [name, value] if *name == "--format" && *value == "json"))
}

/// What is wrong with the arguments, as any other error: clap's first paragraph says it, the others
/// what to do about it.
fn usage_error(told: &str) -> Error {
    let mut paragraphs = told
        .split("\n\n")
        .map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(&first);
    let help: Vec<_> = paragraphs.filter(|text| !text.is_empty()).collect();
    Error::new(ErrorKind::Usage, message).help(help.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &str) -> Result<Cli, clap::Error> {
        parse(args.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_and_after_the_verb() {
        let before = parsed("redb-cache --cache a.redb --lock-timeout 0s stats").unwrap();
        let after = parsed("redb-cache stats --cache a.redb --lock-timeout 0s").unwrap();
        for cli in [before, after] {
            assert_eq!(cli.global.cache, PathBuf::from("a.redb"));
            assert_eq!(cli.global.lock_timeout, Duration::ZERO);
        }
        let default = parsed("redb-cache stats").unwrap();
        assert_eq!(default.global.lock_timeout, Duration::from_secs(5));
    }

    #[test]
    fn combinations_without_sense_are_refused() {
        for args in [
            "stats -q -v",
            "stats --watch 0",
            "inspect --prefix a",
            "inspect t --raw",
            "inspect t k --raw --hex",
            "inspect t k --largest 3",
            "inspect t --largest 3 --limit 9",
            "sweep --batch 0",
            "clear",
            "clear --all --table episodes",
            "compact --recompress 10",
            "export t --all",
        ] {
            let error = parsed(&format!("redb-cache {args}")).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{args}");
        }
    }

    #[test]
    fn combinations_with_sense_are_taken() {
        for args in [
            "inspect t --largest 3 --expired --prefix a",
            "inspect t k --raw",
            "inspect t -- -k",
            "clear --table a b --table c,d --prefix x -ny",
            "compact --min-reclaim 20% --recompress off -n",
            "health --max-expired 5 --deep",
            "export a b",
        ] {
            assert!(parsed(&format!("redb-cache {args}")).is_ok(), "{args}");
        }
    }
}
