//! `rebuild` when the store fails: the exit code, what is said, the old cache, and the token, which
//! is nowhere.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::{copy_of, names, program, run, state};
use crate::made;
use crate::proxy::{Act, Answer, Ending, Proxy};
use crate::reading::assert_secret;
use crate::sqld::{Keys, Sqld, free_port};

/// A token as a server would sign it.
const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJjYW5hcnkiOiJpbiBhIGNvYWwgbWluZSJ9.dGhlLXNpZ25hdHVyZQ";

/// The program, about to rebuild a cache from a store.
fn rebuild(cache: &Path, from: &str, args: &[&str]) -> Command {
    let mut command = program(cache, &[&["rebuild", "--from", from], args].concat());
    for variable in [
        "TURSO_DATABASE_URL",
        "TURSO_AUTH_TOKEN",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end with the token, and looks for the token in all that it says.
fn outcome(cache: &Path, from: &str, args: &[&str]) -> Output {
    let mut command = rebuild(cache, from, args);
    let output = command.env("TURSO_AUTH_TOKEN", TOKEN).output().unwrap();
    for said in [&output.stdout, &output.stderr] {
        assert_secret(TOKEN, &String::from_utf8_lossy(said));
    }
    output
}

/// Demands that it fails so, in either form, and changes nothing.
fn fails(from: &str, args: &[&str], exit: i32, kind: &str) -> String {
    let (dir, cache) = copy_of("0.1.47");
    let before = state(&cache);
    let args = [&["--yes", "--retries", "1"], args].concat();
    let output = outcome(&cache, from, &[args.as_slice(), &["-v"]].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{said}");
    assert!(output.stdout.is_empty());
    assert!(
        said.contains("error: ") && said.contains("  help "),
        "{said}"
    );
    assert!(
        !said.contains("panicked") && !said.contains("internal error"),
        "{said}"
    );

    let output = outcome(
        &cache,
        from,
        &[args.as_slice(), &["--format", "json"]].concat(),
    );
    assert_eq!(output.status.code(), Some(exit));
    let document: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(document["schema"], "redb-cache/error/1");
    assert_eq!(document["error"]["kind"], kind, "{document}");
    assert_eq!(document["error"]["exit_code"], exit);
    assert!(document["error"]["help"].is_string(), "{document}");

    assert!(state(&cache) == before);
    assert_eq!(names(dir.path()), ["cache.redb"]);
    said
}

#[test]
fn a_store_that_cannot_be_read_has_its_exit_code_and_leaves_everything_as_it_was() {
    let echo = format!(
        "you sent Authorization: Bearer {TOKEN}, and {}",
        &TOKEN[5..40]
    );
    for (act, exit, kind) in [
        (Act::Raw(Vec::new()), 16, "unreachable"),
        (
            Act::Say(Answer::new("404 Not Found", echo.clone())),
            16,
            "unreachable",
        ),
        (
            Act::Say(Answer::new("200 OK", "<html>hello</html>")),
            16,
            "unreachable",
        ),
        (
            Act::Say(Answer::new("302 Found", "").with("Location: /login")),
            16,
            "unreachable",
        ),
        (
            Act::Say(Answer::new("429 Too Many Requests", echo.clone())),
            16,
            "unreachable",
        ),
        (
            Act::Say(Answer::new("500 Oh", echo.clone())),
            16,
            "unreachable",
        ),
        (
            Act::Say(Answer::new("503 Oh", b"\xfc\xff".to_vec())),
            16,
            "unreachable",
        ),
        (
            Act::Say(Answer::new("401 Unauthorized", echo.clone())),
            17,
            "unauthorized",
        ),
        (
            Act::Say(Answer::new("403 Forbidden", echo)),
            17,
            "unauthorized",
        ),
    ] {
        fails(&Proxy::always(act).url(), &[], exit, kind);
    }
    let silent = Proxy::always(Act::Stall(Vec::new()));
    let said = fails(&silent.url(), &["--timeout", "200ms"], 16, "unreachable");
    assert!(said.contains("within 200ms"), "{said}");
    fails(
        &format!("http://127.0.0.1:{}", free_port()),
        &[],
        16,
        "unreachable",
    );
    let said = fails("libsql://no.such.host.invalid", &[], 16, "unreachable");
    assert!(said.contains("check the address and the network"), "{said}");
}

#[test]
fn a_file_that_is_no_store_has_its_exit_code_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("text"), "text ".repeat(9_000)).unwrap();
    std::fs::write(path("empty"), "").unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(path("fifo"))
            .status()
            .unwrap()
            .success()
    );
    for name in ["text", "empty", "fifo", "."] {
        fails(&path(name), &[], 14, "unknown_layout");
    }
    fails(&path("absent"), &[], 16, "unreachable");
    made::execute(path("other").as_ref(), "CREATE TABLE episodes (id TEXT)");
    fails(&path("other"), &[], 14, "unknown_layout");
    assert!(!names(dir.path()).contains(&"absent".to_owned()));
}

#[test]
fn a_token_that_is_wrong_for_the_real_server_is_exit_17_and_one_for_reading_is_enough() {
    let (_dir, path) = made::copy("0.1.47");
    let keys = Keys::new();
    let Some(server) = Sqld::guarded(&path, &keys) else {
        return;
    };
    fails(&server.url(), &[], 17, "unauthorized");
    let (dir, cache) = copy_of("0.1.47");
    let token = keys.token("ro", 600);
    let mut child = rebuild(
        &cache,
        &server.url(),
        &["--yes", "-v", "--auth-token-file", "-"],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let argv = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    assert_secret(&token, &String::from_utf8_lossy(&argv));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(token.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for said in [output.stdout, output.stderr] {
        assert_secret(&token, &String::from_utf8_lossy(&said));
    }
    assert_nowhere(&token, dir.path());
}

/// Demands that no file of a folder has a part of a token.
fn assert_nowhere(token: &str, folder: &Path) {
    for name in names(folder) {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        // Its middle says the most.
        let part = &token.as_bytes()[token.len() / 2..][..12];
        assert!(!bytes.windows(12).any(|window| window == part), "{name}");
    }
}

/// What a cache holds after it was rebuilt from a file without any fault.
fn expected(store: &Path) -> Vec<u8> {
    let (_dir, cache) = copy_of("0.1.47");
    let output = outcome(&cache, store.to_str().unwrap(), &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    exported(&cache)
}

fn exported(cache: &Path) -> Vec<u8> {
    let output = run(cache, &["export"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output.stdout
}

#[test]
fn a_rebuild_that_was_interrupted_midway_leaves_the_old_cache_and_goes_on_with_resume() {
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(2_500));
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let expected = expected(&path);
    let faults = [
        (Act::Say(Answer::new("503 Busy", TOKEN)), 16),
        (Act::Say(Answer::new("401 Unauthorized", TOKEN)), 17),
        (Act::Cut(900_000, Ending::Clean), 16),
        (Act::Cut(900_000, Ending::Unfinished), 16),
    ];
    for (at, (fault, exit)) in (8..).step_by(3).zip(faults) {
        let name = format!("{fault:?} at {at}");
        let broken = Arc::new(AtomicBool::new(true));
        let is_broken = Arc::clone(&broken);
        let proxy = Proxy::before(server.port(), move |n, _| {
            match is_broken.load(Ordering::Relaxed) {
                true if n == at => fault.clone(),
                true if n > at => Act::Raw(Vec::new()),
                _ => Act::Forward,
            }
        });
        let (dir, cache) = copy_of("0.1.47");
        let before = state(&cache);
        let output = outcome(&cache, &proxy.url(), &["--yes", "-v", "--retries", "0"]);
        assert_eq!(output.status.code(), Some(exit), "{name}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("--resume"), "{name}: {said}");
        assert!(state(&cache) == before, "{name}");
        assert_nowhere(TOKEN, dir.path());

        // Another rebuild cannot go on with it, and does not throw it away.
        broken.store(false, Ordering::Relaxed);
        let other = ["--yes", "--resume", "--max-entries", "5"];
        let output = outcome(&cache, &proxy.url(), &other);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");

        let output = outcome(&cache, &proxy.url(), &["--yes", "--resume", "-v"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("beginning anew"), "{name}: {said}");
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        assert!(exported(&cache) == expected, "{name}");
        assert_eq!(
            names(dir.path()),
            ["cache.redb", "cache.redb.backup-1"],
            "{name}"
        );
    }
}

#[test]
fn a_server_that_is_killed_and_started_again_makes_the_same_cache() {
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(2_500));
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let port = server.port();
    let server = Arc::new(Mutex::new(server));
    let kills = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&kills);
    let proxy = Proxy::before(port, move |n, request| {
        if n % 6 == 5 {
            let mut server = server.lock().unwrap();
            server.kill();
            server.revive();
            counted.fetch_add(1, Ordering::Relaxed);
        }
        match request.is_cursor() && n % 7 == 3 {
            true => Act::Cut(700_000, Ending::Unfinished),
            false => Act::Forward,
        }
    });
    let (dir, cache) = copy_of("0.1.47");
    let output = outcome(&cache, &proxy.url(), &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(exported(&cache) == expected(&path));
    assert_eq!(names(dir.path()), ["cache.redb", "cache.redb.backup-1"]);
    assert!(kills.load(Ordering::Relaxed) > 3);
}

/// Waits until a server was asked so often.
fn wait_for(proxy: &Proxy, asked: usize, child: &mut Child) {
    let began = Instant::now();
    while proxy.asked() < asked {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_c_while_the_store_is_silent_leaves_nothing_behind_and_the_token_is_in_no_argument() {
    let (_dir, path) = made::copy("0.1.47");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    for asked in [1, 12] {
        let proxy = Proxy::before(server.port(), move |n, _| match n + 1 < asked {
            true => Act::Forward,
            false => Act::Stall(Vec::new()),
        });
        let (dir, cache) = copy_of("0.1.47");
        let before = state(&cache);
        let mut child = rebuild(&cache, &proxy.url(), &["--yes", "-v", "--timeout", "10m"])
            .env("TURSO_AUTH_TOKEN", TOKEN)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for(&proxy, asked, &mut child);
        let argv = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
        assert_secret(TOKEN, &String::from_utf8_lossy(&argv));
        assert_nowhere(TOKEN, dir.path());
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert_secret(TOKEN, &String::from_utf8_lossy(&output.stderr));
        assert!(state(&cache) == before);
        assert_eq!(names(dir.path()), ["cache.redb"], "{asked}");
    }
}

#[test]
fn a_certificate_counts_once_its_authority_is_named() {
    let (_dir, path) = made::copy("0.1.47");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let secure = Proxy::secure(server.port(), &certificate);
    let said = fails(&secure.url(), &[], 16, "unreachable");
    assert!(said.contains("SSL_CERT_FILE"), "{said}");
    assert_eq!(secure.asked(), 0);

    let (dir, cache) = copy_of("0.1.47");
    let pem = dir.path().join("authority.pem");
    std::fs::write(&pem, certificate.cert.pem()).unwrap();
    let url = secure.url().replace("https:", "libsql:");
    let output = rebuild(&cache, &url, &["--yes"])
        .env("TURSO_AUTH_TOKEN", TOKEN)
        .env("SSL_CERT_FILE", pem)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(exported(&cache) == expected(&path));
    let (request, _) = &secure.heard()[0];
    assert!(request.head.contains(TOKEN));
}

#[test]
fn a_database_in_a_folder_that_may_not_be_written_is_read() {
    let (dir, path) = made::changed("0.1.47", "PRAGMA journal_mode = WAL;");
    let expected = expected(&path);
    let (to, _) = copy_of("0.1.47");
    let cache = to.path().join("new.redb");
    let mut command = rebuild(&cache, path.to_str().unwrap(), &[]);
    if rustix::process::getuid().is_root() {
        // Nobody, to whom the one folder belongs and the other does not.
        for (name, mode) in [(dir.path(), 0o755), (to.path(), 0o777)] {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(name, mode).unwrap();
        }
        command.uid(65_534).gid(65_534);
    } else {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o555);
        std::fs::set_permissions(dir.path(), mode).unwrap();
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("not checked: the program cannot be run as somebody else: {error}");
            return;
        }
    };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(exported(&cache) == expected);
    assert_eq!(names(dir.path()), ["turso.db"]);
}
