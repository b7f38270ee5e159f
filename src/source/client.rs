//! The connection to a store: every wait is bounded, and what may pass is tried again.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use libsql::{Builder, Connection, Database, OpenFlags, Row, Rows, Value};
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::connector::{Connector, Meter};
use super::fault::{Fault, caught};
use super::token::Token;
use crate::error::{Error, ErrorKind, Result};

/// How long a server may be silent before the connection to it is made anew: it forgets one after
/// ten seconds.
const IDLE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a store may keep one waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, for an answer to begin, and for each of its rows.
    pub timeout: Duration,
    /// How often the same question is put again, after a pause that doubles.
    pub retries: u32,
}

pub(super) struct Client {
    database: Database,
    connection: Option<Connection>,
    used: Instant,
    patience: Patience,
    remote: bool,
    meter: Meter,
}

impl Client {
    /// Prepares the connection, and makes none yet.
    pub(super) async fn new(
        address: &Address,
        token: Option<&Token>,
        patience: Patience,
    ) -> Result<(Self, Option<Unchanged>)> {
        let meter = Meter::default();
        let (built, unchanged) = match address {
            Address::Server(url) => {
                let secret = token.map(Token::secret).unwrap_or_default();
                let connector = Connector::new(url, patience.timeout, meter.clone());
                let builder = Builder::new_remote(url.clone(), secret.to_owned());
                (builder.connector(connector).build().await, None)
            }
            Address::File(path) => {
                let file = require_database(path)?;
                let builder = Builder::new_local(file.uri())
                    .flags(OpenFlags::SQLITE_OPEN_READ_ONLY)
                    .build();
                (builder.await, file.is_quiet.then_some(file))
            }
        };
        let database = built.map_err(|error| Fault::of(&error).tell(address, token))?;
        let client = Self {
            database,
            connection: None,
            used: Instant::now(),
            patience,
            remote: address.is_remote(),
            meter,
        };
        Ok((client, unchanged))
    }

    pub(super) async fn query(&mut self, sql: &str, with: Vec<Value>) -> Result<Rows, Fault> {
        let connection = self.connection().await?;
        let rows = self.bounded(connection.query(sql, with)).await?;
        rows.map_err(|error| Fault::of(&error))
    }

    pub(super) async fn next(&mut self, rows: &mut Rows) -> Result<Option<Row>, Fault> {
        let row = self.bounded(rows.next()).await?;
        self.used = Instant::now();
        row.map_err(|error| Fault::of(&error))
    }

    /// The whole of a small answer, every cell as its bytes.
    pub(super) async fn ask(
        &mut self,
        question: &str,
        with: Vec<Value>,
        width: usize,
    ) -> Result<Vec<Vec<Option<Vec<u8>>>>, Fault> {
        let columns: Vec<_> = (0..width).map(|at| format!("c{at}")).collect();
        let casts: Vec<_> = columns
            .iter()
            .map(|name| format!("CAST({name} AS BLOB)"))
            .collect();
        let question = format!(
            "WITH answer({}) AS ({question}) SELECT 0, {} FROM answer UNION ALL SELECT 1, {}",
            columns.join(", "),
            casts.join(", "),
            vec!["NULL"; width].join(", ")
        );
        let mut attempt = 0;
        loop {
            match self.whole(&question, with.clone(), width).await {
                Err(fault) => self.recover(fault, &mut attempt).await?,
                answer => return answer,
            }
        }
    }

    async fn whole(
        &mut self,
        question: &str,
        with: Vec<Value>,
        width: usize,
    ) -> Result<Vec<Vec<Option<Vec<u8>>>>, Fault> {
        let mut rows = self.query(question, with).await?;
        let mut answer = Vec::new();
        while let Some(row) = self.next(&mut rows).await? {
            if is_last(&row) {
                self.drain(rows).await;
                return Ok(answer);
            }
            answer.push((0..width).map(|at| cell(&row, at + 1)).collect());
        }
        Err(Fault::cut_off())
    }

    /// Reads what comes after the last row, so that the connection can be used again.
    pub(super) async fn drain(&mut self, mut rows: Rows) {
        if !matches!(self.next(&mut rows).await, Ok(None)) {
            self.connection = None;
        }
    }

    pub(super) const fn is_remote(&self) -> bool {
        self.remote
    }

    /// Gives the connection up; the next question makes one anew.
    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The fault itself where no attempt is left, or none would help.
    pub(super) async fn recover(&mut self, fault: Fault, attempt: &mut u32) -> Result<(), Fault> {
        self.connection = None;
        if !fault.may_pass() || *attempt >= self.patience.retries {
            return Err(fault);
        }
        let pause = FIRST_PAUSE
            .saturating_mul(2u32.saturating_pow(*attempt))
            .min(LONGEST_PAUSE);
        *attempt += 1;
        // Those who were turned away together shall not come back together.
        let share = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        sleep(pause.mul_f64(0.5 + share / 2.0)).await;
        Ok(())
    }

    async fn connection(&mut self) -> Result<Connection, Fault> {
        if let Some(connection) = &self.connection {
            if self.remote && self.used.elapsed() > IDLE {
                self.bounded(connection.reset()).await?;
            }
            return Ok(connection.clone());
        }
        let connection = self.database.connect().map_err(|error| Fault::of(&error))?;
        connection
            .busy_timeout(self.patience.timeout)
            .map_err(|error| Fault::of(&error))?;
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    async fn bounded<T>(&self, wait: impl Future<Output = T>) -> Result<T, Fault> {
        let patience = self.patience.timeout;
        self.meter.reset();
        match timeout(patience, caught(wait)).await {
            Ok(done) => done.ok_or_else(Fault::nonsense),
            Err(_elapsed) => Err(Fault::timeout(patience)),
        }
    }
}

/// Whether a row says that the answer is whole.
pub(super) fn is_last(row: &Row) -> bool {
    matches!(row.get_value(0), Ok(Value::Integer(1)))
}

/// A cell as its bytes.
pub(super) fn cell(row: &Row, at: usize) -> Option<Vec<u8>> {
    match row.get_value(i32::try_from(at).ok()?) {
        Ok(Value::Blob(bytes)) => Some(bytes),
        _ => None,
    }
}

/// A database file that nobody had open when it was opened here. It is read without the files that
/// SQLite would make beside it, so nobody may have opened it meanwhile.
pub(super) struct Unchanged {
    path: PathBuf,
    /// Whether it has a write-ahead log in its header and none beside it.
    is_quiet: bool,
    state: (u64, i64, i64),
}

impl Unchanged {
    fn uri(&self) -> String {
        let mut uri = "file:".to_owned();
        for byte in self.path.as_os_str().as_bytes() {
            match byte {
                b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
                byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
                byte => uri.push_str(&format!("%{byte:02x}")),
            }
        }
        if self.is_quiet {
            uri.push_str("?immutable=1");
        }
        uri
    }

    /// Whether the file is still as it was.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] when it is not.
    pub(super) fn check(&self) -> Result<()> {
        let is_same = || Ok(state(&self.path)? == self.state && !has_log(&self.path)?);
        if is_same().map_err(|error| unreadable(&self.path, error))? {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unreachable,
            "the durable store was written while it was read",
        )
        .at(&self.path)
        .help("run the same command again"))
    }
}

fn require_database(path: &Path) -> Result<Unchanged> {
    let unreadable =
        |error| unreadable(path, error).help("name the database of do-memory with --from");
    let path = std::fs::canonicalize(path).map_err(unreadable)?;
    if !std::fs::metadata(&path).map_err(unreadable)?.is_file() {
        return Err(no_database(&path));
    }
    let mut header = [0; 20];
    let mut file = File::open(&path).map_err(unreadable)?;
    // Pages are read in the order of the keys, which is none on the disk: ask for them in that of the
    // file beforehand. It is advice, and may go unheard.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::WillNeed);
    let whole = file.read_exact(&mut header);
    if whole.is_err() || !header.starts_with(b"SQLite format 3\0") {
        return Err(no_database(&path));
    }
    Ok(Unchanged {
        is_quiet: header.get(18) == Some(&2) && !has_log(&path).map_err(unreadable)?,
        state: state(&path).map_err(unreadable)?,
        path,
    })
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unreachable, "the durable store cannot be read")
        .at(path)
        .caused_by(error)
}

fn no_database(path: &Path) -> Error {
    Error::new(
        ErrorKind::UnknownLayout,
        "the durable store is no libSQL or SQLite database",
    )
    .at(path)
    .help("name the database of do-memory with --from")
}

fn state(path: &Path) -> std::io::Result<(u64, i64, i64)> {
    let found = std::fs::metadata(path)?;
    Ok((found.len(), found.mtime(), found.mtime_nsec()))
}

/// Whether somebody has the database open, or left without writing everything into it.
fn has_log(path: &Path) -> std::io::Result<bool> {
    for ending in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        if Path::new(&name).try_exists()? {
            return Ok(true);
        }
    }
    Ok(false)
}
