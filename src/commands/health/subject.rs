//! What `health` looks at.

use serde::Serialize;

/// What is looked at, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Subject {
    File,
    Permissions,
    Lock,
    FileFormat,
    Layout,
    ClosedCleanly,
    Pages,
    Rows,
    Records,
    Reclaimable,
    Expired,
    FreeSpace,
    LastSweep,
}

impl Subject {
    pub(super) const ALL: [Self; 13] = [
        Self::File,
        Self::Permissions,
        Self::Lock,
        Self::FileFormat,
        Self::Layout,
        Self::ClosedCleanly,
        Self::Pages,
        Self::Rows,
        Self::Records,
        Self::Reclaimable,
        Self::Expired,
        Self::FreeSpace,
        Self::LastSweep,
    ];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Permissions => "permissions",
            Self::Lock => "lock",
            Self::FileFormat => "file format",
            Self::Layout => "layout",
            Self::ClosedCleanly => "closed cleanly",
            Self::Pages => "pages",
            Self::Rows => "rows",
            Self::Records => "records",
            Self::Reclaimable => "reclaimable",
            Self::Expired => "expired rows",
            Self::FreeSpace => "free space",
            Self::LastSweep => "last sweep",
        }
    }
}
