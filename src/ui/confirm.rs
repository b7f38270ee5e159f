//! A question before something that cannot be undone.

use dialoguer::Confirm;
use dialoguer::console::Term;

use super::text::escape;
use crate::error::{Error, ErrorKind, Result};

/// What a person answered.
pub(super) enum Answer {
    /// Go on.
    Yes,
    /// Leave everything as it is.
    No,
}

/// Asks on stderr. Only a person at a terminal is asked; a script would hang.
pub(super) fn ask(question: &str) -> Result<Answer> {
    let answer = Confirm::new()
        .with_prompt(escape(question).into_owned())
        .default(false)
        .interact_opt();
    match answer {
        Ok(Some(true)) => Ok(Answer::Yes),
        Ok(_) => Ok(Answer::No),
        Err(dialoguer::Error::IO(error)) => {
            // The prompt hides the cursor and leaves it so when a signal ends it.
            let _ = Term::stderr().show_cursor();
            if error.kind() == std::io::ErrorKind::Interrupted {
                Err(Error::new(ErrorKind::Interrupted, "interrupted"))
            } else {
                Err(Error::new(ErrorKind::Unconfirmed, "no answer").caused_by(error))
            }
        }
    }
}

/// Nobody is there to be asked.
pub(super) fn nobody(question: &str) -> Error {
    Error::new(
        ErrorKind::Unconfirmed,
        format!("not done without confirmation: {question}"),
    )
    .help("repeat with --yes")
}

/// The answer was no.
pub(super) fn refused() -> Error {
    Error::new(ErrorKind::Unconfirmed, "not confirmed, nothing was changed")
}
