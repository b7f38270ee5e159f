//! How libsql reaches a server: TCP, and TLS with the certificates of this machine.
//!
//! libsql's own connector is of a TLS release with known advisories, panics on a machine without
//! certificates, and waits for ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Uri;
use hyper::client::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::address::is_loopback;

/// Bytes that may come before anything can be made of them. The longest row that is read takes a
/// third of them.
const MAX_UNREAD: u64 = 64 << 20;

/// Counts what came since the last row, because libsql takes in any answer to its end.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Something could be made of what came.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn count(&self, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        if self.0.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_UNREAD {
            return Err(io::Error::other("its answer has no end"));
        }
        Ok(())
    }
}

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector {
    /// `None` where the store is reached without TLS.
    tls: Option<TlsConnector>,
    /// Where the store is. A server may name another address for the requests that follow; it
    /// cannot talk the token out of TLS, or out of this machine without TLS.
    host: String,
    patience: Duration,
    meter: Meter,
}

impl Connector {
    pub(super) fn new(url: &str, patience: Duration, meter: Meter) -> Self {
        let tls = url.starts_with("https:");
        let host = url.parse().ok();
        let host = host.and_then(|uri: Uri| Some(uri.host()?.to_owned()));
        Self {
            tls: tls.then(|| TlsConnector::from(Arc::new(config()))),
            host: host.unwrap_or_default(),
            patience,
            meter,
        }
    }

    /// Whether the token may go there.
    fn trusts(&self, host: &str, secure: bool) -> bool {
        secure == self.tls.is_some() && (secure || is_loopback(host) || host == self.host)
    }

    async fn connect(self, uri: Uri) -> io::Result<Socket> {
        let host = uri.host().unwrap_or_default();
        let secure = uri.scheme_str() == Some("https");
        let is_trusted = self.trusts(host, secure);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        if !is_trusted {
            return Err(io::Error::other(
                "the server asked to go on at an address of another kind",
            ));
        }
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = self.tls else {
            return Ok(Socket::new(Stream::Plain(stream), self.meter));
        };
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = tls.connect(name, stream).await?;
        Ok(Socket::new(Stream::Secure(Box::new(stream)), self.meter))
    }
}

fn config() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    // Those that cannot be read count for nothing; a server that needs them is then unknown.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl tower_service::Service<Uri> for Connector {
    type Response = Socket;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Socket>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (patience, connector) = (self.patience, self.clone());
        Box::pin(async move {
            timeout(patience, connector.connect(uri))
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        })
    }
}

/// A connection.
pub(super) struct Socket {
    stream: Stream,
    meter: Meter,
}

enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Socket {
    fn new(stream: Stream, meter: Meter) -> Self {
        Self { stream, meter }
    }

    fn read(self: Pin<&mut Self>) -> Pin<&mut (dyn AsyncRead + Unpin)> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream),
            Stream::Secure(stream) => Pin::new(stream.as_mut()),
        }
    }

    fn write(self: Pin<&mut Self>) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream),
            Stream::Secure(stream) => Pin::new(stream.as_mut()),
        }
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.as_mut().read().poll_read(context, buffer))?;
        Poll::Ready(self.meter.count(buffer.filled().len() - before))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write().poll_shutdown(context)
    }
}
