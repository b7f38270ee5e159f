//! The `redb-cache` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    redb_cache::cli::run(std::env::args_os()).into()
}
