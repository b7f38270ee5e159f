//! Where rows go that are legible and cannot be trusted: JSON Lines, each with the bytes of one.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::inspect::reading::Shown;
use crate::error::{Error, Result};
use crate::file::{self, NewFile};
use crate::ui::json;

/// What it is, in errors.
const WHAT: &str = "quarantine file";
/// The word in its name.
const NAME: &str = "quarantine";

/// A quarantine file that comes to be with its first row.
pub(super) struct Quarantine {
    to: PathBuf,
    mode: u32,
    /// Fields drop in this order.
    open: Option<(BufWriter<File>, NewFile)>,
}

/// A row as it was found.
#[derive(Serialize)]
struct Line<'a> {
    table: &'a str,
    key: Shown<'a>,
    value: Shown<'a>,
    why: &'a str,
}

impl Quarantine {
    /// With the next number beside `out`.
    pub(super) fn beside(out: &Path, mode: u32) -> Result<Self> {
        Ok(Self {
            to: file::next_numbered(out, NAME)?,
            mode,
            open: None,
        })
    }

    /// Sets a row aside.
    pub(super) fn put(&mut self, table: &str, key: &[u8], value: &[u8], why: &str) -> Result<()> {
        let line = Line {
            table,
            key: match str::from_utf8(key) {
                Ok(text) => Shown::Text(text.into()),
                Err(_) => Shown::base64(key),
            },
            value: Shown::base64(value),
            why,
        };
        let (file, _) = match &mut self.open {
            Some(open) => open,
            none => {
                let (new, file) = NewFile::draft(&self.to, WHAT, self.mode)?;
                none.insert((BufWriter::new(file), new))
            }
        };
        json::write_line(&line, file)
            .map(drop)
            .map_err(|error| Error::from(error).at(&self.to))
    }

    /// Makes it durable under its name, and answers where it is. `None` is no row set aside.
    pub(super) fn finish(self) -> Result<Option<PathBuf>> {
        let Some((file, new)) = self.open else {
            return Ok(None);
        };
        let written = file.into_inner().map_err(|error| error.into_error());
        drop(written.map_err(|error| Error::from(error).at(&self.to))?);
        new.finish()?;
        Ok(Some(self.to))
    }
}
