//! `migrate` when something comes in between: other processes, signals, SIGKILL, a wrong backup.
#![cfg(test)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{copy_of, json, names, program, refusal, run, state};
use redb::TableDefinition;
use tempfile::TempDir;

fn export(path: &Path) -> Vec<u8> {
    let output = run(path, &["export"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output.stdout
}

/// A fixture whose episodes and patterns are there so many times.
fn multiplied(times: usize) -> (TempDir, PathBuf) {
    let (dir, path) = copy_of("0.1.33");
    let rows = common::Fixture::of("0.1.33").rows();
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    for (table, key, bytes) in rows {
        let definition = TableDefinition::<&str, &[u8]>::new(table.name());
        let mut table = txn.open_table(definition).unwrap();
        for n in 1..times {
            let key = format!("{key}-{n}");
            table.insert(key.as_str(), bytes.as_slice()).unwrap();
        }
    }
    txn.commit().unwrap();
    drop(db);
    (dir, path)
}

fn start(path: &Path, args: &[&str]) -> Child {
    program(path, args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_at_any_moment_the_path_is_a_whole_cache_and_the_same_run_again_succeeds() {
    const MOMENTS: u32 = 50;
    let (dir, path) = copy_of("0.1.33");
    let original = std::fs::read(&path).unwrap();
    let whole = common::usual_time(|| {
        std::fs::write(&path, &original).unwrap();
        json(&path, &["migrate"], 0);
    });
    let expected = export(&path);
    let (mut old, mut new) = (0, 0);
    for moment in 0..MOMENTS {
        for name in names(dir.path()) {
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
        std::fs::write(&path, &original).unwrap();
        let mut child = start(&path, &["migrate"]);
        // Most of the time goes before the swap: look at the end of it more closely.
        let part = f64::from(moment) / f64::from(MOMENTS);
        std::thread::sleep(whole.mul_f64(part.sqrt() * 1.05));
        child.kill().unwrap();
        child.wait().unwrap();
        if std::fs::read(&path).unwrap() == original {
            old += 1;
        } else {
            new += 1;
            assert!(export(&path) == expected, "after {part} of the time");
        }
        let report = json(&path, &["migrate"], 0);
        assert!(
            export(&path) == expected,
            "after {part} of the time: {report}"
        );
        assert_eq!(names(dir.path()), ["cache.redb", "cache.redb.backup-1"]);
        let backup = dir.path().join("cache.redb.backup-1");
        assert!(std::fs::read(backup).unwrap() == original);
    }
    assert!(
        old > 5,
        "{old} kills left the old file and {new} the new one"
    );
}

#[test]
fn an_interrupted_migration_leaves_the_cache_and_no_trace() {
    let (dir, path) = multiplied(40);
    let before = state(&path);
    let mut child = start(&path, &["migrate"]);
    let stage = dir.path().join(".cache.redb.redb-cache-stage");
    let began = Instant::now();
    while !stage.exists() && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(state(&path) == before);
    assert_eq!(names(dir.path()), ["cache.redb"]);
}

#[test]
fn a_run_that_waits_for_the_cache_can_be_interrupted() {
    let (dir, path) = copy_of("0.1.34");
    let _holder = redb::Database::open(&path).unwrap();
    let mut child = start(&path, &["migrate", "--lock-timeout", "10m"]);
    std::thread::sleep(Duration::from_secs(1));
    let began = Instant::now();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(names(dir.path()), ["cache.redb"]);
}

#[test]
fn a_cache_in_use_is_refused_in_place_and_read_for_an_output() {
    let (dir, path) = copy_of("0.1.34");
    let holder = redb::Database::open(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let said = refusal(&path, &["migrate", "--lock-timeout", "0s"], 11);
    assert!(
        said.contains(&format!("pid {}", std::process::id())),
        "{said}"
    );
    assert_eq!(
        json(&path, &["migrate", "--dry-run"], 0)["outcome"],
        "forecast"
    );
    let output = dir.path().join("new.redb");
    json(&path, &["migrate", "--output", output.to_str().unwrap()], 0);
    common::Fixture::of("0.1.34").check_whole_truth(&export(&output), 0);
    assert!(std::fs::read(&path).unwrap() == before);
    drop(holder);
}

#[test]
fn of_runs_at_the_same_time_one_migrates_and_its_backup_stays_the_newest() {
    let (dir, path) = copy_of("0.1.34");
    let holder = redb::Database::open(&path).unwrap();
    let args = ["migrate", "--lock-timeout", "30s"];
    let children: Vec<_> = (0..3).map(|_| start(&path, &args)).collect();
    // Meanwhile each of them sees an old cache, and waits for it.
    std::thread::sleep(Duration::from_secs(2));
    drop(holder);
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    assert_eq!(names(dir.path()), ["cache.redb", "cache.redb.backup-1"]);
    json(&path, &["migrate", "--rollback", "--yes"], 0);
    let restored = json(&path, &["migrate", "--dry-run"], 0);
    assert_eq!(restored["from"]["schema_version"], 3);
}

#[test]
fn files_that_would_take_each_others_names_are_refused_before_the_work() {
    let (dir, path) = copy_of("0.1.34");
    let before = state(&path);
    let name = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let new = name("new.redb");
    let same = format!("{}/./new.redb", dir.path().display());
    for [one, other] in [["--output", "--quarantine"], ["--backup", "--quarantine"]] {
        let args = ["migrate", "--skip-bad", one, &new, other, &same];
        let said = refusal(&path, &args, 2);
        let names_both = format!("{one} and {other} name the same file");
        assert!(said.contains(&names_both), "{said}");
    }
    let itself = path.to_str().unwrap();
    for option in ["--output", "--backup"] {
        refusal(&path, &["migrate", option, itself], 2);
    }
    refusal(&path, &["migrate", "--skip-bad", "--quarantine", itself], 2);
    for unfinished in [
        ".cache.redb.redb-cache-stage",
        ".new.redb.redb-cache-part",
        ".new.redb.redb-cache-lock",
    ] {
        let unfinished = name(unfinished);
        for option in ["--output", "--backup"] {
            let said = refusal(&path, &["migrate", option, &unfinished], 2);
            assert!(said.contains("unfinished files"), "{said}");
        }
    }
    assert!(state(&path) == before);
    assert_eq!(names(dir.path()), ["cache.redb"]);
}

#[test]
fn a_file_left_by_a_killed_process_is_migrated() {
    let (_dir, path) = copy_of("0.1.34");
    let killed = path.with_extension("killed");
    let db = redb::Database::open(&path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(TableDefinition::<&str, &[u8]>::new("mine"))
        .unwrap();
    txn.commit().unwrap();
    std::fs::copy(&path, &killed).unwrap();
    drop(db);
    let report = json(&killed, &["migrate"], 0);
    assert_eq!(report["from"]["closed_cleanly"], false);
    common::Fixture::of("0.1.34").check_whole_truth(&export(&killed), 0);
}

#[test]
fn a_stage_that_a_killed_run_left_goes() {
    let (dir, path) = copy_of("0.1.34");
    std::fs::write(dir.path().join(".cache.redb.redb-cache-stage"), "half").unwrap();
    std::fs::write(dir.path().join(".new.redb.redb-cache-part"), "half").unwrap();
    std::fs::write(dir.path().join(".new.redb.redb-cache-lock"), "").unwrap();
    let output = dir.path().join("new.redb");
    json(&path, &["migrate", "--output", output.to_str().unwrap()], 0);
    json(&path, &["migrate"], 0);
    assert_eq!(
        names(dir.path()),
        ["cache.redb", "cache.redb.backup-1", "new.redb"]
    );
}

#[test]
fn of_runs_that_write_the_same_output_exactly_one_succeeds() {
    const ROUNDS: usize = 10;
    let (dir, path) = copy_of("0.1.34");
    let output = dir.path().join("new.redb");
    let args = ["migrate", "--output", output.to_str().unwrap()];
    let fixture = common::Fixture::of("0.1.34");
    for round in 0..ROUNDS {
        let begin = |_| {
            let mut command = program(&path, &args);
            let piped = command.stdout(Stdio::null()).stderr(Stdio::piped());
            piped.spawn().unwrap()
        };
        let started: Vec<Child> = (0..3).map(begin).collect();
        let mut codes = Vec::new();
        for child in started {
            let ended = child.wait_with_output().unwrap();
            let code = ended.status.code().unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            let expected = match code {
                0 => "",
                1 => "the output would overwrite a file",
                11 => "another run is writing the output",
                _ => panic!("round {round}: exit {code}: {said}"),
            };
            assert!(said.contains(expected), "round {round}: {said}");
            codes.push(code);
        }
        let winners = codes.iter().filter(|code| **code == 0).count();
        assert_eq!(winners, 1, "round {round}: {codes:?}");
        assert_eq!(names(dir.path()), ["cache.redb", "new.redb"]);
        fixture.check_whole_truth(&export(&output), 0);
        std::fs::remove_file(&output).unwrap();
    }
}

#[test]
fn an_output_whose_run_was_killed_is_made_by_the_next_one() {
    let (dir, path) = multiplied(40);
    let output = dir.path().join("new.redb");
    let args = ["migrate", "--output", output.to_str().unwrap()];
    let part = dir.path().join(".new.redb.redb-cache-part");
    let mut killed = start(&path, &args);
    while !part.exists() {
        assert!(killed.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(1));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(part.exists() && !output.exists());
    json(&path, &args, 0);
    assert_eq!(names(dir.path()), ["cache.redb", "new.redb"]);
}

#[test]
fn a_backup_whose_name_is_taken_is_refused_before_the_work() {
    let (dir, path) = copy_of("0.1.34");
    let backup = dir.path().join("kept.redb");
    std::fs::write(&backup, "mine").unwrap();
    let before = state(&path);
    let args = ["migrate", "--backup", backup.to_str().unwrap()];
    let said = refusal(&path, &args, 1);
    assert!(said.contains("the backup would overwrite a file"), "{said}");
    assert!(state(&path) == before);
    assert_eq!(std::fs::read(&backup).unwrap(), b"mine");
    std::fs::remove_file(&backup).unwrap();
    // As a run leaves it that is killed before the swap.
    std::fs::hard_link(&path, &backup).unwrap();
    json(&path, &args, 0);
    assert!(std::fs::read(&backup).unwrap() == before.0);
    assert_eq!(json(&path, &args, 0)["outcome"], "nothing_to_do");
    assert_eq!(names(dir.path()), ["cache.redb", "kept.redb"]);
}

#[test]
fn a_copy_on_another_file_system_that_a_killed_run_made_is_its_backup() {
    use std::os::unix::fs::MetadataExt;
    let (_dir, path) = copy_of("0.1.34");
    let device = |path: &Path| std::fs::metadata(path).map(|file| file.dev()).ok();
    let shm = Path::new("/dev/shm");
    if !shm.is_dir() || device(shm) == device(&path) {
        return;
    }
    let elsewhere = tempfile::tempdir_in(shm).unwrap();
    let backup = elsewhere.path().join("kept.redb");
    let original = std::fs::read(&path).unwrap();
    std::fs::write(&backup, &original).unwrap();
    json(&path, &["migrate", "--backup", backup.to_str().unwrap()], 0);
    assert!(std::fs::read(&backup).unwrap() == original);
}

#[test]
fn without_a_backup_it_must_be_confirmed() {
    let (dir, path) = copy_of("0.1.34");
    let before = state(&path);
    let said = refusal(&path, &["migrate", "--no-backup"], 18);
    assert!(said.contains("--yes"), "{said}");
    assert!(state(&path) == before);
    json(&path, &["migrate", "--no-backup", "--yes"], 0);
    assert_eq!(names(dir.path()), ["cache.redb"]);
    assert_eq!(
        json(&path, &["migrate", "--no-backup"], 0)["outcome"],
        "nothing_to_do"
    );
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let (dir, path) = copy_of("0.1.34");
    let before = state(&path);
    let mode =
        |mode| std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(mode)).unwrap();
    mode(0o555);
    let may_all = std::fs::write(dir.path().join("probe"), "").is_ok();
    if !may_all {
        let said = refusal(&path, &["migrate"], 1);
        assert!(said.contains("access denied"), "{said}");
        assert!(said.contains("the folder of the cache"), "{said}");
        json(&path, &["migrate", "--dry-run"], 0);
        assert!(state(&path) == before);
    }
    mode(0o755);
}

#[test]
fn a_rollback_puts_the_original_back_and_keeps_what_was_migrated() {
    let (dir, path) = copy_of("0.1.34");
    let original = std::fs::read(&path).unwrap();
    let said = refusal(&path, &["migrate", "--rollback", "--yes"], 1);
    assert!(said.contains("no backup"), "{said}");
    json(&path, &["migrate"], 0);
    let migrated = state(&path);
    let said = refusal(&path, &["migrate", "--rollback"], 18);
    assert!(said.contains("--yes"), "{said}");
    assert_eq!(
        json(&path, &["migrate", "--rollback", "-n"], 0)["outcome"],
        "forecast"
    );
    assert!(state(&path) == migrated);

    let report = json(&path, &["migrate", "--rollback", "--yes"], 0);
    assert_eq!(report["outcome"], "rolled_back");
    assert!(std::fs::read(&path).unwrap() == original);
    let kept = dir.path().join("cache.redb.migrated-1");
    assert!(state(&kept) == migrated);
    let again = json(&path, &["migrate", "--rollback", "--yes"], 0);
    assert_eq!(again["outcome"], "nothing_to_do");
    let all = ["cache.redb", "cache.redb.backup-1", "cache.redb.migrated-1"];
    assert_eq!(names(dir.path()), all);

    let report = json(&path, &["migrate"], 0);
    assert!(report["backup"].as_str().unwrap().ends_with(".backup-2"));
    json(
        &path,
        &[
            "migrate",
            "--rollback",
            "--yes",
            "--backup",
            kept.to_str().unwrap(),
        ],
        0,
    );
    assert!(std::fs::read(&path).unwrap() == migrated.0);
}

#[test]
fn a_backup_that_is_no_cache_is_not_put_back() {
    let (dir, path) = copy_of("0.1.34");
    json(&path, &["migrate"], 0);
    let before = state(&path);
    let backup = dir.path().join("cache.redb.backup-1");
    let mut torn = std::fs::read(&backup).unwrap();
    let half = torn.len() / 2;
    torn.truncate(half);
    std::fs::remove_file(&backup).unwrap();
    std::fs::write(&backup, &torn).unwrap();
    refusal(&path, &["migrate", "--rollback", "--yes"], 13);
    let missing = dir.path().join("none.redb");
    let args = [
        "migrate",
        "--rollback",
        "--yes",
        "--backup",
        missing.to_str().unwrap(),
    ];
    let said = refusal(&path, &args, 1);
    assert!(said.contains("no such backup"), "{said}");
    assert!(state(&path) == before);
}

#[test]
fn a_rollback_that_was_killed_before_the_swap_succeeds_when_run_again() {
    let (dir, path) = copy_of("0.1.34");
    let original = std::fs::read(&path).unwrap();
    json(&path, &["migrate"], 0);
    std::fs::hard_link(&path, dir.path().join("cache.redb.migrated-1")).unwrap();
    std::fs::write(dir.path().join(".cache.redb.redb-cache-stage"), "half").unwrap();
    json(&path, &["migrate", "--rollback", "--yes"], 0);
    assert!(std::fs::read(&path).unwrap() == original);
    let all = ["cache.redb", "cache.redb.backup-1", "cache.redb.migrated-1"];
    assert_eq!(names(dir.path()), all);
}

#[test]
fn a_damaged_file_of_format_v2_is_never_taken_for_a_whole_one() {
    let (dir, path) = copy_of("0.1.6");
    let whole = std::fs::read(&path).unwrap();
    let output = dir.path().join("new.redb");
    let args = [
        "migrate",
        "--skip-bad",
        "--output",
        output.to_str().unwrap(),
    ];
    let migrate = || {
        let done = run(&path, &args);
        let rows = output.exists().then(|| run(&output, &["export"]).stdout);
        let _ = std::fs::remove_file(&output);
        (done.status.code().unwrap(), rows)
    };
    let (code, rows) = migrate();
    assert!([0, 3].contains(&code));
    for part in 1..10 {
        let mut damaged = whole.clone();
        let at = whole.len() * part / 10;
        for byte in &mut damaged[at..at + 5_000] {
            *byte ^= 0x55;
        }
        std::fs::write(&path, &damaged).unwrap();
        let now = migrate();
        let untouched = now.0 == code && without_times(&now.1) == without_times(&rows);
        assert!(now.0 == 13 || untouched, "{part}: {}", now.0);
        assert!(std::fs::read(&path).unwrap() == damaged);
    }
}

/// An export without the patterns, which get the time of the migration.
fn without_times(rows: &Option<Vec<u8>>) -> Vec<String> {
    let text = String::from_utf8(rows.clone().unwrap_or_default()).unwrap();
    let lines = text.lines().filter(|line| !line.contains("\"patterns\""));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_truncated_file_and_an_empty_one_are_refused_and_left_alone() {
    for release in ["0.1.6", "0.1.34"] {
        let (dir, path) = copy_of(release);
        let whole = std::fs::read(&path).unwrap();
        for part in 0..8 {
            std::fs::write(&path, &whole[..whole.len() * part / 8]).unwrap();
            let before = state(&path);
            refusal(&path, &["migrate"], 13);
            assert!(state(&path) == before);
        }
        assert_eq!(names(dir.path()), ["cache.redb"]);
    }
}
