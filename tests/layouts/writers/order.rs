//! The maps of a real row are in random order.

use redb_cache::layout::Codec;

use super::encode;
use super::parts::Map;

/// Puts the pairs of each map into the order that they have in `row`.
pub(super) fn as_in(row: &[u8], codec: Codec, maps: Vec<&mut Map>) {
    let mut from = 0;
    for map in maps.into_iter().filter(|map| map.0.len() > 1) {
        let found = (from..row.len()).find_map(|at| found_at(&row[at..], codec, map));
        if let Some((pairs, end)) = found {
            *map = pairs;
            from = row.len() - end;
        }
    }
}

/// The pairs as they stand at the beginning of `bytes`, and how many bytes follow them.
fn found_at(bytes: &[u8], codec: Codec, map: &Map) -> Option<(Map, usize)> {
    let mut bytes = bytes.strip_prefix(encode(codec, &map.0.len()).as_slice())?;
    let mut left = map.0.clone();
    let mut pairs = Vec::new();
    while !left.is_empty() {
        let (at, rest) = left.iter().enumerate().find_map(|(at, pair)| {
            let rest = bytes.strip_prefix(encode(codec, pair).as_slice())?;
            Some((at, rest))
        })?;
        pairs.push(left.remove(at));
        bytes = rest;
    }
    Some((Map(pairs), bytes.len()))
}
