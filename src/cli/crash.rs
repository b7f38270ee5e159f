//! A panic becomes an error like any other.
//!
//! redb panics by design on some damage that only shows while it walks a file, so a panic is a way
//! for a command to end, not only a bug. Nobody is helped by a backtrace across the terminal.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result, SEE_REPAIR};

/// Where the last panic happened, as the hook saw it. The payload comes with the unwinding.
static PLACE: Mutex<Option<Place>> = Mutex::new(None);

struct Place {
    file: String,
    line: u32,
}

/// Runs a command; a panic in it becomes an error.
///
/// # Errors
/// What the command fails with, or the panic.
pub fn guard<T>(command: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::set_hook(Box::new(remember));
    // What the command borrowed is not used again, but for the printer, which copes.
    panic::catch_unwind(AssertUnwindSafe(command))
        .unwrap_or_else(|payload| Err(describe(payload.as_ref(), take_place())))
}

fn remember(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|location| Place {
        file: location.file().to_owned(),
        line: location.line(),
    });
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
}

fn take_place() -> Option<Place> {
    PLACE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn describe(payload: &(dyn Any + Send), place: Option<Place>) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown reason");
    let (file, line) = place.map_or((String::new(), 0), |place| (place.file, place.line));
    if in_redb(&file) {
        Error::new(
            ErrorKind::Damaged,
            format!("the cache is damaged: redb gave up on it: {text}"),
        )
        .help(SEE_REPAIR)
    } else {
        Error::new(
            ErrorKind::Failed,
            format!("internal error at {file}:{line}: {text}"),
        )
        .help("this is a bug: please report it with the command and this message")
    }
}

/// Whether a source file belongs to redb, in cargo's registry (`redb-4.6.0/src/…`) or vendored
/// (`redb/src/…`).
fn in_redb(file: &str) -> bool {
    file.split(['/', '\\']).any(|part| {
        part == "redb"
            || part
                .strip_prefix("redb-")
                .is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str) -> Option<Place> {
        Some(Place {
            file: file.to_owned(),
            line: 7,
        })
    }

    #[test]
    fn a_panic_of_redb_means_a_damaged_cache() {
        for file in [
            "registry/src/a-registry/redb-4.6.0/src/tree_store/btree.rs",
            "registry/src/another/redb-2.6.3/src/db.rs",
            "vendor/redb/src/db.rs",
        ] {
            let error = describe(&"boom", place(file));
            assert_eq!(error.kind(), ErrorKind::Damaged, "{file}");
        }
    }

    #[test]
    fn any_other_panic_is_a_bug_of_ours() {
        for file in ["src/cache/mod.rs", "/src/redb-cache/src/main.rs", ""] {
            let error = describe(&"boom".to_owned(), place(file));
            assert_eq!(error.kind(), ErrorKind::Failed, "{file}");
            assert!(error.to_string().contains("boom"));
        }
    }

    #[test]
    fn a_command_that_panics_ends_with_an_error() {
        let error = guard(|| -> Result<()> { panic!("boom {}", 1) }).unwrap_err();
        let _ = panic::take_hook();
        assert!(error.to_string().contains("boom 1"), "{error}");
        assert!(error.to_string().contains("crash.rs"), "{error}");
    }
}
