//! Whether compression would pay, measured by compressing some of the rows.

use redb::ReadableTable;
use serde::Serialize;

use crate::cache::compression::{self, Dictionaries, MIN_TRAINING_ROWS};
use crate::cache::{Codec, RedbConfig, Table, View};
use crate::error::Result;

/// Rows read at most: as many to measure as to learn from.
const MAX_ROWS: usize = 2 * MIN_TRAINING_ROWS;
/// Their bytes at most, so that a few huge rows cost no more than many small ones.
const MAX_BYTES: usize = 1 << 20;
/// Fewer rows than this say nothing of the others.
const MIN_ROWS: usize = 20;

/// What compressing a sample of the episodes did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Rows that were compressed.
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) compressed_bytes: u64,
    /// Of those bytes; says nothing certain of the other rows.
    pub(super) saved_share: f64,
    pub(super) level: u8,
    /// Whether with a dictionary that was trained on other rows than these.
    pub(super) dictionary: bool,
}

/// Compresses the first plain episodes, as the engine would. Keys are random, so the first ones
/// are a fair sample. `None` when there are too few.
pub(super) fn take(view: &View) -> Result<Option<Sample>> {
    let rows = plain_rows(view)?;
    if rows.len() < MIN_ROWS {
        return Ok(None);
    }
    let config = RedbConfig::default();
    let level = config.compression_level;
    let (dictionary, measured) = learn(&rows);
    let mut dictionaries = Dictionaries::default();
    if let Some(bytes) = &dictionary {
        dictionaries.add(1, bytes, level);
    }
    let (mut bytes, mut compressed_bytes) = (0, 0);
    for row in measured {
        let shrunk = if row.len() >= config.compression_threshold {
            dictionaries.compress(row, level)?.1
        } else {
            None
        };
        bytes += row.len();
        compressed_bytes += shrunk.map_or(row.len(), |shrunk| shrunk.len());
    }
    Ok(Some(Sample {
        rows: measured.len() as u64,
        bytes: bytes as u64,
        compressed_bytes: compressed_bytes as u64,
        saved_share: share(bytes - compressed_bytes, bytes),
        level,
        dictionary: dictionary.is_some(),
    }))
}

/// A dictionary from the first half of the rows, if they suffice, and the rows to measure with it:
/// rows that it was trained on would flatter it.
fn learn(rows: &[Vec<u8>]) -> (Option<Vec<u8>>, &[Vec<u8>]) {
    let (known, unseen) = rows.split_at(rows.len() / 2);
    match compression::train(known) {
        Some(dictionary) => (Some(dictionary), unseen),
        None => (None, rows),
    }
}

fn plain_rows(view: &View) -> Result<Vec<Vec<u8>>> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    let Some(episodes) = view.rows(Table::Episodes)? else {
        return Ok(rows);
    };
    for row in episodes.iter()?.take(MAX_ROWS) {
        let (key, stored) = row?;
        let entry = view.entry(Table::Episodes, key.value())?;
        let packed = entry
            .is_some_and(|entry| entry.codec != Codec::Plain && entry.describes(stored.value()));
        if !packed {
            bytes += stored.value().len();
            rows.push(stored.value().to_vec());
        }
        if bytes >= MAX_BYTES {
            break;
        }
    }
    Ok(rows)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a sample is far below 52 bits of bytes"
)]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
