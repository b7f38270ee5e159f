//! A do-memory process beside the tool.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// A process in which do-memory holds a cache and commits to it.
#[derive(Debug)]
pub struct Holder {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Holder {
    /// The name of the program, as the kernel knows it.
    pub const PROGRAM: &str = "interop";

    /// Starts `interop hold` and waits until it holds the cache. It would stop by itself after some minutes.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start(interop: &str, cache: &Path, rate: f64) -> Result<Self> {
        const LONGEST: &str = "600";
        let mut command = Command::new(interop);
        command
            .arg("hold")
            .arg(cache)
            .args([LONGEST, &rate.to_string()]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run interop")?;
        let mut output = BufReader::new(child.stdout.take().context("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        ensure!(
            line.trim() == "ready",
            "the holder said {line:?} instead of \"ready\""
        );
        Ok(Self { child, output })
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it end, which demands that no commit failed and that its file holds what it committed.
    ///
    /// # Errors
    /// When it was disturbed.
    pub fn stop(mut self) -> Result<Held> {
        self.child
            .stdin
            .take()
            .context("no input")?
            .write_all(b"stop\n")?;
        let mut said = String::new();
        self.output.read_to_string(&mut said)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the holder ended with {status}: {said}");
        Held::parse(&said).with_context(|| format!("the holder said {said:?}"))
    }

    /// Ends it without a chance to close the file.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Holder {
    /// A test that failed leaves no process behind.
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What a holder said in the end.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Commits while it held the file.
    pub commits: u64,
    /// Commits that failed.
    pub errors: u64,
    /// The longest commit.
    pub slowest: Duration,
    /// The last generation in the file.
    pub generation: u64,
}

impl Held {
    fn parse(said: &str) -> Result<Self> {
        let word = |name: &str| {
            let found = said
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.with_context(|| format!("no {name}"))
        };
        Ok(Self {
            commits: word("commits")?.parse()?,
            errors: word("errors")?.parse()?,
            slowest: Duration::try_from_secs_f64(word("slowest_ms")?.parse::<f64>()? / 1000.0)?,
            generation: word("generation")?.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Held;

    #[test]
    fn the_last_words_of_a_holder_are_understood() {
        let held = Held::parse(
            "done commits=12 slowest_ms=3.5 errors=0\nverified rows=32 generation=19\n",
        )
        .unwrap();
        assert_eq!((held.commits, held.errors, held.generation), (12, 0, 19));
        assert_eq!(held.slowest.as_micros(), 3500);
        assert!(Held::parse("done").is_err());
    }
}
