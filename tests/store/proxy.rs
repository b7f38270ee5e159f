//! A small server that stands before the real one, or in its place, and misbehaves.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::CertifiedKey;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What happens to a request.
#[derive(Clone)]
pub enum Act {
    /// The server behind answers it.
    Forward,
    /// That answer after it was changed.
    Change(Arc<dyn Fn(&mut Answer) + Send + Sync>),
    /// That answer, but so many bytes of its body.
    Cut(usize, Ending),
    /// An answer of its own.
    Say(Answer),
    /// These very bytes.
    Raw(Vec<u8>),
    /// These very bytes, and then silence for good.
    Stall(Vec<u8>),
    /// These bytes again and again.
    Flood(Vec<u8>, Vec<u8>),
}

/// How an answer that is cut ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As if it were whole.
    Clean,
    /// By closing the connection, where its length was told before.
    Short,
    /// By closing the connection before the last chunk.
    Unfinished,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    /// Whether rows are asked for.
    pub fn is_cursor(&self) -> bool {
        self.head.starts_with("POST /v3/cursor")
    }

    /// What is asked, apart from what the server calls the connection.
    pub fn question(&self) -> String {
        let mut body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["baton"].take();
        body.to_string()
    }

    /// Whether nobody waits for the answer.
    fn is_farewell(&self) -> bool {
        self.body.contains(r#""type":"close""#)
    }
}

impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Say(answer) => write!(f, "{answer:?}"),
            Self::Raw(bytes) | Self::Stall(bytes) | Self::Flood(bytes, _) => {
                write!(f, "{:?}", String::from_utf8_lossy(bytes))
            }
            Self::Cut(cut, ending) => write!(f, "{cut} bytes, {ending:?}"),
            Self::Forward | Self::Change(_) => f.write_str("as the server behind"),
        }
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: String,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: status.to_owned(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub fn with(mut self, header: &str) -> Self {
        self.headers.push(header.to_owned());
        self
    }

    fn bytes(&self, cut: usize, ending: Ending) -> Vec<u8> {
        let body = &self.body[..cut.min(self.body.len())];
        let mut bytes = format!("HTTP/1.1 {}\r\nConnection: close\r\n", self.status);
        for header in &self.headers {
            bytes.push_str(&format!("{header}\r\n"));
        }
        bytes.push_str(&match ending {
            Ending::Clean => format!("Content-Length: {}\r\n\r\n", body.len()),
            Ending::Short => format!("Content-Length: {}\r\n\r\n", self.body.len()),
            Ending::Unfinished => "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
        });
        // A chunk of no bytes would be the last.
        if ending != Ending::Unfinished || body.is_empty() {
            return [bytes.as_bytes(), body].concat();
        }
        let chunk = format!("{:x}\r\n", body.len());
        [bytes.as_bytes(), chunk.as_bytes(), body, b"\r\n"].concat()
    }
}

type Script = dyn Fn(usize, &Request) -> Act + Send + Sync;

/// Who answers what is forwarded.
enum Behind {
    Nobody,
    Server(u16),
    /// Asked only what nobody has asked before.
    Remembered(u16, Arc<Memory>),
}

/// What a server answered, by what it was asked.
pub type Memory = Mutex<HashMap<String, Answer>>;

struct Shared {
    behind: Behind,
    script: Box<Script>,
    asked: AtomicUsize,
    heard: Mutex<Vec<(Request, Option<Answer>)>>,
    stop: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
}

/// The server. It is gone with this value.
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
}

impl Proxy {
    /// Stands before a server: the script says for the first (0), second, … request what becomes of
    /// it.
    pub fn before(
        port: u16,
        script: impl Fn(usize, &Request) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::start(Behind::Server(port), Box::new(script), None)
    }

    /// Stands alone and does the same with every request.
    pub fn always(act: Act) -> Self {
        Self::start(Behind::Nobody, Box::new(move |_, _| act.clone()), None)
    }

    /// Stands before a server and speaks TLS.
    pub fn secure(port: u16, certificate: &CertifiedKey<rcgen::KeyPair>) -> Self {
        let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.cert.der().clone()], key)
            .unwrap();
        Self::start(
            Behind::Server(port),
            Box::new(|_, _| Act::Forward),
            Some(config),
        )
    }

    /// The same for a server that is asked only what nobody has asked before: so it never has too
    /// many connections that nobody closed.
    pub fn remembering(
        port: u16,
        memory: &Arc<Memory>,
        script: impl Fn(usize, &Request) -> Act + Send + Sync + 'static,
    ) -> Self {
        let behind = Behind::Remembered(port, Arc::clone(memory));
        Self::start(behind, Box::new(script), None)
    }

    fn start(behind: Behind, script: Box<Script>, tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            behind,
            script,
            asked: AtomicUsize::new(0),
            heard: Mutex::default(),
            stop: AtomicBool::new(false),
            tls: tls.map(Arc::new),
        });
        let server = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if server.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (server, stream) = (Arc::clone(&server), stream.unwrap());
                // Whoever asked may have gone.
                std::thread::spawn(move || server.meet(stream));
            }
        });
        Self { shared, port }
    }

    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() {
            "https://localhost"
        } else {
            "http://127.0.0.1"
        };
        format!("{scheme}:{}", self.port)
    }

    /// How much was asked, farewells not counted.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// What was asked, and what the server behind answered.
    pub fn heard(&self) -> Vec<(Request, Option<Answer>)> {
        self.shared.heard.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Shared {
    fn meet(&self, stream: TcpStream) -> Option<()> {
        let mut stream: Box<dyn Stream> = match &self.tls {
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                Box::new(StreamOwned::new(connection, stream))
            }
            None => Box::new(stream),
        };
        let request = listen(&mut stream)?;
        let act = if request.is_farewell() {
            Act::Forward
        } else {
            let nth = self.asked.fetch_add(1, Ordering::Relaxed);
            (self.script)(nth, &request)
        };
        let answer = match act {
            Act::Forward | Act::Cut(..) | Act::Change(_) => Some(self.forward(&request)?),
            _ => None,
        };
        let said = match (&act, &answer) {
            (Act::Cut(cut, ending), Some(answer)) => answer.bytes(*cut, *ending),
            (Act::Change(change), Some(answer)) => {
                let mut answer = answer.clone();
                change(&mut answer);
                answer.bytes(usize::MAX, Ending::Clean)
            }
            (_, Some(answer)) | (Act::Say(answer), _) => answer.bytes(usize::MAX, Ending::Clean),
            (Act::Raw(bytes) | Act::Stall(bytes) | Act::Flood(bytes, _), None) => bytes.clone(),
            _ => unreachable!(),
        };
        if !request.is_farewell() {
            self.heard.lock().unwrap().push((request, answer));
        }
        stream.write_all(&said).ok()?;
        stream.flush().ok()?;
        match act {
            // Until whoever asked gives up.
            Act::Stall(_) => stream.read_to_end(&mut Vec::new()).ok().map(|_| ()),
            Act::Flood(_, bytes) => loop {
                stream.write_all(&bytes).ok()?;
            },
            _ => Some(()),
        }
    }

    fn forward(&self, request: &Request) -> Option<Answer> {
        match &self.behind {
            Behind::Nobody => None,
            Behind::Server(port) => forward(*port, &request.head, &request.body),
            Behind::Remembered(port, memory) => {
                let (length, question) = (request.body.len(), request.question());
                let mut memory = memory.lock().unwrap();
                if let Some(answer) = memory.get(&question) {
                    return Some(answer.clone());
                }
                let padded = format!("{question:length$}");
                let answer = forward(*port, &request.head, &padded)?;
                memory.insert(question, answer.clone());
                Some(answer)
            }
        }
    }
}

/// Asks a server.
fn forward(port: u16, head: &str, body: &str) -> Option<Answer> {
    let mut behind = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    let (line, headers) = head.split_once("\r\n")?;
    // In this version of HTTP an answer is not sent in chunks, and ends with the connection.
    let line = line.replace("HTTP/1.1", "HTTP/1.0");
    write!(behind, "{line}\r\n{headers}\r\n\r\n{body}").ok()?;
    let mut answer = Vec::new();
    behind.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let (status, headers) = head.split_once("\r\n")?;
    assert!(!headers.contains("chunked"), "{headers}");
    Some(Answer::new(status.split_once(' ')?.1, &answer[end + 4..]))
}

fn listen(stream: &mut impl Read) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(Request {
        head: head.trim_end().to_owned(),
        body: String::from_utf8(body).ok()?,
    })
}
