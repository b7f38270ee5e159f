//! Rows read as L6.
#![no_main]

use redb_cache::layout::Layout;
use redb_cache_fuzz::decode_row;

libfuzzer_sys::fuzz_target!(|row: &[u8]| decode_row(Layout::L6, row));
