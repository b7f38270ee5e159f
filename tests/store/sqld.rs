//! The real server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ED25519, SigningKey};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What to set so that the tests run that need the real server.
const VARIABLE: &str = "REDB_CACHE_SQLD";

/// A server of one database. It dies with this value.
pub struct Sqld {
    child: Child,
    port: u16,
    program: PathBuf,
    folder: TempDir,
}

impl Sqld {
    /// Serves a copy of the database to everybody; `None`, said loudly, where there is no server.
    pub fn of(database: &Path) -> Option<Self> {
        Self::start(database, None)
    }

    /// The same for those with a token that one of these keys signed.
    pub fn guarded(database: &Path, keys: &Keys) -> Option<Self> {
        Self::start(database, Some(keys))
    }

    fn start(database: &Path, keys: Option<&Keys>) -> Option<Self> {
        let Some(program) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
            // Not `eprintln!`, which nobody sees of a test that passes.
            let _ = writeln!(
                std::io::stderr(),
                "NOT CHECKED: there is no real server; set {VARIABLE} to the path of sqld"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("db/dbs/default");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(data.join("data"), std::fs::read(database).unwrap()).unwrap();
        if let Some(keys) = keys {
            std::fs::write(folder.path().join("key.pem"), keys.0.public_key_pem()).unwrap();
        }
        // Between finding a free port and taking it, somebody else may.
        for _ in 0..5 {
            let port = free_port();
            if let Some(child) = serve(program.as_ref(), folder.path(), port) {
                return Some(Self {
                    child,
                    port,
                    program: program.into(),
                    folder,
                });
            }
        }
        panic!("sqld does not start");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same address.
    pub fn revive(&mut self) {
        for _ in 0..5 {
            if let Some(child) = serve(&self.program, self.folder.path(), self.port) {
                self.child = child;
                return;
            }
        }
        panic!("sqld does not start again");
    }

    /// Stops and lets go on, as a machine that is suspended.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Executes statements, as another program would.
    pub fn execute(&self, statements: &[&str]) {
        let requests: Vec<_> = statements
            .iter()
            .map(|sql| json!({"type": "execute", "stmt": {"sql": sql}}))
            .chain([json!({"type": "close"})])
            .collect();
        let body = json!({ "requests": requests }).to_string();
        let head = format!(
            "POST /v2/pipeline HTTP/1.0\r\nContent-Length: {}",
            body.len()
        );
        let answer = talk(self.port, &format!("{head}\r\n\r\n{body}")).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let answer: Value = serde_json::from_str(body).unwrap();
        for result in answer["results"].as_array().unwrap() {
            assert_eq!(result["type"], "ok", "{answer}");
        }
    }
}

impl Drop for Sqld {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port where nobody listens.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts a server and waits until it answers; `None` when it ends instead.
fn serve(program: &Path, folder: &Path, port: u16) -> Option<Child> {
    let mut command = Command::new(program);
    command
        .arg("--db-path")
        .arg(folder.join("db"))
        .args(["--http-listen-addr", &format!("127.0.0.1:{port}")])
        .arg("--no-welcome")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let key = folder.join("key.pem");
    if key.exists() {
        command.arg("--auth-jwt-key-file").arg(key);
    }
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        let health = talk(port, "GET /health HTTP/1.0\r\n\r\n");
        if health.is_some_and(|answer| answer.contains(" 200 ")) {
            return Some(child);
        }
        assert!(began.elapsed() < Duration::from_secs(60), "sqld is silent");
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// Says something to a server and listens until it has said everything.
fn talk(port: u16, request: &str) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// What tokens are signed with.
pub struct Keys(KeyPair);

impl Keys {
    pub fn new() -> Self {
        Self(KeyPair::generate_for(&PKCS_ED25519).unwrap())
    }

    /// A token that allows reading and writing (`rw`) or reading (`ro`), and ends in so many
    /// seconds.
    pub fn token(&self, access: &str, lasts: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ends = i64::try_from(now.as_secs()).unwrap() + lasts;
        let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let told = [
            part(json!({"alg": "EdDSA", "typ": "JWT"})),
            part(json!({"a": access, "exp": ends})),
        ]
        .join(".");
        let signature = self.0.sign(told.as_bytes()).unwrap();
        format!("{told}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
