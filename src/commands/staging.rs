//! What the verbs have in common that write a cache anew beside it.

use std::path::Path;
use std::time::Duration;

use redb::Database;

use super::Context;
use crate::cache::View;
use crate::cache::contents::{self, Contents};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, ReadOptions, Replacement};

/// Rounds of redb's own compaction; each moves pages from the end of the file to its front, and
/// the last one finds nothing more to do.
const MAX_ROUNDS: usize = 16;

/// Begins to replace the cache, when nobody else holds it.
///
/// # Errors
/// As [`Replacement::begin`], and when it is interrupted.
pub fn begin(context: &Context<'_>) -> Result<Replacement> {
    context.wait_for(|timeout| Replacement::begin(&context.cache, timeout))
}

/// How a file is read that nobody else can be writing: the lock is ours, or the file.
pub const fn quiet() -> ReadOptions {
    ReadOptions {
        lock_timeout: Duration::ZERO,
        verify: false,
    }
}

/// Makes a stage as short as it gets.
///
/// # Errors
/// When redb fails, or it is interrupted.
pub fn squeeze(context: &Context<'_>, db: &mut Database) -> Result<()> {
    for _ in 0..MAX_ROUNDS {
        context.cancel.check()?;
        if !db.compact()? {
            break;
        }
    }
    Ok(())
}

/// Reads a stage back, every page of it, to be compared with what it must hold.
///
/// # Errors
/// When a page or a row cannot be read.
pub fn contents(stage: &Path) -> Result<Contents> {
    let options = ReadOptions {
        verify: true,
        ..quiet()
    };
    file::read(stage, &options, |snapshot| {
        let txn = snapshot
            .begin_read()?
            .ok_or_else(|| Error::new(ErrorKind::Failed, "the copy has an old file format"))?;
        contents::of(snapshot, &View::new(txn))
    })
}
