//! Which rows of a table `clear` takes.

use crate::cache::entry::METADATA_PREFIX;
use crate::cache::facts::{LIMITS_KEY, Limits};
use crate::cache::observe::observe;
use crate::cache::{Table, View};
use crate::error::Result;

/// Which rows of a table go.
pub(super) struct Filter<'a> {
    pub(super) prefix: Option<&'a str>,
    /// Only those whose time is over then.
    pub(super) expired_at_ms: Option<i64>,
}

impl Filter<'_> {
    pub(super) fn is_none(&self) -> bool {
        self.prefix.is_none() && self.expired_at_ms.is_none()
    }

    pub(super) fn start(&self) -> &str {
        self.prefix.unwrap_or("")
    }

    pub(super) fn is_past(&self, key: &str) -> bool {
        self.prefix.is_some_and(|prefix| !key.starts_with(prefix))
    }

    pub(super) fn takes(
        &self,
        view: &View,
        table: Table,
        key: &str,
        stored: &[u8],
    ) -> Result<bool> {
        if table == Table::Metadata && key.starts_with(METADATA_PREFIX) {
            return Ok(false);
        }
        let Some(now_ms) = self.expired_at_ms else {
            return Ok(true);
        };
        if !table.expires() {
            return Ok(false);
        }
        let recorded = view.entry(table, key)?;
        let entry = match recorded.filter(|entry| entry.describes(stored)) {
            Some(entry) => entry,
            None => {
                let limits: Option<Limits> = view.fact(LIMITS_KEY)?;
                let ttl_seconds = limits.and_then(|limits| limits.ttl_seconds);
                observe(view, table, key, stored, now_ms)?.expiring_after(ttl_seconds)
            }
        };
        Ok(entry.is_expired(now_ms))
    }
}
