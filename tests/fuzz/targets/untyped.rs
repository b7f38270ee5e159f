//! The parameters of a step before L6, whose bytes tell no types.
#![no_main]

libfuzzer_sys::fuzz_target!(|parameters: &[u8]| redb_cache_fuzz::read_parameters(parameters));
