//! What a comparison says of a row.

use crate::cache::Table;
use crate::source::{Kind, Unreadable};

/// A row of which something is said.
#[derive(Debug)]
pub struct Found<'a> {
    /// Its table in the cache.
    pub table: Table,
    /// Its key there.
    pub key: &'a str,
    /// Its table and key in the store, where that has it.
    pub in_store: Option<(Kind, &'a str)>,
    /// The digest of its bytes in the cache, where that has it.
    pub in_cache: Option<u64>,
    /// What is said.
    pub verdict: Verdict,
}

/// What is said of a row.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both have it, with the same content as far as both can hold it.
    Equal,
    /// The store alone has it.
    MissingInCache,
    /// The store alone has it, and the limit of the cache does not let it have more.
    BeyondLimit,
    /// The cache alone has it.
    MissingInStore,
    /// Both have it, and the store's changed later.
    Older {
        /// The fields that differ.
        fields: Vec<String>,
    },
    /// Both have it with other content, and the store's did not change later.
    Different {
        /// The fields that differ.
        fields: Vec<String>,
    },
    /// The cache's cannot be read.
    Undecodable {
        /// What is wrong with it.
        why: String,
    },
    /// The store's cannot be read.
    Unreadable(Unreadable),
}

impl Verdict {
    /// Of a row that both have, of which these fields differ.
    pub(super) fn of(fields: Vec<String>, cache_is_older: bool) -> Self {
        if fields.is_empty() {
            Self::Equal
        } else if cache_is_older {
            Self::Older { fields }
        } else {
            Self::Different { fields }
        }
    }
}
