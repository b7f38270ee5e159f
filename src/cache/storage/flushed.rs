//! Waiting for durability in async code.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::super::gate::Gate;
use super::RedbStorage;
use crate::error::Result;

impl RedbStorage {
    /// [`RedbStorage::flush`] as a future of any runtime.
    pub fn flushed(&self) -> Flushed {
        let count = self.engine.overlay().accepted;
        Flushed {
            gate: Arc::clone(&self.engine.gate),
            count,
        }
    }
}

/// The wait for durability; see [`RedbStorage::flushed`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Flushed {
    gate: Arc<Gate>,
    count: u64,
}

impl Future for Flushed {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.gate.poll_for(self.count, context)
    }
}
