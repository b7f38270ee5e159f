//! One row as it came from the store: every cell as its bytes.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::compressed::inflate;

/// The columns of a row, by name. A number is its decimal text, so that nothing depends on how a
/// release declared the column; `None` is SQL's NULL, or a column that the store does not have.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    pub(super) names: Arc<[&'static str]>,
    pub(super) values: Vec<Option<Vec<u8>>>,
}

/// What is wrong with a row.
pub(super) type Flaw = String;

impl Cells {
    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.values.get(at)?.as_deref()
    }

    fn required(&self, name: &str) -> Result<&[u8], Flaw> {
        self.bytes(name)
            .ok_or_else(|| format!("{name}: there is nothing"))
    }

    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&str>, Flaw> {
        let text = self.bytes(name).map(std::str::from_utf8).transpose();
        text.map_err(|error| format!("{name}: {error}"))
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, Flaw> {
        std::str::from_utf8(self.required(name)?).map_err(|error| format!("{name}: {error}"))
    }

    pub(super) fn uuid(&self, name: &str) -> Result<Uuid, Flaw> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| format!("{name}: {text:?} is no UUID"))
    }

    /// Unix seconds.
    pub(super) fn time(&self, name: &str) -> Result<DateTime<Utc>, Flaw> {
        self.optional_time(name)?
            .ok_or_else(|| format!("{name}: there is nothing"))
    }

    /// Unix seconds, or nothing.
    pub(super) fn optional_time(&self, name: &str) -> Result<Option<DateTime<Utc>>, Flaw> {
        let Some(seconds) = self.number::<i64>(name)? else {
            return Ok(None);
        };
        let time = DateTime::from_timestamp(seconds, 0);
        time.map(Some)
            .ok_or_else(|| format!("{name}: {seconds} is no time"))
    }

    pub(super) fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, Flaw> {
        let Some(text) = self.optional_text(name)? else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| format!("{name}: {text:?} is no such number"))
    }

    /// JSON text, compressed or not.
    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Flaw> {
        self.json_with(name, |bytes| serde_json::from_slice(bytes))
    }

    /// The same where nothing, and JSON's `null`, is `None`.
    pub(super) fn optional_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Flaw> {
        match self.bytes(name) {
            Some(_) => self.json(name),
            None => Ok(None),
        }
    }

    /// JSON text that `read` takes apart.
    pub(super) fn json_with<T>(
        &self,
        name: &str,
        read: impl FnOnce(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, Flaw> {
        let plain = inflate(self.required(name)?).map_err(|flaw| format!("{name}: {flaw}"))?;
        read(&plain).map_err(|error| format!("{name}: {error}"))
    }

    /// A vector of `f32` as JSON text, or as its little-endian bytes compressed.
    pub(super) fn vector(&self, name: &str) -> Result<Vec<f32>, Flaw> {
        let flawed = |flaw: String| format!("{name}: {flaw}");
        let column = self.required(name)?;
        match inflate(column).map_err(flawed)? {
            Cow::Borrowed(json) => {
                let floats: Vec<f32> =
                    serde_json::from_slice(json).map_err(|error| flawed(error.to_string()))?;
                require_dimensions(floats.len()).map_err(flawed)?;
                Ok(floats)
            }
            Cow::Owned(bytes) => floats(&bytes).map_err(flawed),
        }
    }
}

/// The dimensions that libSQL gives a vector at most. No model comes near; a column that inflates
/// could claim millions.
const MAX_DIMENSIONS: usize = 65_536;

fn require_dimensions(count: usize) -> Result<(), Flaw> {
    if count > MAX_DIMENSIONS {
        return Err(format!("{count} dimensions are more than a vector has"));
    }
    Ok(())
}

/// The `f32`s of little-endian bytes.
pub(super) fn floats(bytes: &[u8]) -> Result<Vec<f32>, Flaw> {
    let (floats, rest) = bytes.as_chunks::<4>();
    require_dimensions(floats.len())?;
    if rest.is_empty() {
        return Ok(floats
            .iter()
            .map(|float| f32::from_le_bytes(*float))
            .collect());
    }
    Err(format!("{} bytes are no vector of f32", bytes.len()))
}
