//! Answers that are refused, held up or cut off somewhere, and come whole the next time: all rows
//! are there. Or they never come whole: then it is an error, and never the end of the rows.

use std::net::{IpAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redb_cache::ErrorKind::{Unauthorized, Unreachable};

use crate::made;
use crate::proxy::{Act, Answer, Ending, Proxy, Request};
use crate::reading::Reader;
use crate::sqld::Sqld;

/// Two rows of four tables.
const FEW: &str = "
    DELETE FROM episodes WHERE episode_id NOT IN
        (SELECT episode_id FROM episodes ORDER BY episode_id LIMIT 2);
    DELETE FROM patterns WHERE pattern_id NOT IN
        (SELECT pattern_id FROM patterns ORDER BY pattern_id LIMIT 2);
    DELETE FROM episode_summaries WHERE episode_id NOT IN
        (SELECT episode_id FROM episode_summaries ORDER BY episode_id LIMIT 2);
    INSERT INTO metadata (key, value) VALUES ('größe', '4 µm');
    DROP TABLE heuristics;
    DROP TABLE embeddings;
    DROP TABLE episode_relationships;
    DROP TABLE episode_pattern_relationships;
    DROP TABLE procedural_memory;
    DROP TABLE recommendation_sessions;
    DROP TABLE recommendation_feedback;";

/// Where an answer can be cut: at its start, before and after each end of a line, within each line.
fn places(body: &[u8]) -> Vec<usize> {
    let mut places = vec![0, body.len().saturating_sub(1), body.len()];
    let mut start = 0;
    for (at, _) in body.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        places.extend([(start + at) / 2, at, at + 1]);
        start = at + 1;
    }
    // In the middle of a character.
    places.extend(body.iter().position(|byte| *byte >= 0xc0).map(|at| at + 1));
    places.sort_unstable();
    places.dedup();
    places
}

/// Does so many things on a few threads.
fn each<T: Sync>(things: &[T], act: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(thing);
                }
            });
        }
    });
}

/// Every place of every answer of a conversation, and every way to end there.
fn cuts(conversation: &[(Request, Option<Answer>)]) -> Vec<(usize, usize, Ending)> {
    let mut cuts = Vec::new();
    for (nth, (_, answer)) in conversation.iter().enumerate() {
        let body = &answer.as_ref().unwrap().body;
        for place in places(body) {
            cuts.push((nth, place, Ending::Unfinished));
            if place < body.len() {
                cuts.extend([Ending::Clean, Ending::Short].map(|ending| (nth, place, ending)));
            }
        }
    }
    assert!(cuts.len() > 300, "{}", cuts.len());
    cuts
}

#[test]
fn an_answer_that_is_cut_anywhere_loses_no_row() {
    let (_dir, path) = made::changed("0.1.47", FEW);
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let expected = Reader::of(&path).all().unwrap();
    let (port, memory) = (server.port(), Arc::default());
    let whole = Proxy::remembering(port, &memory, |_, _| Act::Forward);
    assert!(Reader::of(whole.url()).all().unwrap() == expected);
    each(&cuts(&whole.heard()), |(nth, place, ending)| {
        let (nth, place, ending) = (*nth, *place, *ending);
        let once = Proxy::remembering(port, &memory, move |n, _| {
            if n == nth {
                Act::Cut(place, ending)
            } else {
                Act::Forward
            }
        });
        let read = Reader::of(once.url()).retries(1).all();
        let read = read.unwrap_or_else(|error| panic!("{nth} at {place} {ending:?}: {error}"));
        assert!(read == expected, "{nth} at {place} {ending:?}");

        let always = Proxy::remembering(port, &memory, move |n, _| {
            if n >= nth {
                Act::Cut(place, ending)
            } else {
                Act::Forward
            }
        });
        match Reader::of(always.url()).retries(0).all() {
            Ok(read) => assert!(read == expected, "{nth} at {place} {ending:?}"),
            Err(error) => assert_eq!(error.kind(), Unreachable, "{error}"),
        }
    });
}

#[test]
fn every_question_is_put_again_when_it_may_pass() {
    let (_dir, path) = made::copy("0.1.34");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let expected = Reader::of(&path).all().unwrap();
    let expired =
        r#"{"message":"The stream has expired due to inactivity","code":"STREAM_EXPIRED"}"#;
    let faults = [
        Act::Raw(Vec::new()),
        Act::Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"b".to_vec()),
        Act::Say(Answer::new("429 Too Many Requests", "").with("Retry-After: 1")),
        Act::Say(Answer::new("503 Service Unavailable", "<html>")),
        Act::Say(Answer::new("503 Service Unavailable", b"\xfc".to_vec())),
        Act::Say(Answer::new("400 Bad Request", "Received an invalid baton")),
        Act::Say(Answer::new("400 Bad Request", expired)),
    ];
    each(&faults, |fault| {
        let (name, fault) = (format!("{fault:?}"), fault.clone());
        let proxy = Proxy::before(server.port(), move |n, _| {
            if n % 3 == 0 {
                fault.clone()
            } else {
                Act::Forward
            }
        });
        let read = Reader::of(proxy.url()).retries(1).all();
        assert!(
            read.unwrap_or_else(|error| panic!("{name}: {error}")) == expected,
            "{name}"
        );
    });
}

#[test]
fn a_question_that_stays_without_an_answer_is_put_again() {
    let (_dir, path) = made::changed("0.1.47", FEW);
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let expected = Reader::of(&path).all().unwrap();
    let proxy = Proxy::before(server.port(), |n, _| match n % 8 {
        3 => Act::Stall(Vec::new()),
        7 => Act::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()),
        _ => Act::Forward,
    });
    let reader = Reader::of(proxy.url()).timeout(600).retries(5);
    assert!(reader.all().unwrap() == expected);
}

#[test]
fn a_token_that_is_refused_midway_ends_it_at_once() {
    let (_dir, path) = made::copy("0.1.34");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let proxy = Proxy::before(server.port(), |n, _| match n {
        9 => Act::Say(Answer::new("401 Unauthorized", "it has expired")),
        _ => Act::Forward,
    });
    Reader::of(proxy.url()).fails(Unauthorized);
    assert_eq!(proxy.asked(), 10);
}

#[test]
fn a_server_that_never_finishes_a_page_is_read_to_the_end_all_the_same() {
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(2_500));
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let expected = Reader::of(&path).all().unwrap();
    for ending in [Ending::Clean, Ending::Short, Ending::Unfinished] {
        let proxy = Proxy::before(server.port(), move |_, request| match request.is_cursor() {
            true => Act::Cut(1 << 20, ending),
            false => Act::Forward,
        });
        let read = Reader::of(proxy.url()).retries(1).all().unwrap();
        assert!(read == expected, "{ending:?}");
    }
}

/// Has the server name that address for the requests that follow.
fn base_url(url: &str) -> Act {
    let named = format!(r#""base_url":"{url}""#);
    Act::Change(Arc::new(move |answer| {
        let body = String::from_utf8_lossy(&answer.body);
        answer.body = body.replacen(r#""base_url":null"#, &named, 1).into_bytes();
    }))
}

#[test]
fn a_server_may_name_another_address_of_its_kind() {
    let (_dir, path) = made::copy("0.1.34");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let expected = Reader::of(&path).all().unwrap();
    let elsewhere = Proxy::before(server.port(), |_, _| Act::Forward);
    let url = elsewhere.url();
    let proxy = Proxy::before(server.port(), move |_, _| base_url(&url));
    assert!(Reader::of(proxy.url()).all().unwrap() == expected);
    assert!(elsewhere.asked() > 0);
}

/// An address of this machine that is not its own alone.
fn outer_address() -> Option<IpAddr> {
    // Nothing is sent.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn a_server_cannot_have_the_token_sent_elsewhere_in_the_clear() {
    let (_dir, path) = made::copy("0.1.34");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let Some(outer) = outer_address() else {
        println!("not checked: this machine has no address but its own");
        return;
    };
    let elsewhere = TcpListener::bind((outer, 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}", elsewhere.local_addr().unwrap());
    let proxy = Proxy::before(server.port(), move |_, _| base_url(&url));
    let told = Reader::of(proxy.url())
        .retries(1)
        .timeout(500)
        .fails(Unreachable);
    assert!(told.contains("another kind"), "{told}");
    assert!(elsewhere.accept().is_err());
}

#[test]
fn an_address_without_sense_that_a_server_names_is_an_error() {
    let (_dir, path) = made::copy("0.1.34");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    for url in [
        "https://127.0.0.1:1",
        "ftp://127.0.0.1:1",
        "?",
        "http://",
        "http://127.0.0.1:x",
    ] {
        let proxy = Proxy::before(server.port(), move |_, _| base_url(url));
        Reader::of(proxy.url()).retries(0).fails(Unreachable);
    }
}

#[test]
fn rows_that_are_long_and_many_are_no_answer_without_end() {
    // What the server hands out at most, and three times what may come at once.
    let (_dir, path) = made::changed(
        "0.1.47",
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 70)
         INSERT INTO metadata (key, value) SELECT 'long ' || n, hex(zeroblob(1900000)) FROM n;",
    );
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let read = Reader::of(server.url()).retries(0).all().unwrap();
    assert!(read == Reader::of(&path).all().unwrap());
}
