//! The files that a command is told to write.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::file;

/// Refuses names of which one would be lost: the same for two files, and those of unfinished
/// files, which the next run removes.
///
/// # Errors
/// [`ErrorKind::Usage`].
pub fn require_usable(cache: &Path, named: &[(&str, &Option<PathBuf>)]) -> Result<()> {
    let named = named
        .iter()
        .filter_map(|(option, path)| Some((*option, path.as_deref()?)));
    let mut seen = vec![("--cache", resolved(cache))];
    for (option, path) in named {
        if file::is_unfinished(path) {
            let text = format!("{option} has a name of unfinished files, which are removed");
            return Err(usage(text, path).help("name another path"));
        }
        let resolved = resolved(path);
        if let Some((other, _)) = seen.iter().find(|(_, taken)| *taken == resolved) {
            let text = format!("{other} and {option} name the same file");
            return Err(usage(text, path).help("give each a name of its own"));
        }
        seen.push((option, resolved));
    }
    Ok(())
}

fn usage(text: String, path: &Path) -> Error {
    Error::new(ErrorKind::Usage, text).at(path)
}

/// The path without links on the way, also of a file that does not exist yet.
fn resolved(path: &Path) -> PathBuf {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let of_none = || Some(fs::canonicalize(folder).ok()?.join(path.file_name()?));
    let found = fs::canonicalize(path).ok().or_else(of_none);
    found.unwrap_or_else(|| path.to_owned())
}
