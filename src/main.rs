//! The `redb-cache` program.

use std::process::ExitCode;

/// Rows are read, decoded and written in many small pieces of memory, and the system's own
/// allocator gives what is freed back to the kernel and asks for it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    redb_cache::cli::run(std::env::args_os()).into()
}
