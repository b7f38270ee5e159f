//! Telling a file that holds nothing yet from one that is no cache.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::bytes::u32_at;
use super::header::{LEN, MAGIC};
use crate::error::Result;

/// No new file of redb is longer before there is anything in it.
const LONGEST: u64 = 1 << 20;
/// Where the header states the size of a page, and what is always stated.
const PAGE_SIZE: (usize, u32) = (12, 4_096);

/// Whether there is no file at `path`, or one that holds nothing yet: an empty one, as programs
/// make to reserve a name, or one that redb had only begun to make when the process died.
///
/// # Errors
/// Those of the file system.
pub fn is_new(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {
            Ok(found.len() == 0 || found.len() <= LONGEST && is_begun(&File::open(path)?)?)
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Whether redb has only begun to make the file: the magic number comes last, and after the header
/// is nothing.
pub(super) fn is_begun(file: &File) -> Result<bool> {
    let len = file.metadata()?.len();
    if len < LEN as u64 || len > LONGEST {
        return Ok(false);
    }
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let mut magic = [0; MAGIC.len()];
    if !filled(file, &mut magic)? || !is_zero(&magic) {
        return Ok(false);
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    if !filled(file, &mut bytes)? {
        return Ok(false);
    }
    let (header, rest) = bytes.split_at(LEN.min(bytes.len()));
    let (magic, described) = header.split_at(MAGIC.len().min(header.len()));
    let is_redb = is_zero(described) || u32_at(header, PAGE_SIZE.0) == Some(PAGE_SIZE.1);
    Ok(is_redb && is_zero(magic) && is_zero(rest))
}

/// Reads from the beginning; no where a file is shorter, which somebody has cut meanwhile.
fn filled(file: &File, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact_at(bytes, 0) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_anything_is_not_new() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert!(is_new(&path).unwrap());
        let mut bytes = vec![0; 73_728];
        let mut check = |at: Option<usize>, expected: bool| {
            if let Some(at) = at {
                bytes[at] = 1;
            }
            fs::write(&path, &bytes).unwrap();
            assert_eq!(is_new(&path).unwrap(), expected, "{at:?}");
            if let Some(at) = at {
                bytes[at] = 0;
            }
        };
        check(None, true);
        for at in [0, 8, 9, 13, 319, 320, 73_727] {
            check(Some(at), false);
        }
        fs::write(&path, "").unwrap();
        assert!(is_new(&path).unwrap());
        fs::write(&path, [0; 100]).unwrap();
        assert!(!is_new(&path).unwrap(), "redb makes it longer at once");
        assert!(!is_new(dir.path()).unwrap());
    }
}
