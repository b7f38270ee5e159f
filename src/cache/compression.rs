//! zstd, with a dictionary trained on the cache's own rows where there is one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use redb::{ReadTransaction, ReadableTable, TableError};
use zstd::zstd_safe::{self, CCtx, CDict, DCtx, DDict};

use super::entry::{Codec, DICTIONARIES};
use crate::error::{Error, ErrorKind, Result};

/// The largest value that the engine stores or inflates.
pub const MAX_VALUE_BYTES: u64 = 64 << 20;
/// The size of a trained dictionary.
pub const DICTIONARY_BYTES: usize = 32 << 10;
/// Training on fewer rows than this overfits: the dictionary would cost more than it saves.
pub const MIN_TRAINING_ROWS: usize = 100;
/// More bytes of samples than this do not make a better dictionary, only a slower training.
pub const MAX_TRAINING_BYTES: usize = 4 << 20;

thread_local! {
    static COMPRESS: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static INFLATE: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// A dictionary, ready for use at one level.
struct Dictionary {
    compress: CDict<'static>,
    inflate: DDict<'static>,
}

/// The dictionaries of a cache. The newest compresses; every one of them inflates.
#[derive(Clone, Default)]
pub struct Dictionaries {
    by_id: BTreeMap<u32, Arc<Dictionary>>,
}

impl fmt::Debug for Dictionaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_id.keys()).finish()
    }
}

impl Dictionaries {
    /// Reads those of a cache, prepared to compress at `level`.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn load(txn: &ReadTransaction, level: u8) -> Result<Self> {
        let mut loaded = Self::default();
        let table = match txn.open_table(DICTIONARIES) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(loaded),
            Err(error) => return Err(error.into()),
        };
        for row in table.iter()? {
            let (id, bytes) = row?;
            loaded.add(id.value(), bytes.value(), level);
        }
        Ok(loaded)
    }

    /// Adds a dictionary.
    pub fn add(&mut self, id: u32, bytes: &[u8], level: u8) {
        let dictionary = Dictionary {
            compress: CDict::create(bytes, zstd_level(level)),
            inflate: DDict::create(bytes),
        };
        self.by_id.insert(id, Arc::new(dictionary));
    }

    /// Whether what was stored so can be inflated.
    #[must_use]
    pub fn know(&self, codec: Codec) -> bool {
        match codec {
            Codec::Plain | Codec::Zstd => true,
            Codec::ZstdDictionary(id) => self.by_id.contains_key(&id),
        }
    }

    /// The dictionary that new rows are compressed with.
    #[must_use]
    pub fn newest(&self) -> Option<u32> {
        self.by_id.keys().next_back().copied()
    }

    /// Compresses `raw`, with the newest dictionary where there is one. A value that would not
    /// shrink stays plain.
    ///
    /// # Errors
    /// When zstd fails.
    pub fn compress(&self, raw: &[u8], level: u8) -> Result<(Codec, Option<Vec<u8>>)> {
        let mut out = Vec::with_capacity(zstd_safe::compress_bound(raw.len()));
        let newest = self.by_id.last_key_value();
        COMPRESS
            .with_borrow_mut(|context| match newest {
                Some((_, dictionary)) => {
                    context.compress_using_cdict(&mut out, raw, &dictionary.compress)
                }
                None => context.compress(&mut out, raw, zstd_level(level)),
            })
            .map_err(|code| failed("compress", code))?;
        if out.len() >= raw.len() {
            return Ok((Codec::Plain, None));
        }
        let codec = newest.map_or(Codec::Zstd, |(id, _)| Codec::ZstdDictionary(*id));
        Ok((codec, Some(out)))
    }

    /// Inflates `stored` to the `raw_len` bytes that it claims to hold, never to more.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when it holds anything else, or its dictionary is missing.
    pub fn inflate(&self, codec: Codec, stored: &[u8], raw_len: u64) -> Result<Vec<u8>> {
        let claimed = zstd_safe::get_frame_content_size(stored).ok().flatten();
        if claimed != Some(raw_len) || raw_len > MAX_VALUE_BYTES {
            return Err(damaged(
                "a compressed row does not hold as many bytes as was recorded",
            ));
        }
        let capacity = usize::try_from(raw_len)
            .map_err(|_| damaged("a compressed row is larger than this machine's memory"))?;
        let mut out = Vec::with_capacity(capacity);
        INFLATE
            .with_borrow_mut(|context| match codec {
                Codec::ZstdDictionary(id) => {
                    let dictionary = self.by_id.get(&id).ok_or_else(|| {
                        damaged(&format!("the compression dictionary {id} is missing"))
                    })?;
                    context
                        .decompress_using_ddict(&mut out, stored, &dictionary.inflate)
                        .map_err(|code| failed("inflate", code))
                }
                Codec::Zstd | Codec::Plain => context
                    .decompress(&mut out, stored)
                    .map_err(|code| failed("inflate", code)),
            })
            .and_then(|length| {
                if length as u64 == raw_len {
                    Ok(out)
                } else {
                    Err(damaged("a compressed row ends too early"))
                }
            })
    }
}

/// Trains a dictionary on sample rows; `None` when there are too few to learn from.
#[must_use]
pub fn train(samples: &[Vec<u8>]) -> Option<Vec<u8>> {
    if samples.len() < MIN_TRAINING_ROWS {
        return None;
    }
    // zstd refuses samples that are too small or too alike; plain zstd serves those.
    zstd::dict::from_samples(samples, DICTIONARY_BYTES).ok()
}

fn zstd_level(level: u8) -> i32 {
    i32::from(level)
}

fn damaged(message: &str) -> Error {
    Error::new(ErrorKind::Damaged, message)
}

fn failed(verb: &str, code: usize) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!(
            "zstd could not {verb} a row: {}",
            zstd_safe::get_error_name(code)
        ),
    )
}
