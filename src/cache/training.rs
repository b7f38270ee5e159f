//! Learning a compression dictionary from the cache's own rows.

use std::sync::{Arc, PoisonError};

use redb::{Database, ReadableTable};

use super::Table;
use super::compression::{self, Dictionaries, MAX_TRAINING_BYTES, MIN_TRAINING_ROWS};
use super::engine::Engine;
use super::entry::{Codec, DICTIONARIES};
use super::view::View;
use crate::error::Result;

/// Trains the first dictionary once there are enough rows to learn from.
pub(super) fn train_if_due(engine: &Engine) -> Result<()> {
    let config = &engine.config;
    if !config.enable_compression || engine.dictionaries().newest().is_some() {
        return Ok(());
    }
    let view = Arc::clone(&engine.overlay().view);
    if view.len(Table::Episodes)? < MIN_TRAINING_ROWS as u64 {
        return Ok(());
    }
    let samples = samples(&view, &engine.dictionaries())?;
    let Some(dictionary) = compression::train(&samples) else {
        return Ok(());
    };
    let id = add(&engine.db, &dictionary)?;
    let mut dictionaries = (*engine.dictionaries()).clone();
    dictionaries.add(id, &dictionary, config.compression_level);
    *engine
        .dictionaries
        .write()
        .unwrap_or_else(PoisonError::into_inner) = Arc::new(dictionaries);
    Ok(())
}

/// Episodes to learn from, inflated. Their keys are random, so the first ones are a fair sample.
///
/// # Errors
/// When redb fails, or a compressed row cannot be inflated.
pub fn samples(view: &View, dictionaries: &Dictionaries) -> Result<Vec<Vec<u8>>> {
    let mut samples = Vec::new();
    let mut bytes = 0;
    let Some(rows) = view.rows(Table::Episodes)? else {
        return Ok(samples);
    };
    for row in rows.iter()? {
        let (key, stored) = row?;
        let recorded = view.entry(Table::Episodes, key.value())?;
        let raw = match recorded.filter(|entry| entry.describes(stored.value())) {
            Some(entry) if entry.codec != Codec::Plain => {
                dictionaries.inflate(entry.codec, stored.value(), entry.raw_len)?
            }
            _ => stored.value().to_vec(),
        };
        bytes += raw.len();
        samples.push(raw);
        if bytes >= MAX_TRAINING_BYTES {
            break;
        }
    }
    Ok(samples)
}

fn add(db: &Database, dictionary: &[u8]) -> Result<u32> {
    let txn = db.begin_write()?;
    let id = {
        let mut table = txn.open_table(DICTIONARIES)?;
        let last = table.last()?.map_or(0, |(id, _)| id.value());
        let id = last.saturating_add(1);
        table.insert(id, dictionary)?;
        id
    };
    txn.commit()?;
    Ok(id)
}
