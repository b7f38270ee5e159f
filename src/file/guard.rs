//! redb panics, by design, on some damaged files. Here that becomes an error.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::error::{Error, ErrorKind, Result, SEE_REPAIR};

thread_local! {
    /// How many [`catch`] calls this thread is inside of.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
}

struct Catching;

impl Catching {
    fn enter() -> Self {
        CATCHING.set(CATCHING.get().saturating_add(1));
        Self
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        CATCHING.set(CATCHING.get().saturating_sub(1));
    }
}

/// Runs `f`; a panic inside is reported as damage of the file. Whatever `f` was working on must
/// not be used afterwards.
///
/// # Errors
/// Those of `f`, and [`ErrorKind::Damaged`] for a panic.
pub fn catch<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    let _catching = Catching::enter();
    panic::catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|payload| Err(damaged(&*payload)))
}

fn damaged(payload: &(dyn Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .and_then(|text| text.lines().next())
        .unwrap_or("without a message");
    Error::new(
        ErrorKind::Damaged,
        format!("the cache is damaged: redb gave up on it: {text}"),
    )
    .help(SEE_REPAIR)
}

/// Keeps panics that [`catch`] turns into errors off stderr. A program calls it once, first
/// thing; a library must not touch the panic hook of the program it is part of.
pub fn hush_caught_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.get() == 0 {
                previous(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_damage_with_its_first_line() {
        hush_caught_panics();
        let error = catch::<()>(|| panic!("page {} is torn\nmore", 7)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert_eq!(
            error.to_string(),
            "the cache is damaged: redb gave up on it: page 7 is torn"
        );
    }
}
