//! Stores that are files: those that are none, those that somebody else has open or left behind, and
//! rows that no database should have.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use libsql::{Builder, Connection};
use redb_cache::ErrorKind::{UnknownLayout, Unreachable};
use redb_cache::source::{Kept, Kind};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::common::names;
use crate::made;
use crate::reading::{Line, Reader, table};
use crate::sqld::Sqld;

/// Another program that has a database open.
struct Writer {
    runtime: Runtime,
    connection: Connection,
}

impl Writer {
    fn of(path: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let connection = runtime.block_on(async {
            let database = Builder::new_local(path).build().await.unwrap();
            database.connect().unwrap()
        });
        Self {
            runtime,
            connection,
        }
    }

    fn execute(&self, statements: &str) {
        let executed = self.connection.execute_batch(statements);
        self.runtime.block_on(executed).unwrap();
    }
}

/// The names in a folder and what the files hold.
fn state(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = names(folder).into_iter();
    names
        .map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap()))
        .collect()
}

/// The lines of a table, by the id there.
fn of(lines: &[Line], kind: Kind) -> BTreeMap<&str, &Line> {
    let lines = lines.iter().filter(|line| line.0 == kind);
    lines.map(|line| (line.1.as_str(), line)).collect()
}

fn why(line: &Line) -> &str {
    line.2.as_ref().unwrap_err().why.as_str()
}

#[test]
fn what_is_no_database_is_said_and_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let fifo = path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    std::fs::write(path("empty"), "").unwrap();
    std::fs::write(path("short"), "SQLite format 3\0").unwrap();
    std::fs::write(path("text"), "SELECT 1;\n".repeat(1_000)).unwrap();
    std::fs::write(
        path("header"),
        [b"SQLite format 3\0", [0; 4_080].as_slice()].concat(),
    )
    .unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    symlink(path("fifo"), path("link")).unwrap();
    symlink(path("loop"), path("loop")).unwrap();
    let before = names(dir.path());
    for (name, kind) in [
        ("empty", UnknownLayout),
        ("short", UnknownLayout),
        ("text", UnknownLayout),
        ("folder", UnknownLayout),
        ("fifo", UnknownLayout),
        ("link", UnknownLayout),
        ("header", Unreachable),
        ("loop", Unreachable),
        ("absent", Unreachable),
        ("text/inside", Unreachable),
    ] {
        let told = Reader::of(path(name)).fails(kind);
        assert!(
            told.contains("--from") || name == "header",
            "{name}: {told}"
        );
    }
    for device in ["/dev/null", "/dev/zero"] {
        Reader::of(device).fails(UnknownLayout);
    }
    assert_eq!(names(dir.path()), before);
}

#[test]
fn a_database_that_lacks_its_end_or_a_part_is_an_error() {
    let (dir, path) = made::copy("0.1.47");
    let whole = std::fs::read(&path).unwrap();
    let expected = Reader::of(&path).all().unwrap();
    let mut failed = 0;
    for tenth in 1..10 {
        let at = whole.len() * tenth / 10;
        for bytes in [
            whole[..at].to_vec(),
            [&whole[..at], &vec![0xa5; 4_096], &whole[at + 4_096..]].concat(),
        ] {
            std::fs::write(&path, bytes).unwrap();
            match Reader::of(&path).all() {
                // What is damaged may be a part that nobody asks for, or a row.
                Ok(read) => assert_eq!(read.len(), expected.len(), "{tenth}"),
                Err(error) => {
                    assert!(
                        matches!(error.kind(), Unreachable | UnknownLayout),
                        "{error}"
                    );
                    assert!(error.advice().is_some());
                    failed += 1;
                }
            }
        }
    }
    assert!(failed >= 9, "{failed}");
    assert_eq!(names(dir.path()), ["turso.db"]);
}

#[test]
fn a_database_in_wal_mode_is_read_and_nothing_is_made_beside_it() {
    let (dir, path) = made::changed("0.1.47", "PRAGMA journal_mode = WAL;");
    let before = state(dir.path());
    assert_eq!(before.keys().collect::<Vec<_>>(), ["turso.db"]);
    assert_eq!(
        Reader::of(&path).all().unwrap(),
        Reader::of(made::original("0.1.47")).all().unwrap()
    );
    assert!(state(dir.path()) == before);
}

/// A database as a machine without power leaves it: some of it is only in the log.
fn left_behind() -> (TempDir, std::path::PathBuf) {
    let (dir, path) = made::copy("0.1.47");
    let writer = Writer::of(&path);
    writer.execute(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
         INSERT INTO metadata (key, value) VALUES ('only', 'in the log');
         DELETE FROM heuristics;",
    );
    let left = tempfile::tempdir().unwrap();
    for name in ["turso.db", "turso.db-wal"] {
        let bytes = std::fs::read(dir.path().join(name)).unwrap();
        std::fs::write(left.path().join(name), bytes).unwrap();
    }
    let path = left.path().join("turso.db");
    (left, path)
}

#[test]
fn a_log_that_was_left_behind_is_read_and_not_written() {
    let (dir, path) = left_behind();
    let before = state(dir.path());
    assert!(!before["turso.db-wal"].is_empty());
    let read = Reader::of(&path).all().unwrap();
    assert!(of(&read, Kind::Metadata).contains_key("only"));
    assert!(of(&read, Kind::Heuristics).is_empty());
    let mut after = state(dir.path());
    // What SQLite makes so that it can find anything in the log.
    after.remove("turso.db-shm");
    assert!(after == before);
}

#[test]
fn a_database_that_somebody_has_open_is_read_as_it_is() {
    let (dir, path) = made::copy("0.1.47");
    let writer = Writer::of(&path);
    writer.execute(
        "PRAGMA journal_mode = WAL;
         INSERT INTO metadata (key, value) VALUES ('one', '1');",
    );
    // Half done.
    writer.execute("BEGIN IMMEDIATE; INSERT INTO metadata (key, value) VALUES ('two', '2');");
    let before = names(dir.path());
    let read = Reader::of(&path).all().unwrap();
    let keys = of(&read, Kind::Metadata);
    assert!(keys.contains_key("one") && !keys.contains_key("two"));
    assert_eq!(names(dir.path()), before);
    writer.execute("COMMIT");
    let read = Reader::of(&path).all().unwrap();
    assert!(of(&read, Kind::Metadata).contains_key("two"));
}

#[test]
fn a_file_that_nobody_had_open_and_somebody_writes_meanwhile_is_not_trusted() {
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(2_500));
    made::execute(&path, "PRAGMA journal_mode = WAL;");
    let result = Reader::of(&path).with(|store| {
        let survey = store.survey(Kept::default())?;
        let mut rows = store.rows(&survey, Kind::Episodes, None);
        rows.next()?;
        made::execute(&path, "UPDATE episodes SET task_description = 'changed';");
        while rows.next()?.is_some() {}
        store.confirm()
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), Unreachable, "{error}");
    assert!(error.advice().unwrap().contains("again"), "{error:?}");
}

#[test]
fn a_database_that_is_locked_is_waited_for_and_then_given_up() {
    let (_dir, path) = made::changed("0.1.47", "PRAGMA journal_mode = DELETE;");
    let writer = Writer::of(&path);
    writer.execute("BEGIN EXCLUSIVE;");
    let reader = Reader::of(&path).timeout(200).retries(1);
    let told = reader.fails(Unreachable);
    assert!(told.contains("locked"), "{told}");
    let waits = reader.timeout(20_000);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| waits.all());
        std::thread::sleep(std::time::Duration::from_millis(300));
        writer.execute("COMMIT;");
        assert!(!reading.join().unwrap().unwrap().is_empty());
    });
}

#[test]
fn a_transaction_that_was_never_finished_is_said_and_not_rolled_back_here() {
    let (dir, path) = made::changed("0.1.47", "PRAGMA journal_mode = DELETE;");
    let writer = Writer::of(&path);
    // So small a cache that the file itself is written before the end.
    writer.execute(
        "PRAGMA cache_size = 1; BEGIN IMMEDIATE;
         UPDATE episodes SET task_description = 'half done', metadata = hex(zeroblob(4000));",
    );
    let left = tempfile::tempdir().unwrap();
    for name in ["turso.db", "turso.db-journal"] {
        let bytes = std::fs::read(dir.path().join(name)).unwrap();
        std::fs::write(left.path().join(name), bytes).unwrap();
    }
    let before = state(left.path());
    let error = Reader::of(left.path().join("turso.db")).fault();
    assert_eq!(error.kind(), Unreachable, "{error}");
    assert!(state(left.path()) == before);
}

/// Rows that no release writes, and a file can hold.
const STRANGE: &str = "
    INSERT INTO metadata (key, value) VALUES
        ('nul', CAST(x'610062' AS TEXT)),
        ('latin', CAST(x'67f6' AS TEXT)),
        (CAST(x'6b00656c' AS TEXT), 'a key with a zero'),
        (CAST(x'6bff' AS TEXT), 'a key that is no UTF-8'),
        (x'0102', 'a key that is no text'),
        ('number', 7), ('infinite', 9e999), ('blob', x'cafe'), ('', 'no key');
    UPDATE heuristics SET confidence = 9e999
        WHERE heuristic_id = (SELECT min(heuristic_id) FROM heuristics);
    UPDATE heuristics SET condition_text = CAST(x'610062' AS TEXT)
        WHERE heuristic_id = (SELECT max(heuristic_id) FROM heuristics);";

#[test]
fn strange_rows_are_read_or_listed_and_never_end_the_table() {
    let (_dir, path) = made::changed("0.1.47", STRANGE);
    let server = Sqld::of(&path);
    let places = server.iter().map(Sqld::url);
    for from in places.chain([path.to_str().unwrap().to_owned()]) {
        let (survey, lines) = Reader::of(&from)
            .with(|store| {
                let survey = store.survey(Kept::default())?;
                let mut lines = table(store, &survey, Kind::Metadata)?;
                lines.extend(table(store, &survey, Kind::Heuristics)?);
                Ok((survey, lines))
            })
            .unwrap();
        assert_eq!(survey.count(Kind::Metadata).rows, 10, "{from}");
        assert_eq!(survey.count(Kind::Metadata).without_key, 1, "{from}");
        let metadata = of(&lines, Kind::Metadata);
        assert_eq!(metadata.len(), 9, "{from}");
        let texts = [
            ("nul", "a\0b"),
            ("k\0el", "a key with a zero"),
            ("", "no key"),
            ("number", "7"),
            ("infinite", "Inf"),
        ];
        for (key, text) in texts {
            let value = &metadata[key].2.as_ref().unwrap().value;
            let expected = redb_cache::source::Value::Text(text.to_owned());
            assert_eq!(*value, expected, "{from}: {key}");
        }
        let latin = why(metadata["latin"]);
        assert!(latin.contains("utf-8"), "{latin}");
        assert!(why(metadata["k\u{fffd}"]).contains("UTF-8"));
        assert!(metadata["blob"].2.is_err());
        assert_eq!(of(&lines, Kind::Heuristics).len(), 8, "{from}");
    }
}

#[test]
fn a_row_that_is_too_long_is_listed_and_one_that_is_almost_is_read() {
    let (_dir, path) = made::changed(
        "0.1.47",
        "INSERT INTO metadata (key, value) VALUES
         ('almost', hex(zeroblob(4 << 20))), ('long', hex(zeroblob(4 << 20)) || '0'),
         ('middling', hex(zeroblob(2400000))), (hex(zeroblob(40000)), 'a key of that length');",
    );
    let read = Reader::of(&path).all().unwrap();
    let metadata = of(&read, Kind::Metadata);
    assert!(metadata["almost"].2.is_ok() && metadata["middling"].2.is_ok());
    let told = why(metadata["long"]);
    assert!(told.contains("8388609 bytes"), "{told}");
    assert_eq!(metadata.len(), 4, "a key that is too long turns no page");

    // The server hands out no value of more than five megabytes, but tells how long they are.
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let read = Reader::of(server.url()).all().unwrap();
    let metadata = of(&read, Kind::Metadata);
    assert!(metadata["middling"].2.is_ok());
    for (key, bytes) in [("almost", "8388608 bytes"), ("long", "8388609 bytes")] {
        let told = why(metadata[key]);
        assert!(told.contains(bytes), "{told}");
    }
}

#[test]
fn a_boundary_that_is_no_text_or_no_whole_number_is_one_all_the_same() {
    for newest in [
        "SET start_time = 9000000000.5, end_time = NULL",
        "SET episode_id = CAST(x'ff' AS TEXT), start_time = 9000000000, end_time = NULL",
        "SET start_time = 9e999, end_time = NULL",
    ] {
        let (_dir, path) = made::changed(
            "0.1.34",
            &format!(
                "DROP TABLE IF EXISTS episode_revisions;
                 UPDATE episodes {newest}
                 WHERE episode_id = (SELECT min(episode_id) FROM episodes);"
            ),
        );
        let read = Reader::of(&path).kept(Kept::new(Some(1), None)).unwrap();
        assert_eq!(of(&read, Kind::Episodes).len(), 1, "{newest}");
    }
}

#[test]
fn a_database_that_lacks_tables_or_columns_is_read_as_far_as_that_makes_sense() {
    for (statements, tables) in [
        ("DROP TABLE heuristics; DROP TABLE metadata;", Some(9)),
        ("ALTER TABLE episodes DROP COLUMN checkpoints;", Some(11)),
        ("ALTER TABLE episodes RENAME COLUMN steps TO paces;", None),
        ("ALTER TABLE patterns DROP COLUMN pattern_data;", None),
        ("ALTER TABLE episodes RENAME TO runs;", None),
        (
            "ALTER TABLE episodes RENAME TO runs; CREATE VIEW episodes AS SELECT * FROM runs;",
            None,
        ),
    ] {
        let (_dir, path) = made::changed("0.1.47", statements);
        let survey = Reader::of(&path).with(|store| store.survey(Kept::default()));
        match (survey, tables) {
            (Ok(survey), Some(tables)) => {
                assert_eq!(survey.tables.len(), tables, "{statements}");
                assert!(!Reader::of(&path).all().unwrap().is_empty());
            }
            (Err(error), None) => assert_eq!(error.kind(), UnknownLayout, "{error}"),
            (other, _) => panic!("{statements}: {other:?}"),
        }
    }
}
