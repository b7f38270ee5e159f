//! Reading a store to its end, and what must be true of every way to fail.

use std::error::Error as _;
use std::time::Duration;

use redb_cache::source::{Address, Entry, Kept, Kind, Patience, Store, Survey, Token, Unreadable};
use redb_cache::{Error, ErrorKind, Result};

/// A row, or why it cannot be read, with its table and its key there.
pub type Line = (Kind, String, Result<Entry, Unreadable>);

/// How a store is read.
#[derive(Clone)]
pub struct Reader {
    from: String,
    token: Option<String>,
    patience: Patience,
}

impl Reader {
    pub fn of(from: impl AsRef<std::ffi::OsStr>) -> Self {
        Self {
            from: from.as_ref().to_str().unwrap().to_owned(),
            token: None,
            patience: Patience {
                timeout: Duration::from_secs(20),
                retries: 3,
            },
        }
    }

    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub fn timeout(mut self, milliseconds: u64) -> Self {
        self.patience.timeout = Duration::from_millis(milliseconds);
        self
    }

    pub fn retries(mut self, retries: u32) -> Self {
        self.patience.retries = retries;
        self
    }

    /// Opens it and gives it away.
    pub fn with<T>(&self, read: impl FnOnce(&Store<'_>) -> Result<T>) -> Result<T> {
        let address = Address::read(self.from.as_ref(), false)?;
        let token = self.token.as_deref().map(Token::new).transpose()?.flatten();
        let store = Store::open(address, token, self.patience, &|| Ok(()))?;
        read(&store)
    }

    /// Every row of every table.
    pub fn all(&self) -> Result<Vec<Line>> {
        self.kept(Kept::default())
    }

    /// Every wanted row of every table.
    pub fn kept(&self, kept: Kept) -> Result<Vec<Line>> {
        self.with(|store| {
            let survey = store.survey(kept)?;
            let mut lines = Vec::new();
            for (kind, _) in &survey.tables {
                lines.extend(table(store, &survey, *kind)?);
            }
            store.confirm()?;
            Ok(lines)
        })
    }

    /// Why it cannot be read, after everything was checked that must be true of every such error.
    pub fn fault(&self) -> Error {
        let error = self.all().unwrap_err();
        assert!(
            error.advice().is_some_and(|help| !help.is_empty()),
            "{error}"
        );
        let message = error.to_string();
        assert!(!message.contains(['\n', '`']), "{message}");
        assert!(message.len() < 500, "{message}");
        if let Some(token) = &self.token {
            for told in told(&error) {
                assert_secret(token, &told);
            }
        }
        error
    }

    /// Demands that it fails so, and gives the message and the advice.
    pub fn fails(&self, kind: ErrorKind) -> String {
        let error = self.fault();
        assert_eq!(error.kind(), kind, "{error}");
        format!("{error} ({})", error.advice().unwrap_or_default())
    }
}

/// Every row of a table.
pub fn table(store: &Store<'_>, survey: &Survey, kind: Kind) -> Result<Vec<Line>> {
    let mut rows = store.rows(survey, kind, None);
    let mut lines = Vec::new();
    while let Some((id, entry)) = rows.next()? {
        lines.push((kind, id, entry));
    }
    Ok(lines)
}

/// Every form in which an error can be told.
fn told(error: &Error) -> Vec<String> {
    let mut told = vec![
        error.to_string(),
        format!("{error:?}"),
        format!("{error:#?}"),
        error.advice().unwrap_or_default().to_owned(),
    ];
    let mut cause = error.source();
    while let Some(error) = cause {
        told.extend([error.to_string(), format!("{error:?}")]);
        cause = error.source();
    }
    told
}

/// Demands that a text has no part of a token.
pub fn assert_secret(token: &str, text: &str) {
    for part in token.as_bytes().windows(12) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!text.contains(part), "{part} of the token is in: {text}");
    }
}
