//! The names of files that are not whole yet, which the next run removes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

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
