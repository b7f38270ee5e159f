//! The durable store that a command names.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{access, values};
use crate::cache::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{Address, Kind, Patience, Store, Survey, Token};

/// The variable that the token comes from, unless a file is named.
const TOKEN: &str = "TURSO_AUTH_TOKEN";

/// Which durable store, and how long to wait for it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Durable store")]
pub struct StoreArgs {
    /// The durable store: a libsql://, https:// or (on this machine) http:// address, or a database file,
    /// which is only ever read
    #[arg(
        long,
        value_name = "URL|PATH",
        env = "TURSO_DATABASE_URL",
        hide_env_values = true
    )]
    pub from: Option<OsString>,

    /// Read the token from this file, or from standard input if it is -; TURSO_AUTH_TOKEN unless
    /// given
    #[arg(long, value_name = "PATH")]
    pub auth_token_file: Option<PathBuf>,

    /// Allow http:// to other machines, where everybody on the way reads the token
    #[arg(long)]
    pub insecure: bool,

    /// How long to wait for a connection, and for each answer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = values::patience)]
    pub timeout: Duration,

    /// How often to try again what may pass
    #[arg(long, value_name = "N", default_value = "4")]
    pub retries: u32,
}

impl StoreArgs {
    /// Where the store is.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where none is named, or the address is of no use.
    pub fn address(&self) -> Result<Address> {
        let from = self.from.as_deref().ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                "it is not said where the durable store is",
            )
            .help("name it with --from, or in TURSO_DATABASE_URL")
        })?;
        Address::read(from, self.insecure)
    }

    /// Prepares to read the store. `check` is called while it is waited for.
    ///
    /// # Errors
    /// As [`StoreArgs::address`], [`Token::read`] and [`Store::open`].
    pub fn open<'a>(&self, check: &'a (dyn Fn() -> Result<()> + 'a)) -> Result<Store<'a>> {
        let address = self.address()?;
        let patience = Patience {
            timeout: self.timeout,
            retries: self.retries,
        };
        let token = if address.is_remote() {
            self.token(check)?
        } else {
            None
        };
        let is_in_address = |token: &Token| token.is_in(&address.to_string());
        if token.as_ref().is_some_and(is_in_address) {
            return Err(Address::with_secret());
        }
        Store::open(address, token, patience, check)
    }

    fn token(&self, check: &dyn Fn() -> Result<()>) -> Result<Option<Token>> {
        if let Some(path) = &self.auth_token_file {
            return match Token::read(path, check)? {
                None => Err(empty(path)),
                token => Ok(token),
            };
        }
        match std::env::var(TOKEN) {
            Ok(token) => Token::new(&token),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(Error::new(
                ErrorKind::Usage,
                format!("{TOKEN} holds no token"),
            )),
        }
    }
}

/// A message without the token that the environment holds.
#[must_use]
pub fn without_token(message: &str) -> String {
    let held = std::env::var(TOKEN).ok();
    match held.and_then(|text| Token::new(&text).ok().flatten()) {
        Some(token) => token.scrub(message),
        None => message.to_owned(),
    }
}

/// The tables of the cache that are named, or all that a store fills.
///
/// # Errors
/// [`ErrorKind::Usage`] for a name that is none of them.
pub fn tables(names: &[String]) -> Result<BTreeSet<Table>> {
    let known: BTreeSet<Table> = Kind::all().map(Kind::table).collect();
    if names.is_empty() {
        return Ok(known);
    }
    let named = names.iter().map(|name| {
        let table = access::table_named(name)?;
        known.contains(&table).then_some(table).ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("the table {table} follows from others"),
            )
            .help("episode_revisions come with episodes, the index with the sessions")
        })
    });
    named.collect()
}

/// A table that the store does not have says nothing about that of the cache.
///
/// # Errors
/// [`ErrorKind::Usage`] where the store does not have one of these.
pub fn require_there(tables: &BTreeSet<Table>, survey: &Survey) -> Result<()> {
    let there: BTreeSet<Table> = survey.tables.iter().map(|(kind, _)| kind.table()).collect();
    match tables.difference(&there).next() {
        Some(table) => Err(Error::new(
            ErrorKind::Usage,
            format!("the durable store has no table for {table}"),
        )),
        None => Ok(()),
    }
}

fn empty(path: &Path) -> Error {
    Error::new(ErrorKind::Usage, "there is no token in the file").at(path)
}
