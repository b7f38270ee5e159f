//! Reading files of every era, whole and broken, leaves no trace on them.
#![cfg(test)]

mod common;

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Other, copy_of, fixture, releases};
use redb_cache::file::{
    FileFormat, Header, ReadOptions, ReadVia, TableInfo, Value, ValueKind, guard, read, stream,
};
use redb_cache::{ErrorKind, Result};

const THOROUGH: ReadOptions = ReadOptions {
    lock_timeout: Duration::from_secs(5),
    verify: true,
};

/// All that a reader could change.
fn trace(path: &Path) -> (Vec<u8>, i64, i64, u64) {
    let metadata = fs::metadata(path).unwrap();
    let bytes = fs::read(path).unwrap();
    (
        bytes,
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ino(),
    )
}

/// Reads every row that can be read, and counts them.
fn read_all(path: &Path, options: &ReadOptions) -> Result<Vec<TableInfo>> {
    read(path, options, |snapshot| {
        let tables = snapshot.tables()?;
        for table in &tables {
            snapshot.measure(&table.name)?;
            if matches!(table.kind, ValueKind::Multimap | ValueKind::Other) {
                continue;
            }
            let mut rows = 0;
            snapshot.scan(&table.name, None, &mut |_, _| {
                rows += 1;
                Ok(ControlFlow::Continue(()))
            })?;
            assert_eq!(rows, table.rows, "{table:?}");
        }
        Ok(tables)
    })
}

fn kind_of_error(path: &Path) -> ErrorKind {
    read_all(path, &ReadOptions::default()).unwrap_err().kind()
}

#[test]
fn every_era_opens_with_the_rows_of_its_truth_and_no_byte_changed() {
    for release in releases() {
        let (_folder, path) = copy_of(&release);
        let truth = fs::read(fixture(&release).join("truth.json")).unwrap();
        let truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
        let before = trace(&path);
        for options in [ReadOptions::default(), THOROUGH] {
            let tables = read_all(&path, &options).unwrap();
            for (table, rows) in truth.as_object().unwrap() {
                let found = tables.iter().find(|info| info.name == *table);
                // 0.1.46 and later count revisions in a row of their own.
                let library = u64::from(table == "metadata" && has_revisions(&tables));
                let expected = rows.as_object().unwrap().len() as u64 + library;
                assert_eq!(
                    found.map(|info| info.rows),
                    Some(expected),
                    "{release} {table}"
                );
            }
        }
        assert!(trace(&path) == before, "{release} was changed");
    }
}

fn has_revisions(tables: &[TableInfo]) -> bool {
    tables.iter().any(|info| info.name == "episode_revisions")
}

#[test]
fn formats_are_told_apart_and_only_v3_has_a_transaction() {
    for (release, format) in [("0.1.14", FileFormat::V2), ("0.1.22", FileFormat::V3)] {
        let (_folder, path) = copy_of(release);
        assert_eq!(Header::read(&path).unwrap().format(), format);
        let seen = read(&path, &ReadOptions::default(), |snapshot| {
            assert_eq!(snapshot.via(), ReadVia::Quiet);
            assert!(snapshot.was_clean());
            assert_eq!(snapshot.length(), fs::metadata(&path)?.len());
            Ok((snapshot.format(), snapshot.transaction().is_some()))
        });
        assert_eq!(seen.unwrap(), (format, format == FileFormat::V3));
    }
}

#[test]
fn rows_are_found_by_key_and_scanned_from_one() {
    let (_folder, path) = copy_of("0.1.47");
    read(&path, &ReadOptions::default(), |snapshot| {
        assert_eq!(
            snapshot.get("schema_version", "version")?,
            Some(Value::U64(4))
        );
        assert_eq!(snapshot.get("schema_version", "versio")?, None);
        assert_eq!(snapshot.get("no_such_table", "version")?, None);
        let mut keys = Vec::new();
        snapshot.scan("episodes", None, &mut |key, _| {
            keys.push(key.to_owned());
            Ok(ControlFlow::Continue(()))
        })?;
        assert!(keys.is_sorted());
        let mut rest = Vec::new();
        snapshot.scan("episodes", Some(&keys[60]), &mut |key, _| {
            rest.push(key.to_owned());
            Ok(if rest.len() == 5 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        assert_eq!(rest, keys[60..65]);
        Ok(())
    })
    .unwrap();
}

const MULTIMAP: redb::MultimapTableDefinition<&str, &[u8]> =
    redb::MultimapTableDefinition::new("a_multimap");
const NUMBERS: redb::TableDefinition<u64, (u32, &str)> = redb::TableDefinition::new("numbers");

#[test]
fn tables_of_foreign_types_are_counted_and_never_read_as_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.redb");
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut multimap = transaction.open_multimap_table(MULTIMAP).unwrap();
        for value in 0..5_000_u32 {
            multimap.insert("many", &value.to_be_bytes()[..]).unwrap();
        }
        multimap.insert("one", &b"x"[..]).unwrap();
        let mut numbers = transaction.open_table(NUMBERS).unwrap();
        for key in 0..3_000 {
            numbers.insert(key, (7, "seven")).unwrap();
        }
    }
    transaction.commit().unwrap();
    drop(database);
    let tables = read_all(&path, &ReadOptions::default()).unwrap();
    let seen: Vec<_> = tables.iter().map(|info| (info.kind, info.rows)).collect();
    assert_eq!(
        seen,
        [(ValueKind::Other, 3_000), (ValueKind::Multimap, 5_001)]
    );
    let error = read(&path, &ReadOptions::default(), |snapshot| {
        snapshot.get("numbers", "7")
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Failed);
    let values = read(&path, &ReadOptions::default(), |snapshot| {
        let table = snapshot
            .transaction()
            .unwrap()
            .open_multimap_table(MULTIMAP)?;
        Ok(redb::ReadableMultimapTable::get(&table, "many")?.count())
    });
    assert_eq!(values.unwrap(), 5_000);
}

#[test]
fn a_missing_cache_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no/such/cache.redb");
    let error = read_all(&path, &ReadOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.path(), Some(&*path));
    assert!(error.advice().unwrap().contains("--cache"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_no_cache_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("text"), "hello\n".repeat(1_000)).unwrap();
    fs::write(
        at("short"),
        &fs::read(fixture("0.1.47").join("cache.redb")).unwrap()[..200],
    )
    .unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), fifo, 0o600.into(), 0).unwrap();
    let begin = Instant::now();
    for name in ["folder", "empty", "text", "short", "fifo"] {
        assert_eq!(kind_of_error(&at(name)), ErrorKind::Damaged, "{name}");
    }
    assert_eq!(kind_of_error(Path::new("/dev/null")), ErrorKind::Damaged);
    assert_eq!(
        kind_of_error(&at("text").join("below")),
        ErrorKind::NotFound
    );
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[test]
fn an_unknown_format_is_refused_and_left_alone() {
    let (_folder, path) = copy_of("0.1.47");
    let file = File::options().write(true).open(&path).unwrap();
    for slot in [64, 192] {
        file.write_all_at(&[9], slot).unwrap();
    }
    let before = trace(&path);
    assert_eq!(kind_of_error(&path), ErrorKind::UnknownLayout);
    assert!(trace(&path) == before);
}

#[test]
fn a_truncated_file_is_damaged() {
    for (release, keep) in [("0.1.47", 4_096), ("0.1.47", 700_000), ("0.1.6", 700_000)] {
        let (_folder, path) = copy_of(release);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(keep).unwrap();
        assert_eq!(
            kind_of_error(&path),
            ErrorKind::Damaged,
            "{release} cut at {keep}"
        );
    }
}

#[test]
fn a_flipped_bit_is_found_or_lies_where_nothing_is_stored() {
    guard::hush_caught_panics();
    for release in ["0.1.47", "0.1.6"] {
        let (_folder, path) = copy_of(release);
        let whole = read_rows(&path, &ReadOptions::default()).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let mut found = 0;
        for offset in (0..file.metadata().unwrap().len()).step_by(48_017) {
            let mut byte = [0];
            file.read_exact_at(&mut byte, offset).unwrap();
            file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
            match read_rows(&path, &THOROUGH) {
                Ok(rows) => assert_eq!(rows, whole, "{release}, byte {offset}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Damaged, "{error} at {offset}");
                    found += 1;
                }
            }
            if release == "0.1.47" {
                // What is read is checked as it is read, too.
                let quick = read_rows(&path, &ReadOptions::default());
                assert!(quick.is_err() || quick.unwrap() == whole, "byte {offset}");
            }
            file.write_all_at(&byte, offset).unwrap();
        }
        assert!(found > 5, "{release}: {found}");
    }
}

fn read_rows(path: &Path, options: &ReadOptions) -> Result<Vec<(String, Value)>> {
    read(path, options, |snapshot| {
        let mut rows = Vec::new();
        for table in snapshot.tables()? {
            snapshot.scan(&table.name, None, &mut |key, value| {
                rows.push((key.to_owned(), value.to_value()));
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(rows)
    })
}

#[test]
fn a_symbolic_link_leads_to_the_cache() {
    let (folder, path) = copy_of("0.1.47");
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(
        read_all(&link, &ReadOptions::default()).unwrap(),
        read_all(&path, &ReadOptions::default()).unwrap()
    );
}

#[test]
fn role_writes_and_is_killed() {
    let Some(path) = common::given() else {
        return;
    };
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(redb::TableDefinition::<&str, &[u8]>::new("metadata"))
        .unwrap()
        .insert("written_before_the_kill", &b"yes"[..])
        .unwrap();
    transaction.commit().unwrap();
    common::stay();
}

#[test]
fn what_a_killed_process_left_is_read_and_not_repaired_on_disk() {
    let (_folder, path) = copy_of("0.1.47");
    drop(Other::start("role_writes_and_is_killed", &path));
    let before = trace(&path);
    let read_it = |options: &ReadOptions| {
        read(&path, options, |snapshot| {
            assert!(!snapshot.was_clean());
            assert_eq!(snapshot.via(), ReadVia::Quiet);
            snapshot.get("metadata", "written_before_the_kill")
        })
    };
    let yes = Some(Value::Bytes(b"yes".to_vec()));
    assert_eq!(read_it(&ReadOptions::default()).unwrap(), yes);
    assert_eq!(read_it(&THOROUGH).unwrap(), yes);
    assert_eq!(read_all(&path, &ReadOptions::default()).unwrap().len(), 14);
    let rows = stream(&path, &ReadOptions::default(), |snapshot| {
        Ok(snapshot.table("episodes")?.unwrap().rows)
    });
    assert_eq!(rows.unwrap(), 70);
    assert!(trace(&path) == before);
}

#[test]
fn role_holds_v2_and_is_killed() {
    let Some(path) = common::given() else {
        return;
    };
    let database = redb2::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(redb2::TableDefinition::<&str, &[u8]>::new("metadata"))
        .unwrap()
        .insert("written_before_the_kill", &b"yes"[..])
        .unwrap();
    transaction.commit().unwrap();
    common::stay();
}

#[test]
fn a_v2_file_is_read_while_an_old_agent_holds_it_and_after_it_was_killed() {
    let (_folder, path) = copy_of("0.1.6");
    let agent = Other::start("role_holds_v2_and_is_killed", &path);
    let before = trace(&path);
    let read_it = |via| {
        read(&path, &ReadOptions::default(), |snapshot| {
            assert_eq!(snapshot.via(), via);
            snapshot.get("metadata", "written_before_the_kill")
        })
    };
    let yes = Some(Value::Bytes(b"yes".to_vec()));
    assert_eq!(read_it(ReadVia::LockFree).unwrap(), yes);
    drop(agent);
    assert_eq!(read_it(ReadVia::Quiet).unwrap(), yes);
    assert!(trace(&path) == before);
}
