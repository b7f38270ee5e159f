//! A token that is nowhere to be found, whichever verb is given it and however it fails.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Failed, Trial};

use crate::attempt::panics_nowhere;
use crate::common;
use crate::figures::{Count, is_long};
use crate::scene::ensure;

/// A token as a server would sign it.
const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJjYW5hcnkiOiJpbiBhIGNvYWwgbWluZSJ9.dGhlLXNpZ25hdHVyZQ";
/// So many characters of it are no coincidence.
const TELLING: usize = 12;

/// How the program gets the token.
#[derive(Clone, Copy, Debug)]
enum Way {
    Variable,
    File,
    Input,
}

/// Every verb; what a durable store needs is `{from}`.
const VERBS: &[&str] = &[
    "inspect -v --exact",
    "inspect metadata episode_count --hex",
    "inspect no-such-table",
    "stats -v --exact",
    "health -v --deep",
    "export -v --all",
    "sweep -v --ttl 1d",
    "clear -v --all --yes",
    "compact -v --backup {folder}/kept",
    "migrate -v --yes",
    "migrate -v --skip-bad --no-backup",
    "migrate --rollback --yes",
    "demo -v",
    "migrate -v --consult {from}",
    "rebuild -v --yes {from}",
    "rebuild -v --yes --resume {from}",
    "rebuild -v --yes --only-missing {from}",
    "rebuild -v --dry-run {from}",
    "diff -v {from}",
    "diff -v --sample 10% --table episodes {from}",
];

/// Addresses that lead nowhere, some of which hold the token, as people paste them.
const ADDRESSES: &[&str] = &[
    "http://127.0.0.1:{port}",
    "http://127.0.0.1:{port}/v2/pipeline?tls=0",
    "libsql://127.0.0.1:{port}",
    "libsql://name.invalid?authToken={token}",
    "libsql://name.invalid/?jwt={token}",
    "libsql://{token}@name.invalid",
    "https://user:{token}@127.0.0.1:{port}",
    "http://127.0.0.1:{port}/{token}",
    "http://127.0.0.1:{port}/#{token}",
    "http://{token}",
    "ftp://{token}",
    "{token}://name.invalid",
    "file:{folder}/store?auth={token}",
    "file:{folder}/nowhere",
    "{folder}/cache.redb",
    "{folder}",
];

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("secrets", secrets)]
}

fn secrets() -> Result<(), Failed> {
    let mut count = Count::of("secrets: verbs, addresses and ways");
    for fixture in ["0.1.47", "0.1.33"] {
        for verb in VERBS {
            let addresses = match verb.contains("{from}") {
                true => ADDRESSES,
                false => &ADDRESSES[..1],
            };
            for (at, address) in addresses.iter().enumerate() {
                let json = ((at / 3) % 2 == 1).then_some("--format json");
                for (n, way) in [Way::Variable, Way::File, Way::Input]
                    .into_iter()
                    .enumerate()
                {
                    // Every verb meets every address, and every way.
                    if at % 3 != n && !is_long() {
                        continue;
                    }
                    let case = Case {
                        fixture,
                        verb,
                        way,
                        address,
                        json,
                    };
                    count.case(case.run());
                }
            }
        }
    }
    for wrong in WRONG {
        let case = Case {
            fixture: "0.1.47",
            verb: wrong,
            way: Way::Variable,
            address: "",
            json: None,
        };
        count.case(case.run());
        count.case(
            Case {
                json: Some("--format json"),
                ..case
            }
            .run(),
        );
    }
    count.end()
}

/// Calls that make no sense, as people make them who have a token in hand.
const WRONG: &[&str] = &[
    "rebuild --auth-token {token}",
    "rebuild --auth-token={token}",
    "rebuild --yes --from http://127.0.0.1:1 --auth-token-file {token}",
    "rebuild --yes --from http://127.0.0.1:1 --auth-token-file={token}/",
    "rebuild --yes --from http://127.0.0.1:1 --auth-token-file {folder}/two-tokens",
    "rebuild --yes --from http://127.0.0.1:1 --auth-token-file {folder}",
    "rebuild --yes --from http://127.0.0.1:1 --auth-token-file {folder}/cache.redb",
    "diff --from http://127.0.0.1:1 --timeout {token}",
];

#[derive(Clone, Copy)]
struct Case<'a> {
    fixture: &'a str,
    verb: &'a str,
    way: Way,
    address: &'a str,
    json: Option<&'a str>,
}

impl Case<'_> {
    fn run(&self) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        self.furnish(folder.path());
        let output = self.output(folder.path());
        let said = [&output.stdout[..], &output.stderr].concat();
        let held = panics_nowhere(&output.stderr)
            .and_then(|()| hides("what it says", &said))
            .and_then(|()| self.left(folder.path()));
        held.map_err(|why| format!("{} {} {:?}: {why}", self.verb, self.address, self.way))
    }

    fn furnish(&self, folder: &Path) {
        for (from, to) in [("cache.redb", "cache.redb"), ("turso.db", "store")] {
            let bytes = std::fs::read(common::fixture(self.fixture).join(from)).unwrap();
            std::fs::write(folder.join(to), bytes).unwrap();
        }
        std::fs::write(folder.join("token"), format!("{TOKEN}\n")).unwrap();
        std::fs::write(folder.join("two-tokens"), format!("{TOKEN} {TOKEN}\n")).unwrap();
    }

    fn output(&self, folder: &Path) -> Output {
        // Nobody listens there any more: a connection is refused.
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = port.local_addr().unwrap().port().to_string();
        let file = folder.join("token");
        let way = match self.way {
            Way::Variable => String::new(),
            Way::File => format!(" --auth-token-file {}", file.display()),
            Way::Input => " --auth-token-file -".to_owned(),
        };
        let from = format!(
            "--retries 0 --timeout 300ms --insecure --from {}{way}",
            self.address
        );
        let line = format!("{} {}", self.verb, self.json.unwrap_or_default());
        let line = line.replace("{from}", &from);
        let line = line.replace("{port}", &port).replace("{token}", TOKEN);
        let line = line.replace("{folder}", folder.to_str().unwrap());
        let args: Vec<_> = line.split_whitespace().collect();
        let mut program = common::program(&folder.join("cache.redb"), &args);
        program
            .env("RUST_BACKTRACE", "full")
            .env("RUST_LOG", "trace")
            .env("TMPDIR", folder);
        if matches!(self.way, Way::Variable) {
            program.env("TURSO_AUTH_TOKEN", TOKEN);
        }
        with_input(program)
    }

    /// What is in the folder afterwards, but for the files that held it before.
    fn left(&self, folder: &Path) -> Result<(), String> {
        for name in common::names(folder) {
            hides("a name", name.as_bytes())?;
            if !["token", "two-tokens"].contains(&name.as_str()) && folder.join(&name).is_file() {
                hides(&name, &std::fs::read(folder.join(&name)).unwrap())?;
            }
        }
        Ok(())
    }
}

/// Runs it with the token on its standard input, which only one of the ways reads.
fn with_input(mut program: Command) -> Output {
    let given = program
        .get_args()
        .any(|arg| arg.to_string_lossy().contains(TOKEN));
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let argv = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
    assert!(given || hides("its arguments", &argv).is_ok());
    // It may have ended without reading it.
    let _ = child.stdin.take().unwrap().write_all(TOKEN.as_bytes());
    child.wait_with_output().unwrap()
}

/// No telling part of the token is in these bytes.
fn hides(what: &str, bytes: &[u8]) -> Result<(), String> {
    let mut parts = TOKEN.as_bytes().windows(TELLING);
    let found = parts.any(|part| contains(bytes, part));
    ensure(!found, || {
        let text = String::from_utf8_lossy(bytes);
        let text: String = text.chars().take(400).collect();
        format!("the token is in {what}: {text}")
    })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == part[0]) {
        rest = &rest[at..];
        if rest.starts_with(part) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}
