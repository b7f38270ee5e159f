//! What is kept beside a cache under its name and a number, as `cache.redb.backup-1`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::replace::folder_of;
use crate::error::{Error, Result};

/// The files `<name>.<what>-<number>` beside `cache`, by their numbers.
///
/// # Errors
/// When the folder cannot be read.
pub fn numbered(cache: &Path, what: &str) -> Result<Vec<(u32, PathBuf)>> {
    let folder = folder_of(cache);
    let prefix = nth(cache, what, "");
    let prefix = prefix.file_name().unwrap_or_default().as_bytes();
    let mut found = Vec::new();
    let list = || -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    };
    for name in list().map_err(|error| Error::from(error).at(folder))? {
        let digits = name.as_bytes().strip_prefix(prefix).unwrap_or_default();
        // No sign, no leading zero: only what this program gives.
        let number = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse::<u32>().ok())
            .filter(|number| number.to_string().as_bytes() == digits);
        if let Some(number) = number {
            found.push((number, cache.with_file_name(name)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The name that follows the last one.
///
/// # Errors
/// When the folder cannot be read.
pub fn next_numbered(cache: &Path, what: &str) -> Result<PathBuf> {
    let last = numbered(cache, what)?
        .last()
        .map_or(0, |(number, _)| *number);
    Ok(nth(cache, what, &last.saturating_add(1).to_string()))
}

fn nth(cache: &Path, what: &str, number: &str) -> PathBuf {
    let mut name = cache.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}-{number}"));
    cache.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_after_the_greatest_is_next_and_other_names_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("a.redb");
        assert_eq!(numbered(&cache, "backup").unwrap(), []);
        for suffix in [
            "backup-9",
            "backup-10",
            "backup-011",
            "backup-",
            "other-99",
            "backup-x",
        ] {
            fs::write(folder.path().join(format!("a.redb.{suffix}")), "").unwrap();
        }
        let numbers: Vec<_> = numbered(&cache, "backup").unwrap();
        let numbers: Vec<_> = numbers.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [9, 10]);
        let next = next_numbered(&cache, "backup").unwrap();
        assert_eq!(next, folder.path().join("a.redb.backup-11"));
    }
}
