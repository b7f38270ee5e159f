//! Every verb that changes a cache, and how it goes about it.

/// A change of a cache.
pub struct Verb {
    /// What it is called in the table of figures.
    pub what: &'static str,
    /// The release that wrote the cache.
    pub fixture: &'static str,
    /// Commands that come before it. In each, `@name` is the file `name` in the folder. `rm` removes
    /// a file, `left` makes it one that a killed writer has left.
    pub before: &'static [&'static [&'static str]],
    /// The command itself.
    pub args: &'static [&'static str],
    /// The file that it writes.
    pub target: &'static str,
    /// What may be seen of its work before the end.
    pub steps: Steps,
    /// The file that it must find free, as it says so itself.
    pub new_name: Option<&'static str>,
}

/// How a verb goes from the old to the new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// A new file takes the place of the old one, which is kept or not.
    Swap { keeps: bool },
    /// In the file, table by table.
    Tables,
    /// In the file, so many rows at a time.
    Rows(usize),
}

/// Every verb that changes a cache, on each format of the file that it takes.
pub const VERBS: &[Verb] = &[
    Verb {
        what: "migrate, redb v2 file",
        fixture: "0.1.6",
        before: &[],
        args: &["migrate"],
        target: "cache.redb",
        steps: Steps::Swap { keeps: true },
        new_name: None,
    },
    Verb {
        what: "migrate, redb v3 file",
        fixture: "0.1.33",
        before: &[],
        args: &["migrate"],
        target: "cache.redb",
        steps: Steps::Swap { keeps: true },
        new_name: None,
    },
    Verb {
        what: "migrate --output",
        fixture: "0.1.33",
        before: &[],
        args: &["migrate", "--output", "@new.redb"],
        target: "new.redb",
        steps: Steps::Swap { keeps: false },
        new_name: Some("new.redb"),
    },
    Verb {
        what: "migrate --rollback",
        fixture: "0.1.33",
        before: &[&["migrate"]],
        args: &["migrate", "--rollback", "--yes"],
        target: "cache.redb",
        steps: Steps::Swap { keeps: true },
        new_name: None,
    },
    Verb {
        what: "compact",
        fixture: "0.1.47",
        before: &[],
        args: &["compact"],
        target: "cache.redb",
        steps: Steps::Swap { keeps: false },
        new_name: None,
    },
    Verb {
        what: "compact --backup",
        fixture: "0.1.47",
        before: &[],
        args: &["compact", "--backup", "@kept"],
        target: "cache.redb",
        steps: Steps::Swap { keeps: true },
        new_name: Some("kept"),
    },
    Verb {
        what: "repair",
        fixture: "0.1.47",
        before: &[&["left", "cache.redb"]],
        args: &["repair", "--yes"],
        target: "cache.redb",
        steps: Steps::Swap { keeps: true },
        new_name: None,
    },
    Verb {
        what: "repair --salvage",
        fixture: "0.1.47",
        before: &[&["left", "cache.redb"]],
        args: &["repair", "--salvage", "@new.redb"],
        target: "new.redb",
        steps: Steps::Swap { keeps: false },
        new_name: Some("new.redb"),
    },
    Verb {
        what: "rebuild",
        fixture: "0.1.47",
        before: &[],
        args: &["rebuild", "--yes", "--from", "@store"],
        target: "cache.redb",
        steps: Steps::Swap { keeps: true },
        new_name: None,
    },
    Verb {
        what: "rebuild, where there is none",
        fixture: "0.1.47",
        before: &[&["rm", "cache.redb"]],
        args: &["rebuild", "--yes", "--from", "@store"],
        target: "cache.redb",
        steps: Steps::Swap { keeps: false },
        new_name: None,
    },
    Verb {
        what: "clear",
        fixture: "0.1.47",
        before: &[],
        args: &["clear", "--all", "--yes"],
        target: "cache.redb",
        steps: Steps::Tables,
        new_name: None,
    },
    Verb {
        what: "clear --backup",
        fixture: "0.1.47",
        before: &[],
        args: &["clear", "--all", "--yes", "--backup", "@kept"],
        target: "cache.redb",
        steps: Steps::Tables,
        new_name: Some("kept"),
    },
    Verb {
        what: "sweep",
        fixture: "0.1.47",
        before: &[],
        args: &["sweep", "--max-entries", "5", "--batch", "20"],
        target: "cache.redb",
        steps: Steps::Rows(20),
        new_name: None,
    },
];
