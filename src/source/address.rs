//! What `--from` names.

use std::ffi::OsStr;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use hyper::Uri;

use crate::error::{Error, ErrorKind, Result};

/// A durable store, which is a file here or a server elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A libSQL or SQLite file.
    File(PathBuf),
    /// The `http://` or `https://` address of a server, without a query.
    Server(String),
}

impl Address {
    /// Reads `libsql://`, `https://` and `http://` addresses, `file:` and plain paths. Without TLS a
    /// server must be on this machine, unless `insecure`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for an address that is none, that holds a secret, or over which one
    /// would travel in the clear.
    pub fn read(text: &OsStr, insecure: bool) -> Result<Self> {
        let Some(address) = text.to_str() else {
            return Ok(Self::File(text.into()));
        };
        if let Some(path) = address.strip_prefix("file:") {
            let path = path.split('?').next().unwrap_or_default();
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self::File(path.into()));
        }
        match address.split_once("://") {
            Some((scheme, rest)) => server(&scheme.to_ascii_lowercase(), rest, insecure),
            None if address.is_empty() => {
                Err(unusable("the address of the durable store is empty")
                    .help("name its address or its file"))
            }
            None => Ok(Self::File(address.into())),
        }
    }

    /// The refusal of an address that holds a secret, which it does not repeat.
    #[must_use]
    pub fn with_secret() -> Error {
        unusable("the address of the durable store holds a secret")
            .help("an address is seen by every process: give the token in TURSO_AUTH_TOKEN")
    }

    /// Whether every row comes over a network.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        matches!(self, Self::Server(_))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(url) => f.write_str(url),
        }
    }
}

fn server(scheme: &str, rest: &str, insecure: bool) -> Result<Address> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    if place.contains('@') || query.to_ascii_lowercase().contains("token") {
        return Err(Address::with_secret());
    }
    let plain = match scheme {
        "http" => true,
        "libsql" => query.split('&').any(|option| option == "tls=0"),
        "https" => false,
        _ => {
            return Err(
                unusable("the durable store has an address of an unknown kind")
                    .help("it is libsql://…, https://…, http://… or the path of a file"),
            );
        }
    };
    let url = format!(
        "{}://{}",
        if plain { "http" } else { "https" },
        place.trim_end_matches('/')
    );
    let host = url
        .parse::<Uri>()
        .ok()
        .and_then(|uri| Some(uri.host()?.to_owned()));
    let Some(host) = host.filter(|host| !host.is_empty()) else {
        return Err(unusable("the address of the durable store names no host")
            .help("it is as libsql://name.turso.io"));
    };
    if plain && !insecure && !is_loopback(&host) {
        return Err(unusable("without TLS the token would travel in the clear")
            .help("use https:// or libsql://, or say --insecure"));
    }
    Ok(Address::Server(url))
}

/// Whether a host is this machine, by its name alone.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    address.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn unusable(message: &str) -> Error {
    Error::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address> {
        Address::read(text.as_ref(), false)
    }

    #[test]
    fn files_and_servers_are_told_apart() {
        for (text, path) in [
            ("data/turso.db", "data/turso.db"),
            ("file:turso.db", "turso.db"),
            ("file:///var/turso.db?mode=rw", "/var/turso.db"),
        ] {
            assert_eq!(read(text).unwrap(), Address::File(path.into()), "{text}");
        }
        for (text, url) in [
            ("libsql://db.turso.io", "https://db.turso.io"),
            ("LIBSQL://db.turso.io/?x=1", "https://db.turso.io"),
            ("libsql://localhost:8080?tls=0", "http://localhost:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(read(text).unwrap(), Address::Server(url.into()), "{text}");
        }
    }

    #[test]
    fn an_address_without_sense_is_refused() {
        for text in ["", "wss://db", "https://", "http:// x", "ftp://a/b"] {
            assert_eq!(read(text).unwrap_err().kind(), ErrorKind::Usage, "{text}");
        }
    }

    #[test]
    fn a_secret_in_the_address_is_refused_and_not_repeated() {
        for text in ["https://u:hunter2@db", "libsql://db?authToken=hunter2"] {
            let error = read(text).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_token_travels_in_the_clear_on_this_machine_only() {
        for text in [
            "http://db.example",
            "http://127.0.0.1.example",
            "libsql://db?tls=0",
        ] {
            assert_eq!(read(text).unwrap_err().kind(), ErrorKind::Usage, "{text}");
            assert!(Address::read(text.as_ref(), true).is_ok());
        }
    }
}
