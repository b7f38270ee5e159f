//! What the verbs have in common that write a cache anew beside it.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use redb::Database;

use super::Context;
use super::access::PAGE_CACHE;
use crate::cache::View;
use crate::cache::contents::{self, Contents};
use crate::cache::rewrite;
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, ReadOptions, Replacement};

/// Rounds of redb's own compaction; each moves pages from the end of the file to its front, and
/// the last one finds nothing more to do.
const MAX_ROUNDS: usize = 16;
/// Where one in so many bytes could be given back, a stage is worth a second look at every page.
const LOOSE: u64 = 20;

/// Begins to replace the cache, when nobody else holds it.
///
/// # Errors
/// As [`Replacement::begin`], when it is interrupted, and when something else has taken the place of
/// the cache since it was looked at.
pub fn begin(context: &Context<'_>) -> Result<Replacement> {
    let replacement = lock(context)?;
    file::require_redb(replacement.target())?;
    Ok(replacement)
}

/// The same where the cache may be anything by now, but must still be at `resolved`.
///
/// # Errors
/// As [`begin`].
pub fn begin_at(context: &Context<'_>, resolved: &Path) -> Result<Replacement> {
    let replacement = lock(context)?;
    if replacement.target() == resolved {
        return Ok(replacement);
    }
    Err(Error::new(
        ErrorKind::InUse,
        "another file took the cache's place meanwhile",
    )
    .at(&context.cache)
    .help("run the same command again"))
}

fn lock(context: &Context<'_>) -> Result<Replacement> {
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

/// Makes a stage that is closed nearly as short, where that gives something back: where its rows
/// were written in their order, it may not. One round brings all but a few pages.
///
/// # Errors
/// As [`squeeze`], and when a page cannot be read.
pub fn squeeze_if_loose(context: &Context<'_>, stage: &File) -> Result<()> {
    let length = stage.metadata()?.len();
    if file::reclaimable(stage)?.saturating_mul(LOOSE) < length {
        return Ok(());
    }
    context.cancel.check()?;
    let mut db = file::open_stage(stage.try_clone()?, PAGE_CACHE)?;
    db.compact()?;
    Ok(db.close()?)
}

/// Reads a stage back, every page of it, to be compared with what it must hold. Its writer has
/// closed it, and so each page is checked when it is read.
///
/// # Errors
/// When a page or a row cannot be read.
pub fn contents(stage: &Path) -> Result<Contents> {
    file::read(stage, &quiet(), |snapshot| {
        let txn = snapshot
            .transaction()
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Failed, "the copy has an old file format"))?;
        let contents = contents::of(snapshot, &View::new(txn))?;
        for table in snapshot.tables()? {
            if rewrite::is_own(&table.name) {
                snapshot.measure(&table.name)?;
            }
        }
        snapshot.read_system_tables()?;
        Ok(contents)
    })
}
