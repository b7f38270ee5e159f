//! The store as the commands see it: every call waits, and can be interrupted while it does.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

use super::address::Address;
use super::apart::{Fetched, ReadRow, take_apart};
use super::client::{Client, Patience, Unchanged};
use super::fault::Fault;
use super::fetch::{AHEAD, Message, fetch};
use super::rows::{self, Entry, Unreadable};
use super::select::{PAGE, Part, Select};
use super::shape::Kind;
use super::survey::{Kept, Survey};
use super::token::Token;
use crate::error::{Error, ErrorKind, Result};

/// How long a wait is deaf to an interruption.
const DEAF: Duration = Duration::from_millis(50);

/// A durable store, only ever read.
///
/// libsql runs on a thread of its own, where a panic of its ends a question and not the program.
pub struct Store<'a> {
    runtime: Option<Runtime>,
    client: Arc<Mutex<Client>>,
    address: Address,
    token: Option<Token>,
    unchanged: Option<Unchanged>,
    /// Whether to go on.
    check: &'a (dyn Fn() -> Result<()> + 'a),
}

impl<'a> Store<'a> {
    /// Prepares to read; a server is not asked anything yet. `check` is called while anything is
    /// waited for, and ends the waiting with its error.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] and [`ErrorKind::UnknownLayout`] for a file that is no database.
    pub fn open(
        address: Address,
        token: Option<Token>,
        patience: Patience,
        check: &'a (dyn Fn() -> Result<()> + 'a),
    ) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let client = Client::new(&address, token.as_ref(), patience);
        let (client, unchanged) = runtime.block_on(client)?;
        Ok(Self {
            runtime: Some(runtime),
            client: Arc::new(Mutex::new(client)),
            address,
            token,
            unchanged,
            check,
        })
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Finds out what there is.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Unauthorized`], and [`ErrorKind::UnknownLayout`] for
    /// a database that is not do-memory's.
    pub fn survey(&self, kept: Kept) -> Result<Survey> {
        let client = Arc::clone(&self.client);
        self.wait(async move { Survey::make(&mut *client.lock().await, kept).await })?
            .map_err(|fault| self.tell(&fault))
    }

    /// The wanted rows of a table in the order of the keys that the store gives them, after one of
    /// these, or from the first.
    #[must_use]
    pub fn rows(&self, survey: &Survey, kind: Kind, after: Option<&[u8]>) -> Rows<'_, Entry> {
        let after = after.map(<[u8]>::to_vec);
        let select = Select::new(kind, &survey.columns, &survey.kept);
        self.fetch(select, vec![Part::After(after)], rows::read)
    }

    /// Those rows of a table that have one of these keys in the store.
    #[must_use]
    pub fn rows_with(&self, survey: &Survey, kind: Kind, keys: &[String]) -> Rows<'_, Entry> {
        let parts = keys.chunks(PAGE / 2).map(|keys| Part::Keys(keys.to_vec()));
        let select = Select::new(kind, &survey.columns, &survey.kept);
        self.fetch(select, parts.collect(), rows::read)
    }

    /// The keys of the wanted rows of a table, as they are in the cache.
    #[must_use]
    pub fn keys(&self, survey: &Survey, kind: Kind) -> Rows<'_, String> {
        let select = Select::of_keys(kind, &survey.columns, &survey.kept);
        self.fetch(select, vec![Part::After(None)], rows::key)
    }

    /// Whether what was read is of one state, where that cannot be told earlier.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] when somebody wrote a file meanwhile that nobody had open.
    pub fn confirm(&self) -> Result<()> {
        self.unchanged.as_ref().map_or(Ok(()), Unchanged::check)
    }

    fn fetch<T>(&self, select: Select, parts: Vec<Part>, read: ReadRow<T>) -> Rows<'_, T> {
        Rows {
            store: self,
            select,
            read,
            parts: parts.into_iter(),
            coming: None,
            chunk: Vec::new().into_iter(),
            last_key: Vec::new(),
        }
    }

    /// Waits for a future that runs beside.
    fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let runtime = self.runtime()?;
        let mut running = runtime.spawn(future);
        loop {
            match runtime.block_on(async { timeout(DEAF, &mut running).await }) {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(_panic)) => return Err(self.tell(&Fault::nonsense())),
                Err(_elapsed) => (self.check)()?,
            }
        }
    }

    fn runtime(&self) -> Result<&Runtime> {
        self.runtime
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Failed, "the durable store is closed"))
    }

    fn tell(&self, fault: &Fault) -> Error {
        // Whoever wrote it is why it does not make sense.
        if let Err(written) = self.confirm() {
            return written;
        }
        fault.tell(&self.address, self.token.as_ref())
    }
}

impl Drop for Store<'_> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // SQLite may be deep in a question, for which nobody waits.
            runtime.shutdown_background();
        }
    }
}

/// Rows on their way, or what is wanted of them. They are taken apart beside whoever takes them.
pub struct Rows<'s, T> {
    store: &'s Store<'s>,
    select: Select,
    read: ReadRow<T>,
    parts: std::vec::IntoIter<Part>,
    coming: Option<mpsc::Receiver<Message<Fetched<T>>>>,
    chunk: std::vec::IntoIter<Fetched<T>>,
    last_key: Vec<u8>,
}

impl<T: Send + 'static> Rows<'_, T> {
    /// The key in the store of the row that came last, byte by byte.
    #[must_use]
    pub fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// The next row with its key in the store, or why it cannot be read; `None` after the last one.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] and [`ErrorKind::Unauthorized`], when nothing more can be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "what can fail for good is no iterator"
    )]
    pub fn next(&mut self) -> Result<Option<(String, Result<T, Unreadable>)>> {
        loop {
            if let Some(Fetched { key, row }) = self.chunk.next() {
                let id = String::from_utf8_lossy(&key).into_owned();
                self.last_key = key;
                return Ok(Some((id, row)));
            }
            if !self.receive()? {
                return Ok(None);
            }
        }
    }

    /// Waits for the next chunk. `false` after the last one.
    fn receive(&mut self) -> Result<bool> {
        let runtime = self.store.runtime()?;
        let Some(coming) = &mut self.coming else {
            let Some(part) = self.parts.next() else {
                return Ok(false);
            };
            let (found, from) = mpsc::channel(AHEAD);
            let client = Arc::clone(&self.store.client);
            runtime.spawn(fetch(client, self.select.clone(), part, found));
            let (to, coming) = mpsc::channel(AHEAD);
            let (kind, read) = (self.select.kind, self.read);
            runtime.spawn_blocking(move || take_apart(kind, read, from, &to));
            self.coming = Some(coming);
            return Ok(true);
        };
        match runtime.block_on(async { timeout(DEAF, coming.recv()).await }) {
            Err(_elapsed) => (self.store.check)()?,
            Ok(Some(Message::Rows(rows))) => self.chunk = rows.into_iter(),
            Ok(Some(Message::End)) => self.coming = None,
            Ok(Some(Message::Fault(fault))) => return Err(self.store.tell(&fault)),
            // libsql panicked.
            Ok(None) => return Err(self.store.tell(&Fault::nonsense())),
        }
        Ok(true)
    }
}
