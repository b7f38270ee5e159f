//! A file of format v2, changed in some places, read by every way that leads into it.
#![no_main]

use redb_cache_fuzz::{Era, Target};

libfuzzer_sys::fuzz_target!(
    init: redb_cache_fuzz::prepare(),
    |edits: &[u8]| Target::of(Era::V2).edited(edits).read()
);
