//! A real libSQL server on this machine.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// `sqld` with a copy of a database, until it is dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    address: SocketAddr,
    /// What it serves; goes away with it.
    _folder: TempDir,
}

impl Server {
    /// The server's program, in the variable `REDB_CACHE_SQLD`; `None` where there is none.
    #[must_use]
    pub fn program() -> Option<PathBuf> {
        env::var_os("REDB_CACHE_SQLD").map(PathBuf::from)
    }

    /// Serves a copy of the database, which nobody may have open.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start(program: &Path, database: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the server")?;
        let data = folder.path().join("dbs/default");
        fs::create_dir_all(&data)?;
        fs::copy(database, data.join("data"))
            .with_context(|| format!("cannot copy {}", database.display()))?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command.arg("--db-path").arg(folder.path());
        command.args(["--http-listen-addr", &address.to_string(), "--no-welcome"]);
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let mut server = Self {
            process,
            address,
            _folder: folder,
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                bail!("the server ended with {status}");
            }
            if self.is_healthy().is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("the server did not get ready in {PATIENCE:?}")
    }

    fn is_healthy(&self) -> Result<()> {
        const PATIENCE: Duration = Duration::from_secs(1);
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Ok(())
    }
}

impl Drop for Server {
    /// It would not end at once by itself.
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}
