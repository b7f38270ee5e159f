//! Rows read as L4.
#![no_main]

use redb_cache::layout::Layout;
use redb_cache_fuzz::decode_row;

libfuzzer_sys::fuzz_target!(|row: &[u8]| decode_row(Layout::L4, row));
