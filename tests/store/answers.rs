//! Servers that answer wrongly, and those that do not answer.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};

use redb_cache::ErrorKind::{self, Unauthorized, UnknownLayout, Unreachable};

use crate::made;
use crate::proxy::{Act, Answer, Proxy};
use crate::reading::Reader;
use crate::sqld::{Keys, Sqld, free_port};

/// A token as a server would sign it.
const TOKEN: &str =
    "eyJhbGciOiJFZERTQSJ9.eyJjYW5hcnkiOiJkbyBub3QgdGVsbCJ9.c2lnbmF0dXJlLW9mLXRlc3Rz";

/// How reading ends where every request has this answer, and how often it is asked for.
fn fails(act: Act, kind: ErrorKind) -> (String, usize) {
    let proxy = Proxy::always(act);
    let reader = Reader::of(proxy.url()).token(TOKEN).retries(1);
    let told = reader.fails(kind);
    (told, proxy.asked())
}

fn says(status: &str, body: impl Into<Vec<u8>>) -> Act {
    Act::Say(Answer::new(status, body))
}

#[test]
fn a_server_that_is_not_there_is_tried_again_and_then_unreachable() {
    let nobody = Reader::of(format!("http://127.0.0.1:{}", free_port())).retries(1);
    let told = nobody.fails(Unreachable);
    assert!(
        told.contains("refused") && told.contains("network"),
        "{told}"
    );
    let unknown = Reader::of("https://there.is.no.such.host.invalid").retries(0);
    let told = unknown.fails(Unreachable);
    assert!(
        told.contains("lookup") && told.contains("address"),
        "{told}"
    );
}

#[test]
fn what_may_pass_is_asked_again() {
    for act in [
        Act::Raw(Vec::new()),
        Act::Raw(b"HTTP/1.1 200 OK\r\n".to_vec()),
        says("408 Request Timeout", ""),
        says("429 Too Many Requests", "slow down"),
        says("500 Internal Server Error", "oops"),
        says("502 Bad Gateway", "<html>"),
        says("503 Service Unavailable", "status=404"),
        says("504 Gateway Timeout", ""),
    ] {
        let name = format!("{act:?}");
        let (told, asked) = fails(act, Unreachable);
        assert_eq!(asked, 2, "{name}: {told}");
        assert!(
            told.contains("run the same command again"),
            "{name}: {told}"
        );
    }
}

#[test]
fn what_stays_as_it_is_is_not_asked_again() {
    for (act, help) in [
        (says("404 Not Found", "nothing here"), "check the address"),
        (
            says("404 Not Found", "status=503 inside"),
            "check the address",
        ),
        (says("405 Method Not Allowed", ""), "check the address"),
        (
            says("200 OK", "<html><h1>Log in</h1></html>"),
            "check the address",
        ),
        (says("200 OK", "[1, 2]"), "check the address"),
        (says("200 OK", b"\xff\xfe".to_vec()), "check the address"),
        (
            says("200 OK", r#"{"baton":null,"results":[]}"#),
            "check the address",
        ),
        (says("204 No Content", ""), "check the address"),
        (moved("301 Moved Permanently"), "name its new address"),
        (moved("308 Permanent Redirect"), "name its new address"),
        (
            Act::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            "check the address",
        ),
    ] {
        let name = format!("{act:?}");
        let (told, asked) = fails(act, Unreachable);
        assert_eq!(asked, 1, "{name}: {told}");
        assert!(told.contains(help), "{name}: {told}");
    }
}

fn moved(status: &str) -> Act {
    let location = format!("Location: https://elsewhere.example/?token={TOKEN}");
    Act::Say(Answer::new(status, "").with(&location))
}

#[test]
fn a_server_that_refuses_the_token_is_not_asked_again() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let (told, asked) = fails(says(status, "status=503, no"), Unauthorized);
        assert_eq!(asked, 1, "{told}");
        assert!(told.contains("a valid token in TURSO_AUTH_TOKEN"), "{told}");
    }
}

#[test]
fn an_error_that_is_no_utf_8_is_one_as_well_and_may_pass() {
    for status in [
        "401 Unauthorized",
        "404 Not Found",
        "503 Service Unavailable",
    ] {
        let body = b"geht \xfcberhaupt nicht".to_vec();
        let (told, asked) = fails(says(status, body), Unreachable);
        assert_eq!(asked, 2, "{told}");
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    for begun in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"baton\":",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n\r\nnot",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"bat",
    ] {
        let proxy = Proxy::always(Act::Stall(begun.into()));
        let reader = Reader::of(proxy.url()).timeout(150).retries(1);
        let told = reader.fails(Unreachable);
        assert!(told.contains("within 150ms"), "{told}");
        assert_eq!(proxy.asked(), 2, "{told}");
    }
}

#[test]
fn a_server_that_never_ends_its_answer_is_given_up_before_it_fills_the_memory() {
    let chunk = [b"8000\r\n".as_slice(), &[b' '; 0x8000], b"\r\n"].concat();
    for status in ["200 OK", "404 Not Found", "503 Service Unavailable"] {
        let head = format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let proxy = Proxy::always(Act::Flood(head.into(), chunk.clone()));
        let told = Reader::of(proxy.url()).timeout(600_000).fails(Unreachable);
        assert!(told.contains("no end"), "{told}");
        assert_eq!(proxy.asked(), 1, "{told}");
    }
}

#[test]
fn the_token_is_not_in_what_a_server_sends_back() {
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let quoted = serde_json::json!({"message": bearer, "code": TOKEN}).to_string();
    for body in [
        bearer.clone(),
        format!("{}{bearer}{bearer}", "x".repeat(250)),
        bearer.chars().flat_map(|c| [c, c]).collect::<String>() + &bearer[20..60],
        TOKEN[7..40].to_owned(),
        TOKEN.split('.').collect::<Vec<_>>().join("\n"),
        format!("<b>{}</b><i>{}</i>", &TOKEN[..30], &TOKEN[30..]),
        quoted.clone(),
        format!(r#"{{"baton":null,"results":[{{"type":"error","error":{quoted}}}]}}"#),
        format!(r#"{{"baton":"{TOKEN}","base_url":"http://{TOKEN}/","results":[]}}"#),
        format!("{{\"{TOKEN}\":"),
    ] {
        for status in ["200 OK", "400 Bad Request", "401 Unauthorized", "500 Oh"] {
            let proxy = Proxy::always(says(status, body.clone()));
            let reader = Reader::of(proxy.url()).token(TOKEN).retries(0);
            // Looks for the token.
            reader.fault();
        }
    }
}

#[test]
fn the_token_reaches_the_server_and_is_not_sent_without_one() {
    for token in ["", TOKEN] {
        let proxy = Proxy::always(says("404 Not Found", ""));
        Reader::of(proxy.url()).token(token).fault();
        let (request, _) = &proxy.heard()[0];
        assert_eq!(
            request.head.contains(&format!("Bearer {TOKEN}")),
            !token.is_empty()
        );
    }
}

#[test]
fn a_certificate_of_an_unknown_authority_and_a_port_without_tls_are_said() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let secure = Proxy::secure(free_port(), &certificate);
    let told = Reader::of(secure.url()).token(TOKEN).fails(Unreachable);
    assert!(
        told.contains("certificate") && told.contains("SSL_CERT_FILE"),
        "{told}"
    );
    assert_eq!(secure.asked(), 0);

    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://{}", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            let _ = stream
                .unwrap()
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let told = Reader::of(url).token(TOKEN).fails(Unreachable);
    assert!(told.contains("does not speak TLS"), "{told}");
}

#[test]
fn a_wrong_an_expired_and_no_token_are_unauthorized_and_one_for_reading_is_enough() {
    let (_dir, path) = made::copy("0.1.47");
    let keys = Keys::new();
    let Some(server) = Sqld::guarded(&path, &keys) else {
        return;
    };
    let reader = Reader::of(server.url());
    let told = reader.fails(Unauthorized);
    assert!(told.contains("give a token in TURSO_AUTH_TOKEN"), "{told}");
    for token in [
        Keys::new().token("rw", 60),
        keys.token("rw", -3600),
        TOKEN.to_owned(),
    ] {
        let told = reader.clone().token(&token).fails(Unauthorized);
        assert!(told.contains("a valid token in TURSO_AUTH_TOKEN"), "{told}");
    }
    let expected = Reader::of(&path).all().unwrap();
    for access in ["ro", "rw"] {
        let read = reader.clone().token(&keys.token(access, 60)).all().unwrap();
        assert!(read == expected, "{access}");
    }
}

#[test]
fn a_database_of_somebody_else_is_not_taken_for_do_memorys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    made::execute(&path, "CREATE TABLE customers (name TEXT)");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let told = Reader::of(server.url()).fails(UnknownLayout);
    assert!(
        told.contains("no table episodes") && told.contains("--from"),
        "{told}"
    );
}
