//! The rows of a file, read in the light of each other.
#![no_main]

libfuzzer_sys::fuzz_target!(|rows: &[u8]| redb_cache_fuzz::survey(rows));
