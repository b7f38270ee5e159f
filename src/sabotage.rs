//! Bugs on purpose, to see that the tests find each of them.
//!
//! They are built in with `--cfg sabotage` alone, and one of them is chosen by the environment
//! variable `REDB_CACHE_SABOTAGE`. In any other build no bug is planted, and nothing of this is
//! left in the program.

/// What is done wrong. The variable holds the name.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "cli"),
    expect(dead_code, reason = "the engine alone has no place for some of them")
)]
pub(crate) enum Bug {
    /// Data is said to be durable that is not.
    SyncSkipped,
    /// The same of the entries of a folder.
    FolderSyncSkipped,
    /// The new cache is verified when it is in its place already.
    RenamedBeforeVerified,
    /// Whatever has the name of the stage is written to.
    StageNotExclusive,
    /// A lock is taken for had that nobody gave.
    NotLocked,
    /// What is compressed may inflate to anything.
    InflatedWithoutLimit,
    /// Any stage that can be read passes for a copy of the cache.
    DigestNotCompared,
    /// A sync that failed is tried again.
    FailedSyncRetried,
    /// A row that cannot be read is left out and not told of.
    SkipSwallowed,
    /// Messages show the token.
    TokenPrinted,
}

impl Bug {
    /// Whether this run has it.
    pub(crate) fn is_planted(self) -> bool {
        cfg!(sabotage)
            && std::env::var("REDB_CACHE_SABOTAGE").is_ok_and(|bug| bug == format!("{self:?}"))
    }
}
