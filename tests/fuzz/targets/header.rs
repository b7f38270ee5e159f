//! The header of a file with its two commit slots, before pages that are sound.
#![no_main]

use redb_cache_fuzz::{Era, Target};

libfuzzer_sys::fuzz_target!(
    init: redb_cache_fuzz::prepare(),
    |header: &[u8]| {
        let era = Era::of(header.first().copied());
        Target::of(era).with_header(header.get(1..).unwrap_or_default()).read();
    }
);
