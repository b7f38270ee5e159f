//! The names of files that are not whole yet, which the next run removes.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// How the name ends of the file that is to replace another one.
const STAGE: &str = ".redb-cache-stage";
/// How the name ends of a file that is to get a name that is free.
const PART: &str = ".redb-cache-part";
/// How the name ends of the file that whoever writes such a part has locked.
const CLAIM: &str = ".redb-cache-lock";

/// Where the file is built that is to replace `path`.
pub(super) fn stage_of(path: &Path) -> PathBuf {
    beside(path, STAGE)
}

/// Where the file is built that is to become `path`.
pub(super) fn part_of(path: &Path) -> PathBuf {
    beside(path, PART)
}

/// What is locked by whoever builds the file that is to become `path`.
pub(super) fn claim_of(path: &Path) -> PathBuf {
    beside(path, CLAIM)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(ending);
    path.with_file_name(name)
}

/// Opens what an earlier run of ours has left to go on with; `None` where there is nothing, or what
/// has the name may be somebody else's.
pub(super) fn open_ours(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    let ours =
        found.is_file() && found.nlink() == 1 && found.uid() == rustix::process::geteuid().as_raw();
    Ok(ours.then_some(file))
}

/// Whether a run takes what has this name for the rest of one that was killed.
#[must_use]
pub fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let ends = |ending: &str| name.ends_with(ending.as_bytes());
    name.starts_with(b".") && [STAGE, PART, CLAIM].into_iter().any(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_are_given_are_recognised_and_no_others() {
        for path in ["cache.redb", "/data/cache.redb", ".hidden"] {
            let path = Path::new(path);
            assert!(!is_unfinished(path));
            for unfinished in [stage_of(path), part_of(path), claim_of(path)] {
                assert!(is_unfinished(&unfinished), "{unfinished:?}");
            }
            assert_eq!(stage_of(path).parent(), path.parent());
        }
        assert!(!is_unfinished(Path::new("my.redb-cache-stage")));
    }
}
