//! Taking rows apart on a thread of its own, between the one that reads them and whoever takes them.

use tokio::sync::mpsc::{Receiver, Sender};

use super::fetch::{Found, Message};
use super::row::Cells;
use super::rows::{Unreadable, unreadable};
use super::shape::Kind;

/// What takes a row apart.
pub(super) type ReadRow<T> = fn(Kind, &str, &Cells) -> Result<T, Unreadable>;

/// A row, and its key as the store has it.
pub(super) struct Fetched<T> {
    pub(super) key: Vec<u8>,
    pub(super) row: Result<T, Unreadable>,
}

/// Passes on what comes, until nothing more does or nobody takes it.
pub(super) fn take_apart<T>(
    kind: Kind,
    read: ReadRow<T>,
    mut from: Receiver<Message<Found>>,
    to: &Sender<Message<Fetched<T>>>,
) {
    while let Some(message) = from.blocking_recv() {
        let message = match message {
            Message::Rows(rows) => {
                let rows = rows.into_iter().map(|found| apart(kind, read, found));
                Message::Rows(rows.collect())
            }
            Message::End => Message::End,
            Message::Fault(fault) => Message::Fault(fault),
        };
        if to.blocking_send(message).is_err() {
            return;
        }
    }
}

fn apart<T>(kind: Kind, read: ReadRow<T>, found: Found) -> Fetched<T> {
    let Found { key, size, cells } = found;
    let row = match (std::str::from_utf8(&key), cells) {
        (Ok(id), Some(cells)) => read(kind, id, &cells),
        (Ok(id), None) => {
            let why = format!("it has {size} bytes, more than can be read");
            Err(unreadable(kind, id, &why))
        }
        (Err(_), _) => {
            let id = String::from_utf8_lossy(&key);
            Err(unreadable(kind, &id, "its key is no UTF-8"))
        }
    };
    Fetched { key, row }
}
