//! What the system says of the file, without redb.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{Access, access};

use super::super::Context;
use super::Args;
use super::report::{Check, HealthReport, State};
use super::subject::Subject;
use crate::error::ErrorKind;
use crate::file::{self, FileFormat, Header, Holding, holder, open_regular};
use crate::ui::size;

/// Makes the checks. Says whether there is a file of redb's to look into.
pub(super) fn check(args: &Args, context: &Context<'_>, report: &mut HealthReport) -> bool {
    let path = context.cache.as_path();
    report.set(Subject::FreeSpace, free_space(args, path));
    let header = match Header::read(path) {
        Ok(header) => header,
        Err(error) if fs::metadata(path).is_ok_and(|file| file.is_file()) => {
            let permissions = permissions(path);
            let mut found = Check::ok("there");
            if error.kind() == ErrorKind::Damaged {
                report.set(Subject::FileFormat, Check::error(&error));
            } else if permissions.state != State::Broken {
                // It may be read, and yet it cannot be.
                found = Check::error(&error);
            }
            report.set(Subject::File, found);
            report.set(Subject::Permissions, permissions);
            return false;
        }
        Err(error) => {
            report.set(Subject::File, Check::error(&error));
            return false;
        }
    };
    let length = fs::metadata(path).map_or(0, |file| file.len());
    report.set(Subject::File, Check::ok(size(length)));
    report.set(Subject::Permissions, permissions(path));
    report.set(Subject::FileFormat, format(&header));
    match open_regular(path, false) {
        Ok((file, _)) => {
            report.set(Subject::Lock, lock(&file));
            report.set(Subject::ClosedCleanly, closed(&header, &file));
        }
        Err(error) => report.set(Subject::Permissions, Check::error(&error)),
    }
    header.require_known().is_ok()
}

fn permissions(path: &Path) -> Check {
    if let Err(error) = open_regular(path, false) {
        return Check::error(&error).next("run it as the user who owns the cache");
    }
    let folder = folder_of(path);
    let denied = match (
        access(path, Access::WRITE_OK),
        access(folder, Access::WRITE_OK | Access::EXEC_OK),
    ) {
        (Ok(()), Ok(())) => return Check::ok("file and folder are writable"),
        (Err(_), Ok(())) => "the file is not writable: sweep and clear would fail",
        (Ok(()), Err(_)) => "the folder is not writable: compact would fail",
        (Err(_), Err(_)) => "neither file nor folder is writable: only reading works",
    };
    Check::attention(denied).next("give this user the right to write there")
}

fn lock(file: &File) -> Check {
    let named = || holder::find(file).map_or("a process".to_owned(), |holder| holder.to_string());
    match file::holder::holding(file) {
        Holding::Nobody => Check::ok("nobody writes it"),
        Holding::Exclusive => Check::ok(format!("{} has it for itself", named())),
        Holding::Shared(_) => Check::ok(format!("{} writes it, and shares it", named())),
        Holding::Unknown => Check::unknown("this system does not tell who has it open"),
    }
}

fn format(header: &Header) -> Check {
    match header.require_current() {
        Ok(()) => Check::ok("v3"),
        Err(error) if header.format() == FileFormat::V2 => Check::error(&error),
        Err(error) => Check::error(&error),
    }
}

fn closed(header: &Header, file: &File) -> Check {
    if header.closed_cleanly() {
        return Check::ok("yes");
    }
    match holder::holding(file) {
        Holding::Nobody => Check::attention("no: its last writer was killed")
            .next("redb-cache repair, or any writer when it opens it"),
        Holding::Unknown => Check::unknown("no; somebody may have it open"),
        Holding::Exclusive | Holding::Shared(_) => Check::ok("not yet: a process has it open"),
    }
}

fn free_space(args: &Args, path: &Path) -> Check {
    match file::space::free_bytes(folder_of(path)) {
        Err(_) => Check::unknown("the file system does not tell"),
        Ok(free) if free < args.min_free => Check::attention(format!(
            "{} free, less than {}",
            size(free),
            size(args.min_free)
        ))
        .next("make room on the disk"),
        Ok(free) => Check::ok(format!("{} free", size(free))),
    }
}

/// A path of one part lies in the working directory.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
