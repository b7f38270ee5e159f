//! The `redb-cache` program.

fn main() {}
