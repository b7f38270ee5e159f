//! Reading what `strace -f -xx` writes.

use std::collections::HashMap;
use std::path::PathBuf;

/// Every call that changes a file or its names, or what a descriptor means.
pub const TRACED: &str = "trace=open,openat,creat,close,dup,dup2,dup3,fcntl,ioctl,mmap,msync,\
    write,pwrite64,writev,pwritev,pwritev2,copy_file_range,sendfile,splice,\
    truncate,ftruncate,fallocate,fsync,fdatasync,sync_file_range,sync,syncfs,\
    rename,renameat,renameat2,link,linkat,unlink,unlinkat,\
    symlink,symlinkat,mkdir,mkdirat,rmdir,mknod,mknodat,exit_group";

/// One call, when it ended.
pub struct Call<'a> {
    pub name: &'a str,
    pub args: Vec<&'a str>,
    pub result: i64,
    /// How many calls had ended when it began.
    pub began: usize,
}

/// All calls in the order in which they ended.
pub fn read(log: &str) -> Vec<Call<'_>> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut begun: HashMap<&str, (&str, usize)> = HashMap::new();
    for line in log.lines() {
        let (pid, text) = line.split_once(' ').expect("a line begins with a pid");
        let text = text.trim_start();
        if text.starts_with("+++") || text.starts_with("---") {
            continue;
        }
        if let Some(head) = text.strip_suffix(" <unfinished ...>") {
            begun.insert(pid, (head, calls.len()));
            // The descriptor may have another meaning before this is said to have ended.
            if head.starts_with("close(") || head.starts_with("exit_group(") {
                calls.push(call(head, "", calls.len()));
            }
        } else if let Some(rest) = text.strip_prefix("<... ") {
            let (head, began) = begun.remove(pid).expect("it had begun");
            let (_, tail) = rest.split_once(" resumed>").expect("the end of a call");
            if !head.starts_with("close(") {
                calls.push(call(head, tail, began));
            }
        } else {
            let began = calls.len();
            calls.push(call(text, "", began));
        }
    }
    calls
}

fn call<'a>(head: &'a str, tail: &'a str, began: usize) -> Call<'a> {
    let (name, args) = head.split_once('(').expect("a call");
    // An unfinished call ends in its second half.
    let (args, more, ending) = match (tail.rsplit_once(" = "), args.rsplit_once(" = ")) {
        (Some((more, ending)), _) => (args, more, ending),
        (None, Some((args, ending))) => (args, "", ending),
        (None, None) => (args, "", "0"),
    };
    let split = |text: &'a str| {
        let text = text.trim().trim_end_matches(')');
        text.split(", ").filter(|arg| !arg.is_empty())
    };
    let result = ending.split(' ').next().unwrap_or_default();
    Call {
        name,
        args: split(args).chain(split(more)).collect(),
        result: number(result),
        began,
    }
}

/// A number as `strace` writes it; 0 for what is none.
fn number(text: &str) -> i64 {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).map_or(0, u64::cast_signed),
        None => text.parse().unwrap_or(0),
    }
}

impl Call<'_> {
    /// An argument that is a number.
    pub fn number(&self, at: usize) -> i64 {
        number(self.args[at])
    }

    /// The descriptor that it is about; -1 where there is none.
    pub fn descriptor(&self) -> i64 {
        let at = if self.name == "mmap" { 4 } else { 0 };
        let is_number = |arg: &&&str| arg.parse::<i64>().is_ok();
        self.args
            .get(at)
            .filter(is_number)
            .map_or(-1, |fd| number(fd))
    }

    /// How many bytes it was about.
    pub fn len(&self) -> usize {
        usize::try_from(self.result).unwrap()
    }

    /// Whether a flag is set.
    pub fn says(&self, flag: &str) -> bool {
        let mut flags = self.args.iter().flat_map(|arg| arg.split('|'));
        flags.any(|one| one == flag)
    }

    /// The bytes of an argument, all of them.
    pub fn bytes(&self, at: usize) -> Vec<u8> {
        unescaped(self.args[at]).unwrap_or_else(|| panic!("not bytes: {}", self.name))
    }

    /// The paths among the arguments, where there can be any.
    pub fn paths(&self) -> Vec<PathBuf> {
        if self.name.contains("write") {
            return Vec::new();
        }
        let relative_to = ["openat", "renameat", "renameat2", "linkat", "unlinkat"];
        let texts = self.args.iter().filter_map(|arg| unescaped(arg));
        let paths: Vec<_> = texts
            .map(|text| PathBuf::from(String::from_utf8(text).unwrap()))
            .collect();
        let here = self.args.iter().filter(|arg| **arg == "AT_FDCWD").count();
        assert!(
            !relative_to.contains(&self.name) || here == paths.len(),
            "`{}` relative to a folder is not modelled",
            self.name
        );
        paths
    }
}

/// `"\x2f\x65"`.
fn unescaped(arg: &str) -> Option<Vec<u8>> {
    let hex = arg.strip_prefix('"')?.strip_suffix('"')?;
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8;
    let escapes = hex.as_bytes().chunks(4);
    Some(
        escapes
            .map(|one| digit(one[2]) << 4 | digit(one[3]))
            .collect(),
    )
}
