//! The cache that is there before.

use std::{fs, io};

use super::super::{Context, access};
use crate::cache::View;
use crate::cache::facts::{ACTIVITY_KEY, Activity, LIMITS_KEY, Limits};
use crate::cache::schema::{self, Standing};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{Header, Snapshot};

/// What is known of a cache that a rebuild replaces.
#[derive(Debug, Default)]
pub struct Old {
    /// Whether it is of the current layout, so that tables of it can be carried over.
    pub is_current: bool,
    /// Whether it can be read at all.
    pub is_legible: bool,
    pub limits: Option<Limits>,
    pub activity: Option<Activity>,
}

impl Old {
    /// Looks at the cache; `None` where there is none. One that is damaged is replaced all the same.
    ///
    /// # Errors
    /// When the file is no redb file, is of a newer layout, or in use.
    pub fn look(context: &Context<'_>) -> Result<Option<Self>> {
        match fs::symlink_metadata(&context.cache) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // Below a file nothing can be, which the next look tells.
            Err(error) if error.kind() != io::ErrorKind::NotADirectory => {
                return Err(Error::from(error).at(&context.cache));
            }
            _ => {}
        }
        Header::read(&context.cache)
            .and_then(|header| header.require_known())
            .map_err(|error| {
                error
                    .at(&context.cache)
                    .help("move the file away, and the rebuild makes a new one")
            })?;
        match access::snapshot(context, Self::of) {
            Err(error) if error.kind() == ErrorKind::Damaged => Ok(Some(Self::default())),
            old => old.map(Some),
        }
    }

    fn of(snapshot: &Snapshot) -> Result<Self> {
        access::require_known(snapshot)?;
        let readable = Self {
            is_legible: true,
            ..Self::default()
        };
        let Some(txn) = snapshot.transaction().cloned() else {
            return Ok(readable);
        };
        if !matches!(schema::check(&txn), Ok(Standing::Current)) {
            return Ok(readable);
        }
        let view = View::new(txn);
        Ok(Self {
            is_current: true,
            limits: view.fact(LIMITS_KEY)?,
            activity: view.fact(ACTIVITY_KEY)?,
            ..readable
        })
    }
}
