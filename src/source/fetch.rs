//! Reading a table page by page, ahead of whoever takes the rows.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use super::client::{Client, cell, is_last};
use super::fault::Fault;
use super::row::Cells;
use super::select::{MAX_ROW, PAGE, Part, Select};

/// Bytes of rows that are handed over together.
const CHUNK: u64 = 256 << 10;
/// Chunks that may wait, so that reading and taking go on side by side.
pub(super) const AHEAD: usize = 1;

/// A row as the store gives it.
pub(super) struct Found {
    pub(super) key: Vec<u8>,
    /// Bytes of its columns.
    pub(super) size: u64,
    /// `None` where they are more than can be read.
    pub(super) cells: Option<Cells>,
}

pub(super) enum Message<R> {
    Rows(Vec<R>),
    /// All rows were handed over.
    End,
    Fault(Fault),
}

/// Reads on until everything is read, nobody takes it, or the store cannot be read any more.
pub(super) async fn fetch(
    client: Arc<Mutex<Client>>,
    select: Select,
    part: Part,
    to: mpsc::Sender<Message<Found>>,
) {
    let mut reading = Reading {
        select,
        part,
        to,
        chunk: Vec::new(),
        bytes: 0,
    };
    let mut client = client.lock().await;
    let end = match reading.all(&mut client).await {
        Ok(()) => Message::End,
        Err(Stop::Fault(fault)) => Message::Fault(fault),
        // The rest of an answer would be taken for the beginning of the next one.
        Err(Stop::Unwanted) => return client.disconnect(),
    };
    drop(client);
    // Whoever has gone does not want to know.
    let _ = reading.to.send(end).await;
}

enum Stop {
    Fault(Fault),
    /// Nobody takes the rows any more.
    Unwanted,
}

struct Reading {
    select: Select,
    part: Part,
    to: mpsc::Sender<Message<Found>>,
    chunk: Vec<Found>,
    bytes: u64,
}

impl Reading {
    async fn all(&mut self, client: &mut Client) -> Result<(), Stop> {
        let mut attempt = 0;
        loop {
            let before = self.last_key();
            let page = self.page(client).await;
            // What came before a fault is good, and reading goes on after it.
            self.hand_over().await?;
            match page {
                Ok(rows) if rows < PAGE || matches!(self.part, Part::Keys(_)) => return Ok(()),
                Ok(_) => attempt = 0,
                Err(Stop::Unwanted) => return Err(Stop::Unwanted),
                Err(Stop::Fault(fault)) => {
                    if self.last_key() != before {
                        attempt = 0;
                    }
                    client
                        .recover(fault, &mut attempt)
                        .await
                        .map_err(Stop::Fault)?;
                }
            }
        }
    }

    fn last_key(&self) -> Option<Vec<u8>> {
        match &self.part {
            Part::After(key) => key.clone(),
            Part::Keys(_) => None,
        }
    }

    /// Reads a page and answers how many rows it had.
    async fn page(&mut self, client: &mut Client) -> Result<usize, Stop> {
        let (question, with) = self.select.ask(&self.part);
        let mut rows = client.query(&question, with).await.map_err(Stop::Fault)?;
        let mut count = 0;
        while let Some(row) = client.next(&mut rows).await.map_err(Stop::Fault)? {
            if is_last(&row) {
                client.drain(rows).await;
                return Ok(count);
            }
            count += 1;
            self.take(&row);
            if self.bytes >= CHUNK {
                self.hand_over().await?;
            }
        }
        Err(Stop::Fault(Fault::cut_off()))
    }

    fn take(&mut self, row: &libsql::Row) {
        let size = match row.get_value(1) {
            Ok(libsql::Value::Integer(size)) => size,
            _ => 0,
        };
        let is_whole = u64::try_from(size).is_ok_and(|size| size <= MAX_ROW);
        let size = size.unsigned_abs();
        let key = cell(row, 2).unwrap_or_default();
        let cells = Cells {
            names: Arc::clone(&self.select.names),
            values: (0..self.select.names.len())
                .map(|at| cell(row, at + 3))
                .collect(),
        };
        self.bytes += size.min(MAX_ROW) + key.len() as u64;
        match &mut self.part {
            Part::After(last) => *last = Some(key.clone()),
            Part::Keys(keys) => keys.retain(|wanted| wanted.as_bytes() != key),
        }
        let cells = is_whole.then_some(cells);
        self.chunk.push(Found { key, size, cells });
    }

    async fn hand_over(&mut self) -> Result<(), Stop> {
        self.bytes = 0;
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        self.to
            .send(Message::Rows(chunk))
            .await
            .map_err(|_| Stop::Unwanted)
    }
}
