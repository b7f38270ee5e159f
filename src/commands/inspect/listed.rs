//! A row in a list of keys.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ui::Cell;

/// A key and what is known of its row.
#[derive(Debug, Serialize)]
pub struct Row {
    pub key: String,
    pub bytes: u64,
    /// Inflated; `None` when it is not known how the row is stored.
    pub raw_bytes: Option<u64>,
    pub written: Option<DateTime<Utc>>,
    pub accessed: Option<DateTime<Utc>>,
    pub expires: Option<DateTime<Utc>>,
}

impl Row {
    pub fn is_compressed(&self) -> bool {
        self.raw_bytes.is_some_and(|raw| raw != self.bytes)
    }

    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    pub fn is_recorded(&self) -> bool {
        self.accessed.is_some() || self.expires.is_some()
    }

    pub fn cells(&self, compressed: bool, recorded: bool, now: DateTime<Utc>) -> Vec<Cell> {
        let cells = [
            Some(Cell::key(&self.key)),
            Some(Cell::bytes(self.bytes)),
            compressed.then(|| Cell::bytes(self.raw_bytes)),
            Some(since(self.written, now)),
            recorded.then(|| since(self.accessed, now)),
            recorded.then(|| until(self.expires, now)),
        ];
        cells.into_iter().flatten().collect()
    }
}

/// Past moments as ages. A clock that went back leaves moments that are still to come.
fn since(time: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Cell {
    let Some(time) = time else {
        return Cell::Unknown;
    };
    match now.signed_duration_since(time).to_std() {
        Ok(age) => Cell::age(age),
        Err(_) => Cell::text("in the future"),
    }
}

fn until(time: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Cell {
    let Some(time) = time else {
        return Cell::Unknown;
    };
    match time.signed_duration_since(now).to_std() {
        Ok(left) if left > Duration::ZERO => Cell::age(left),
        _ => Cell::text("expired"),
    }
}
