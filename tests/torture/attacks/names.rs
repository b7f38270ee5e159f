//! Caches whose names a terminal obeys, or hardly any file system takes; folders of somebody else.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use libtest_mimic::{Failed, Trial};

use super::{Place, READERS, ends};
use crate::attempt::{Attempt, attempt};
use crate::common;
use crate::figures::{self, Count, is_long};
use crate::scene::{VERBS, ensure};

/// Somebody who owns nothing else.
const NOBODY: u32 = 65_534;

pub fn trials() -> Vec<Trial> {
    let root = rustix::process::getuid().is_root() && runs_as_nobody();
    if !root {
        figures::not_checked("attacks: owners", "the tests cannot run as somebody else");
    }
    vec![
        Trial::test("attacks: names that a terminal obeys", strange_names),
        Trial::test("attacks: owners and folders", owners).with_ignored_flag(!root),
    ]
}

fn strange_names() -> Result<(), Failed> {
    let mut count = Count::of("attacks: strange names");
    let long = [&[b'n'; 250][..], b".redb"].concat();
    let full = [b'n'; 228];
    let names: [&[u8]; 10] = [
        b"a\nb.redb",
        b"\x1b[2J\x1b]0;title\x07.redb",
        b"\r\x08\x7f.redb",
        b"\xff\xfe\xc3.redb",
        "\u{202e}bder.\u{200b}\u{9b}31m".as_bytes(),
        b"--cache",
        b" ",
        b"%s%n$(id)`id`'\"\\.redb",
        &long,
        &full,
    ];
    let mut n = 0;
    for name in names {
        let name = OsStr::from_bytes(name);
        for args in VERBS
            .iter()
            .map(|verb| verb.args)
            .chain(READERS.iter().copied())
        {
            n += 1;
            for json in [false, true] {
                if (n % 2 == 0) != json && !is_long() {
                    continue;
                }
                let held = named(name, args, json);
                count.case(held.map_err(|why| format!("{name:?} {args:?}: {why}")));
            }
        }
    }
    count.end()
}

fn named(name: &OsStr, args: &[&str], json: bool) -> Result<(), String> {
    let old = args[0] == "migrate";
    let place = Place::bare(if old { "0.1.33" } else { "0.1.47" });
    let cache = place.folder().join(name);
    fs::rename(place.cache(), &cache).unwrap();
    let format: &[&str] = if json { &["--format", "json"] } else { &[] };
    let program = place.program(&cache, &[args, format].concat());
    let ended = attempt(&program);
    ends(&ended)?;
    says_nothing_raw(&ended)?;
    if json && args[0] != "export" {
        let said = if matches!(ended.code, Some(0 | 3)) {
            &ended.stdout
        } else {
            &ended.stderr
        };
        let document = std::str::from_utf8(said)
            .ok()
            .and_then(|said| said.lines().last());
        let whole = serde_json::from_slice::<serde_json::Value>(said);
        let last = document.map(serde_json::from_str::<serde_json::Value>);
        ensure(whole.is_ok() || matches!(last, Some(Ok(_))), || {
            format!("this is no JSON: {}", String::from_utf8_lossy(said))
        })?;
    }
    place.harms_nobody()?;
    let left = fs::read_dir(place.folder()).unwrap();
    let hidden = left.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .as_bytes()
            .starts_with(b".")
    });
    ensure(hidden.count() == 0, || "something is left".to_owned())?;
    let output = common::run(&cache, &["export"]);
    ensure(matches!(output.status.code(), Some(0 | 3)), || {
        format!("the cache is broken: {output:?}")
    })
}

/// No byte that acts on a terminal, but for the ends of lines.
fn says_nothing_raw(ended: &Attempt) -> Result<(), String> {
    for said in [&ended.stdout, &ended.stderr] {
        let said = String::from_utf8_lossy(said);
        let acts = |c: char| {
            c != '\n' && (c.is_control() || matches!(c, '\u{200b}' | '\u{202e}' | '\u{9b}'))
        };
        ensure(!said.contains(acts), || {
            format!("it obeys the name: {said:?}")
        })?;
    }
    Ok(())
}

/// The program as nobody, to whom its own file may be out of reach.
fn as_nobody(program: &Command) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(program.get_program())
        .args(program.get_args());
    command
}

fn runs_as_nobody() -> bool {
    let help = common::program(Path::new("none"), &["--version"]);
    let output = as_nobody(&help).output();
    output.is_ok_and(|output| output.status.success())
}

fn chown(path: &Path, owner: u32, mode: u32) {
    std::os::unix::fs::chown(path, Some(owner), Some(owner)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Who owns the folder and its mode; who owns the cache and its mode; whether nobody runs it.
const OWNERS: [(u32, u32, u32, u32, bool); 8] = [
    (NOBODY, 0o555, NOBODY, 0o600, true),
    (0, 0o755, NOBODY, 0o600, true),
    (0, 0o1777, 0, 0o666, true),
    (0, 0o1777, 0, 0o644, true),
    (0, 0o777, 0, 0o600, true),
    (NOBODY, 0o700, NOBODY, 0o640, false),
    (NOBODY, 0o1777, NOBODY, 0o600, false),
    (NOBODY, 0o700, NOBODY, 0o600, true),
];

fn owners() -> Result<(), Failed> {
    let mut count = Count::of("attacks: owners");
    for verb in VERBS {
        for owned in OWNERS {
            let held = owned_so(verb, owned);
            count.case(held.map_err(|why| format!("{} {owned:?}: {why}", verb.what)));
        }
    }
    count.end()
}

fn owned_so(
    verb: &crate::scene::Verb,
    (folder, folder_mode, owner, mode, nobody): (u32, u32, u32, u32, bool),
) -> Result<(), String> {
    let place = Place::of(verb);
    let existed = place.cache().exists();
    for name in common::names(place.folder()) {
        chown(&place.path(&name), owner, mode);
    }
    chown(&place.path("store"), owner, 0o644);
    chown(place.folder(), folder, folder_mode);
    let before: Vec<OsString> = hidden(place.folder());
    let program = place.program(&place.cache(), verb.args);
    let ended = attempt(&if nobody { as_nobody(&program) } else { program });
    ends(&ended)?;
    place.harms_nobody()?;
    ensure(hidden(place.folder()) == before, || {
        format!("it leaves {:?}", common::names(place.folder()))
    })?;
    if !existed {
        return Ok(());
    }
    place.is_whole()?;
    let found = fs::metadata(place.cache()).unwrap();
    let kept = found.uid() == owner && found.mode() & 0o777 == mode;
    // Who may not give a file away keeps it to himself.
    let narrow = found.uid() == NOBODY && found.mode() & 0o077 == 0;
    ensure(kept || (nobody && narrow), || {
        format!(
            "the cache is now of {} with mode {:o}",
            found.uid(),
            found.mode()
        )
    })
}

fn hidden(folder: &Path) -> Vec<OsString> {
    let names = common::names(folder).into_iter();
    let hidden = names.filter(|name| name.starts_with('.'));
    hidden.map(OsString::from).collect()
}
