//! The ways to one commit of a file, and what each of them has to prove.

use std::fs::{self, File};

use redb::ConcurrencyMode;

#[cfg(feature = "cli")]
use super::super::era2::Era2;
use super::super::era3::Era3;
use super::super::header::{FileFormat, Header, Identity};
use super::super::read::Source;
use super::super::verified::Torn;
use super::super::walk::Walk;
use super::in_between;
use crate::error::Result;

pub(super) enum Era {
    #[cfg(feature = "cli")]
    V2(Era2),
    V3(Era3),
    /// A file at rest, of either format. What redb is needed for, it reads itself.
    Closed(Walk, Option<Era3>),
}

/// What must hold for what was read to be one commit.
pub(super) enum Proof {
    /// Every page that was read belongs to the commit of the header.
    Pages(Torn),
    /// No commit came in between.
    SameHeader,
    /// Nobody can change what is read: redb's own lock keeps writers away, or it is a copy.
    Own,
}

/// How a file is opened for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::file) enum Way {
    Verified,
    Repaired,
    Shared(ConcurrencyMode),
}

pub(super) fn verified(file: File, header: &Header) -> Result<(Era, Proof)> {
    if !header.is_at_rest() {
        let torn = Torn::default();
        let era = Era::V3(Era3::verified(file, header, &torn)?);
        return Ok((era, Proof::Pages(torn)));
    }
    let walk = Walk::new(file.try_clone()?, header)?;
    let torn = walk.torn();
    let engine = match header.format() {
        FileFormat::V3 => Some(Era3::verified(file, header, &torn)?),
        _ => None,
    };
    Ok((Era::Closed(walk, engine), Proof::Pages(torn)))
}

pub(super) fn repaired(file: File, format: FileFormat, verify: bool) -> Result<(Era, Proof)> {
    let era = match format {
        FileFormat::V3 => Era::V3(Era3::repaired(file, verify)?),
        #[cfg(feature = "cli")]
        FileFormat::V2 => Era::V2(Era2::open(file, verify)?),
        _ => return Err(redb::DatabaseError::UpgradeRequired(2).into()),
    };
    Ok((era, Proof::SameHeader))
}

pub(super) fn shared(source: &Source, mode: ConcurrencyMode) -> Result<(Era, Proof)> {
    let era = Era3::shared(&source.path, mode)?;
    // redb opens whichever file has the path now.
    if Identity::of(&fs::metadata(&source.path)?) != Identity::of(&source.metadata) {
        return Err(in_between());
    }
    Ok((Era::V3(era), Proof::Own))
}
