//! A store that is killed, suspended, or written while it is read.

use std::time::Duration;

use redb_cache::ErrorKind::{UnknownLayout, Unreachable};
use redb_cache::Result;
use redb_cache::source::{Entry, Kept, Kind, Rows};
use rustix::process::Signal;

use crate::made;
use crate::reading::{Line, Reader, table};
use crate::sqld::Sqld;

/// Episodes in a database of several pages.
const MANY: usize = 2_500;

/// The episode of that number among those that were made.
fn id(n: usize) -> String {
    format!("{:08x}-0000-4000-8000-000000000000", n * 100_003)
}

/// Reads so many rows, or all that are left.
fn take(rows: &mut Rows<'_, Entry>, count: usize) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    while lines.len() < count
        && let Some((id, entry)) = rows.next()?
    {
        lines.push((Kind::Episodes, id, entry));
    }
    Ok(lines)
}

fn task(line: &Line) -> String {
    use redb_cache::cache::record::Record;
    use redb_cache::source::Value;
    match &line.2.as_ref().unwrap().value {
        Value::Record(Record::Episode(episode)) => episode.task_description.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_is_killed_and_started_again_loses_no_row() {
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(MANY));
    let Some(mut server) = Sqld::of(&path) else {
        return;
    };
    let expected = Reader::of(&path).all().unwrap();
    let reader = Reader::of(server.url()).retries(8);
    let read = reader.with(|store| {
        let survey = store.survey(Kept::default())?;
        let mut lines = Vec::new();
        for (kind, _) in &survey.tables {
            let mut rows = store.rows(&survey, *kind, None);
            server.kill();
            let server = &mut server;
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(100));
                    server.revive();
                });
                while let Some((id, entry)) = rows.next()? {
                    lines.push((*kind, id, entry));
                }
                Ok::<_, redb_cache::Error>(())
            })?;
        }
        Ok(lines)
    });
    assert!(read.unwrap() == expected);
}

#[test]
fn a_server_that_is_killed_within_a_page_and_started_again_loses_no_row() {
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(MANY));
    let Some(mut server) = Sqld::of(&path) else {
        return;
    };
    let reader = Reader::of(server.url()).retries(8);
    let read = reader.with(|store| {
        let survey = store.survey(Kept::default())?;
        let mut rows = store.rows(&survey, Kind::Episodes, None);
        let mut lines = Vec::new();
        for count in [1, 1_100, 600] {
            lines.extend(take(&mut rows, count)?);
            server.kill();
            server.revive();
        }
        lines.extend(take(&mut rows, usize::MAX)?);
        Ok(lines)
    });
    let file = Reader::of(&path);
    let expected = file.with(|store| table(store, &store.survey(Kept::default())?, Kind::Episodes));
    assert!(read.unwrap() == expected.unwrap());
}

#[test]
fn a_server_that_is_killed_for_good_is_unreachable() {
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(MANY));
    let Some(mut server) = Sqld::of(&path) else {
        return;
    };
    let reader = Reader::of(server.url()).retries(2);
    let error = reader.with(|store| {
        let survey = store.survey(Kept::default())?;
        let mut rows = store.rows(&survey, Kind::Episodes, None);
        take(&mut rows, 1)?;
        server.kill();
        take(&mut rows, usize::MAX)
    });
    assert_eq!(error.unwrap_err().kind(), Unreachable);
}

#[test]
fn a_server_that_is_suspended_is_given_up_and_answers_again_later() {
    let (_dir, path) = made::copy("0.1.34");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let reader = Reader::of(server.url()).timeout(600).retries(1);
    let read = reader.with(|store| {
        let survey = store.survey(Kept::default())?;
        server.signal(Signal::STOP);
        let error = table(store, &survey, Kind::Episodes).unwrap_err();
        server.signal(Signal::CONT);
        assert_eq!(error.kind(), Unreachable);
        assert!(error.to_string().contains("within 600ms"), "{error}");
        table(store, &survey, Kind::Episodes)
    });
    assert!(!read.unwrap().is_empty());
}

#[test]
fn rows_that_nobody_takes_any_more_do_not_stand_in_the_way() {
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(MANY));
    let server = Sqld::of(&path);
    let places = server.iter().map(Sqld::url);
    for from in places.chain([path.to_str().unwrap().to_owned()]) {
        let read = Reader::of(&from).retries(0).with(|store| {
            let survey = store.survey(Kept::default())?;
            for count in [0, 1, 300] {
                take(&mut store.rows(&survey, Kind::Episodes, None), count)?;
            }
            table(store, &survey, Kind::Patterns)
        });
        assert_eq!(read.unwrap().len(), 16, "{from}");
    }
}

#[test]
fn rows_that_change_between_pages_are_read_as_they_are_then() {
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(MANY));
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let reader = Reader::of(server.url());
    let before = reader.all().unwrap();
    let episodes = before.iter().filter(|line| line.0 == Kind::Episodes);
    let last = id(MANY);
    let read = reader.with(|store| {
        let survey = store.survey(Kept::default())?;
        let mut rows = store.rows(&survey, Kind::Episodes, None);
        let mut lines = take(&mut rows, 1)?;
        let first = lines[0].1.clone();
        server.execute(&[
            &format!("UPDATE episodes SET task_description = 'new' WHERE episode_id = '{last}'"),
            &format!(
                "DELETE FROM episodes WHERE episode_id IN ('{first}', '{}')",
                id(MANY - 1)
            ),
            &format!(
                "INSERT INTO episodes SELECT 'fffffff0-0000-4000-8000-000000000000', task_type,
                 task_description, context, start_time, end_time, steps, outcome, reward,
                 reflection, patterns, heuristics, checkpoints, metadata, domain, language,
                 created_at, archived_at FROM episodes WHERE episode_id = '{last}'"
            ),
        ]);
        lines.extend(take(&mut rows, usize::MAX)?);
        Ok(lines)
    });
    let read = read.unwrap();
    let gone = id(MANY - 1);
    // The first was there when it was read.
    let mut expected: Vec<_> = episodes.map(|line| line.1.clone()).collect();
    expected.retain(|id| *id != gone);
    expected.push("fffffff0-0000-4000-8000-000000000000".to_owned());
    expected.sort();
    let ids: Vec<_> = read.iter().map(|line| line.1.clone()).collect();
    assert!(ids == expected);
    let changed = read.iter().find(|line| line.1 == last).unwrap();
    assert_eq!(task(changed), "new");
}

#[test]
fn a_table_that_is_dropped_after_it_was_counted_is_an_error() {
    let (_dir, path) = made::copy("0.1.47");
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    for (kind, statement) in [
        (Kind::Heuristics, "DROP TABLE heuristics"),
        (
            Kind::Patterns,
            "ALTER TABLE patterns RENAME COLUMN pattern_data TO data",
        ),
    ] {
        let error = Reader::of(server.url()).with(|store| {
            let survey = store.survey(Kept::default())?;
            server.execute(&[statement]);
            table(store, &survey, kind)
        });
        let error = error.unwrap_err();
        assert_eq!(error.kind(), UnknownLayout, "{error}");
    }
}

#[test]
fn a_reader_that_pauses_for_longer_than_the_server_remembers_goes_on() {
    if std::env::var_os("REDB_CACHE_LONG").is_none() {
        println!("not checked: it takes a minute; set REDB_CACHE_LONG");
        return;
    }
    let (_dir, path) = made::changed("0.1.47", &made::more_episodes(MANY));
    let Some(server) = Sqld::of(&path) else {
        return;
    };
    let read = Reader::of(server.url()).retries(1).with(|store| {
        let survey = store.survey(Kept::default())?;
        let mut rows = store.rows(&survey, Kind::Episodes, None);
        let mut lines = Vec::new();
        for count in [0, 1, 900, 300] {
            lines.extend(take(&mut rows, count)?);
            std::thread::sleep(Duration::from_secs(11));
        }
        lines.extend(take(&mut rows, usize::MAX)?);
        Ok(lines)
    });
    let file = Reader::of(&path);
    let expected = file.with(|store| table(store, &store.survey(Kept::default())?, Kind::Episodes));
    assert!(read.unwrap() == expected.unwrap());
}
