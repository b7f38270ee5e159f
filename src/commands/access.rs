//! How the verbs get at the cache that `--cache` names.

use std::time::Duration;

use redb::{Database, ReadableDatabase};
use serde::Serialize;

use super::Context;
use crate::cache::facts::{self, LIMITS_KEY, Limits, SALVAGED_KEY};
use crate::cache::schema::{self, Standing};
use crate::cache::{Table, View};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, FileFormat, Header, ReadOptions, Snapshot, TableInfo, Value, ValueKind};
use crate::layout::Origin;

/// Bytes of pages that redb keeps in memory for a verb that writes.
pub const PAGE_CACHE: usize = 32 << 20;

/// Reads a snapshot of a cache of any era. `read` may run several times: what it returns counts
/// only when the file did not change meanwhile.
///
/// # Errors
/// As [`file::read`], and what `read` returns.
pub fn snapshot<T>(context: &Context<'_>, read: impl FnMut(&Snapshot) -> Result<T>) -> Result<T> {
    let options = ReadOptions {
        lock_timeout: context.lock_timeout,
        ..ReadOptions::default()
    };
    file::read(&context.cache, &options, read).map_err(|error| error.at(&context.cache))
}

/// Reads a cache of any era once, however long that takes.
///
/// # Errors
/// As [`file::stream`], and what `read` returns.
pub fn stream<T>(context: &Context<'_>, read: impl FnOnce(&Snapshot) -> Result<T>) -> Result<T> {
    file::stream(&context.cache, &thorough(context)?, read)
        .map_err(|error| error.at(&context.cache))
}

/// redb 2.6 trusts what it reads, so a v2 file that it has to repair is verified first; of any other
/// each page is, when it is read.
///
/// # Errors
/// When there is no cache.
pub fn thorough(context: &Context<'_>) -> Result<ReadOptions> {
    let header = Header::read(&context.cache).map_err(|error| error.at(&context.cache))?;
    Ok(ReadOptions {
        lock_timeout: context.lock_timeout,
        verify: !header.is_checked_when_read(),
    })
}

/// What a file states of itself.
///
/// # Errors
/// When it cannot be read.
pub fn origin(snapshot: &Snapshot) -> Result<Origin> {
    let version = snapshot.get(Table::SchemaVersion.name(), schema::VERSION_KEY)?;
    let schema = match version {
        Some(Value::U64(version)) => Some(version),
        _ => None,
    };
    Ok(Origin {
        format: match schema {
            None if is_salvaged_v2(snapshot)? => FileFormat::V2,
            _ => snapshot.format(),
        },
        schema,
    })
}

/// Whether the rows come from a file of format v2, whatever the format of this one is.
fn is_salvaged_v2(snapshot: &Snapshot) -> Result<bool> {
    let metadata = Table::Metadata.name();
    let bytes = |table: TableInfo| table.kind == ValueKind::Bytes;
    if !snapshot.table(metadata)?.is_some_and(bytes) {
        return Ok(false);
    }
    let format = snapshot.get(metadata, SALVAGED_KEY)?;
    Ok(format == Some(Value::Bytes(facts::encode(&2)?)))
}

/// Refuses a file whose rows may not be taken for what this release knows, of whichever era.
///
/// # Errors
/// [`ErrorKind::UnknownLayout`] for what is no cache, or a newer one.
pub fn require_known(snapshot: &Snapshot) -> Result<()> {
    if let Some(txn) = snapshot.transaction() {
        return schema::check_migratable(txn);
    }
    let tables = snapshot.tables()?;
    let names = tables.iter().map(|table| table.name.as_str());
    schema::check_migratable_v2(names, origin(snapshot)?.schema)
}

/// Reads a cache of the current layout.
///
/// # Errors
/// As [`snapshot`], and [`ErrorKind::OldFormat`] or [`ErrorKind::UnknownLayout`].
pub fn view<T>(
    context: &Context<'_>,
    mut read: impl FnMut(&Snapshot, &View) -> Result<T>,
) -> Result<T> {
    snapshot(context, |snapshot| {
        let txn = snapshot.transaction().cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::OldFormat,
                "the cache has file format v2, of do-memory 0.1.16 or earlier",
            )
            .help("run: redb-cache migrate")
        })?;
        schema::check(&txn)?;
        read(snapshot, &View::new(txn))
    })
}

/// Opens a cache of the current layout for writing. An engine that shares its cache with other
/// writers may have it open; anybody else is waited for.
///
/// # Errors
/// As [`view`], [`ErrorKind::InUse`], and when it is interrupted.
pub fn open_for_writing(context: &Context<'_>) -> Result<Database> {
    let standing = view(context, |_, view| schema::check(view.transaction()))?;
    let mode = redb::ConcurrencyMode::MultiWriter;
    let open = || {
        let db = context.wait_for(|timeout| {
            file::open_for_writing(&context.cache, mode, timeout, PAGE_CACHE)
        })?;
        if standing == Standing::Empty || !schema::is_prepared(&db.begin_read()?)? {
            schema::prepare(&db)?;
        }
        Ok(db)
    };
    open().map_err(|error: Error| error.at(&context.cache))
}

/// The space that a cache takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Space {
    /// Length of the file.
    pub length: u64,
    /// What the file system has allocated for it.
    pub on_disk: u64,
    /// Pages that hold data, measured page by page; `None` when that was not done.
    pub used: Option<u64>,
    /// Keys and values themselves; likewise.
    pub stored: Option<u64>,
    /// What is neither used nor the file's own bookkeeping, which compacting gives back at least.
    pub reclaimable: Option<u64>,
}

impl Space {
    /// What the file system says.
    #[must_use]
    pub fn outside(snapshot: &Snapshot) -> Self {
        Self {
            length: snapshot.length(),
            on_disk: snapshot.bytes_on_disk(),
            used: None,
            stored: None,
            reclaimable: None,
        }
    }

    /// Looks at every page.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn measured(snapshot: &Snapshot) -> Result<Self> {
        let mut used = 0u64;
        let mut stored = 0u64;
        for table in snapshot.tables()? {
            let pages = snapshot.measure(&table.name)?;
            stored = stored.saturating_add(pages.stored_bytes);
            used = used.saturating_add(pages.bytes());
        }
        let outside = Self::outside(snapshot);
        Ok(Self {
            used: Some(used),
            stored: Some(stored),
            reclaimable: Some(outside.length.saturating_sub(used)),
            ..outside
        })
    }
}

/// Where a limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitSource {
    /// An option, or its environment variable.
    Given,
    /// What the embedding program recorded in the cache.
    Recorded,
}

/// A limit and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The limit.
    pub value: u64,
    /// Where it comes from.
    pub source: LimitSource,
}

/// The limits in force for a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LimitsInForce {
    /// Milliseconds from writing to expiry.
    pub ttl_ms: Option<Limit>,
    /// Episodes.
    pub max_entries: Option<Limit>,
    /// Bytes of rows.
    pub max_size: Option<Limit>,
}

/// What is given, else what the cache recorded.
///
/// # Errors
/// When the cache cannot be read.
pub fn limits_in_force(
    view: &View,
    ttl: Option<Duration>,
    max_entries: Option<u64>,
    max_size: Option<u64>,
) -> Result<LimitsInForce> {
    let recorded: Option<Limits> = view.fact(LIMITS_KEY)?;
    let limit = |given: Option<u64>, recorded: Option<u64>| {
        let given = given.map(|value| Limit {
            value,
            source: LimitSource::Given,
        });
        given.or_else(|| {
            recorded.map(|value| Limit {
                value,
                source: LimitSource::Recorded,
            })
        })
    };
    let ttl_ms = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    let recorded_ttl = recorded.and_then(|limits| Some(limits.ttl_seconds?.saturating_mul(1_000)));
    Ok(LimitsInForce {
        ttl_ms: limit(ttl_ms, recorded_ttl),
        max_entries: limit(max_entries, recorded.map(|limits| limits.max_cache_size)),
        max_size: limit(max_size, None),
    })
}

/// The table of that name.
///
/// # Errors
/// [`ErrorKind::Usage`] with the names that there are.
pub fn table_named(name: &str) -> Result<Table> {
    Table::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Table::ALL.iter().map(|table| table.name()).collect();
        Error::new(ErrorKind::Usage, format!("do-memory has no table {name:?}"))
            .help(format!("its tables are {}", known.join(", ")))
    })
}
