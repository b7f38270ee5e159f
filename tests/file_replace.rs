//! Putting a new file in a cache's place.
#![cfg(test)]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use common::{Other, copy_of, given, names, stay};
use redb_cache::ErrorKind;
use redb_cache::file::{Backup, Replacement, space};

fn begin(path: &Path) -> Replacement {
    Replacement::begin(path, Duration::ZERO).unwrap()
}

/// A replacement with a finished stage.
fn staged(path: &Path, content: &str) -> Replacement {
    let replacement = begin(path);
    drop(replacement.create_stage().unwrap());
    fs::write(replacement.stage_path(), content).unwrap();
    replacement
}

#[test]
fn the_new_file_takes_the_place_and_the_old_one_is_kept() {
    let (folder, path) = copy_of("0.1.47");
    let old = fs::read(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let backup = staged(&path, "new")
        .finish(Backup::Beside)
        .unwrap()
        .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    assert_eq!(backup.file_name().unwrap(), "cache.redb.backup-1");
    assert_eq!(fs::read(&backup).unwrap(), old);
    assert_eq!(names(folder.path()), ["cache.redb", "cache.redb.backup-1"]);
}

#[test]
fn backups_are_numbered_and_never_overwritten() {
    let (folder, path) = copy_of("0.1.47");
    fs::write(folder.path().join("cache.redb.backup-1"), "mine").unwrap();
    let backup = staged(&path, "new")
        .finish(Backup::Beside)
        .unwrap()
        .unwrap();
    assert_eq!(backup.file_name().unwrap(), "cache.redb.backup-2");
    assert_eq!(
        fs::read(folder.path().join("cache.redb.backup-1")).unwrap(),
        b"mine"
    );
}

#[test]
fn a_named_backup_that_exists_is_refused_and_nothing_is_replaced() {
    let (folder, path) = copy_of("0.1.47");
    let old = fs::read(&path).unwrap();
    let backup = folder.path().join("kept");
    fs::write(&backup, "mine").unwrap();
    let error = staged(&path, "new")
        .finish(Backup::At(backup.clone()))
        .unwrap_err();
    assert_eq!(error.path(), Some(&*backup));
    assert_eq!(fs::read(&backup).unwrap(), b"mine");
    assert!(fs::read(&path).unwrap() == old);
    assert_eq!(names(folder.path()), ["cache.redb", "kept"]);
}

#[test]
fn a_backup_on_another_file_system_is_a_copy() {
    let shm = Path::new("/dev/shm");
    let (_folder, path) = copy_of("0.1.47");
    if !shm.is_dir() || fs::metadata(shm).unwrap().dev() == fs::metadata(&path).unwrap().dev() {
        return;
    }
    let old = fs::read(&path).unwrap();
    let elsewhere = tempfile::tempdir_in(shm).unwrap();
    let backup = elsewhere.path().join("kept");
    staged(&path, "new")
        .finish(Backup::At(backup.clone()))
        .unwrap();
    assert!(fs::read(&backup).unwrap() == old);
}

#[test]
fn giving_up_leaves_the_old_file_and_no_trace() {
    let (folder, path) = copy_of("0.1.47");
    let old = fs::read(&path).unwrap();
    staged(&path, "new").abandon();
    assert!(fs::read(&path).unwrap() == old);
    assert_eq!(names(folder.path()), ["cache.redb"]);
    begin(&path);
}

#[test]
fn role_killed_before_the_swap() {
    let Some(path) = given() else {
        return;
    };
    let replacement = staged(&path, "half");
    // What step S7 leaves behind.
    fs::hard_link(&path, path.with_extension("redb.backup-1")).unwrap();
    println!("{}", replacement.stage_path().display());
    stay();
}

#[test]
fn after_a_kill_the_same_run_again_succeeds_and_finds_its_stage_and_backup() {
    let (folder, path) = copy_of("0.1.47");
    let old = fs::read(&path).unwrap();
    let other = Other::start("role_killed_before_the_swap", &path);
    let error = Replacement::begin(&path, Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(error.holder().unwrap().contains(&other.pid().to_string()));
    drop(other);
    assert_eq!(names(folder.path()).len(), 3, "{:?}", names(folder.path()));
    assert!(fs::read(&path).unwrap() == old);
    let backup = staged(&path, "new")
        .finish(Backup::Beside)
        .unwrap()
        .unwrap();
    assert!(fs::read(&backup).unwrap() == old);
    assert_eq!(names(folder.path()), ["cache.redb", "cache.redb.backup-1"]);
}

#[test]
fn a_path_that_was_swapped_meanwhile_is_refused() {
    let (folder, path) = copy_of("0.1.47");
    let replacement = staged(&path, "new");
    fs::write(folder.path().join("other"), "other").unwrap();
    fs::rename(folder.path().join("other"), &path).unwrap();
    let error = replacement.finish(Backup::None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert_eq!(fs::read_to_string(&path).unwrap(), "other");
    assert_eq!(names(folder.path()), ["cache.redb"]);
}

#[test]
fn behind_a_symbolic_link_the_file_is_replaced_and_the_link_stays() {
    let (folder, path) = copy_of("0.1.47");
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.redb");
    symlink(&path, &link).unwrap();
    staged(&link, "new").finish(Backup::Beside).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(elsewhere.path()), ["link.redb"]);
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn a_stage_name_that_is_not_a_file_is_neither_followed_nor_removed() {
    let (folder, path) = copy_of("0.1.47");
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let stage = folder.path().join(".cache.redb.redb-cache-stage");
    symlink(&victim, &stage).unwrap();
    assert!(Replacement::begin(&path, Duration::ZERO).is_err());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(fs::symlink_metadata(&stage).unwrap().is_symlink());
}

#[test]
fn room_is_measured_before_anything_is_written() {
    let (_folder, path) = copy_of("0.1.47");
    assert!(space::free_bytes(&path).unwrap() > 0);
    begin(&path).require_space(1).unwrap();
    let error = begin(&path).require_space(u64::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
}
