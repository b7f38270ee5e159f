//! Where tests find the fixtures, and where they work: on copies.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The release whose fixture most tests use: the one that this crate links.
pub const RELEASE: &str = "0.1.47";

/// A fixture: a cache that a release of do-memory wrote, and the truth about it. Read-only.
#[derive(Clone, Debug)]
pub struct Fixture {
    folder: PathBuf,
}

impl Fixture {
    /// Finds the fixture in `REDB_CACHE_FIXTURES`, else in the folder of shared fixtures beside the repository.
    ///
    /// # Errors
    /// When it is not there, saying where it was looked for.
    pub fn find(release: &str) -> Result<Self> {
        let folder = shared("REDB_CACHE_FIXTURES", "fixtures").join(release);
        let fixture = Self { folder };
        ensure!(
            fixture.truth().is_file() && fixture.cache().is_file(),
            "there is no fixture {}: set REDB_CACHE_FIXTURES to the folder that holds {release}/cache.redb and \
             {release}/truth.json",
            fixture.folder.display()
        );
        Ok(fixture)
    }

    /// Every fixture, whichever release wrote it, by name.
    ///
    /// # Errors
    /// When the folder of fixtures cannot be read, or one of them is not whole.
    pub fn all() -> Result<Vec<(String, Self)>> {
        let folder = shared("REDB_CACHE_FIXTURES", "fixtures");
        let found = fs::read_dir(&folder)
            .with_context(|| format!("cannot read the fixtures in {}", folder.display()))?;
        let mut fixtures = Vec::new();
        for entry in found {
            let name = entry?.file_name().to_string_lossy().into_owned();
            fixtures.push((name.clone(), Self::find(&name)?));
        }
        fixtures.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(fixtures)
    }

    /// The truth file.
    #[must_use]
    pub fn truth(&self) -> PathBuf {
        self.folder.join("truth.json")
    }

    /// The durable database with the same rows, which must only be copied; some fixtures have none.
    #[must_use]
    pub fn database(&self) -> Option<PathBuf> {
        Some(self.folder.join("turso.db")).filter(|database| database.is_file())
    }

    /// The cache, which must only be copied.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.folder.join("cache.redb")
    }
}

/// The script that compares an export with a truth: `REDB_CACHE_CHECK_TRUTH`, else beside the shared fixtures.
///
/// # Errors
/// When it is not there.
pub fn check_truth_script() -> Result<PathBuf> {
    let script = shared("REDB_CACHE_CHECK_TRUTH", "tools/check-truth");
    ensure!(
        script.is_file(),
        "there is no {}: set REDB_CACHE_CHECK_TRUTH to the script",
        script.display()
    );
    Ok(script)
}

fn shared(variable: &str, place: &str) -> PathBuf {
    let beside_the_repository = || {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared")
            .join(place)
    };
    env::var_os(variable).map_or_else(beside_the_repository, PathBuf::from)
}

/// A folder that goes away with the test.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    /// Makes an empty one.
    ///
    /// # Errors
    /// When no folder can be made.
    pub fn new() -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir().context("cannot make a folder to work in")?,
        })
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies a file in under another name, writable even when the original is not.
    ///
    /// # Errors
    /// When the file cannot be copied.
    pub fn copy(&self, original: &Path, name: &str) -> Result<PathBuf> {
        let copy = self.path(name);
        let bytes =
            fs::read(original).with_context(|| format!("cannot read {}", original.display()))?;
        fs::write(&copy, bytes).with_context(|| format!("cannot write {}", copy.display()))?;
        Ok(copy)
    }
}

/// What must not change when a cache is only read.
#[derive(Debug, PartialEq, Eq)]
pub struct Fingerprint {
    modified: std::time::SystemTime,
    bytes: Vec<u8>,
}

impl Fingerprint {
    /// Reads the whole file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        Ok(Self {
            modified: fs::metadata(path)?.modified()?,
            bytes: fs::read(path)?,
        })
    }
}
