//! What must be true of a cache while a verb changes it, and after.

use std::fs;
use std::process::Output;

use super::{Scene, Steps, ensure};
use crate::common;

impl Scene<'_> {
    /// Whether the target is the very file that it was before.
    fn is_old(&self) -> bool {
        let found = fs::read(self.path(self.verb.target)).ok();
        found.as_ref() == self.given.get(self.verb.target)
    }

    /// At any moment: a complete cache, old or new, and nothing else touched.
    pub fn check(&self) -> Result<(), String> {
        self.check_others()?;
        if self.is_old() {
            return Ok(());
        }
        let found = self.export()?;
        ensure(self.states.contains(&found), || {
            format!("{} is neither old nor new", self.verb.target)
        })?;
        match self.verb.steps {
            Steps::Swap { keeps } => ensure(!keeps || self.is_kept(), || {
                format!("the old file is not kept among {:?}", self.names())
            }),
            _ => {
                let health = common::run(&self.path(self.verb.target), &["health", "--deep"]);
                ensure(matches!(health.status.code(), Some(0 | 3)), || {
                    format!("it is not healthy: {health:?}")
                })
            }
        }
    }

    /// Whether it says that it has saved what a failing disk has given, and no more.
    pub fn is_part(&self, output: &Output) -> bool {
        self.verb.args.contains(&"--salvage") && output.status.code() == Some(3)
    }

    /// Then every row of it is one of those that are saved where nothing goes wrong.
    pub fn check_part(&self) -> Result<(), String> {
        self.check_others()?;
        let (found, new) = (self.export()?, self.states.last().unwrap());
        let other = found.difference(new).next();
        ensure(other.is_none(), || format!("{other:?} is nothing of it"))
    }

    /// Every file but the target is what it was, and every new one with a name is a whole copy of
    /// the old target.
    fn check_others(&self) -> Result<(), String> {
        for name in self.names() {
            if name == self.verb.target || name.starts_with('.') {
                continue;
            }
            let before = self.given.get(&name);
            let before = before.or_else(|| self.given.get(self.verb.target));
            ensure(fs::read(self.path(&name)).ok().as_ref() == before, || {
                format!("{name} is not what it was")
            })?;
        }
        let names = self.names();
        let gone = self.given.keys().find(|name| !names.contains(name));
        ensure(gone.is_none(), || format!("{gone:?} is gone"))
    }

    fn is_kept(&self) -> bool {
        let old = self.given.get(self.verb.target);
        let mut names = self.names().into_iter();
        old.is_none()
            || names.any(|name| {
                !name.starts_with('.') && fs::read(self.path(&name)).ok().as_ref() == old
            })
    }

    /// The same command again does all of the work, and cleans up.
    pub fn check_again(&self) -> Result<(), String> {
        let mut output = self.run();
        if let Some(name) = self.verb.new_name
            && output.status.code() == Some(1)
            && self.path(name).exists()
        {
            let said = String::from_utf8_lossy(&output.stderr);
            ensure(said.contains("would overwrite a file"), || {
                format!("refused for another reason than {name}: {said}")
            })?;
            fs::remove_file(self.path(name)).unwrap();
            output = self.run();
        }
        ensure(matches!(output.status.code(), Some(0 | 3)), || {
            format!("the same run again fails: {output:?}")
        })?;
        self.check_done()?;
        self.check_clean()
    }

    /// All of the work is done.
    pub fn check_done(&self) -> Result<(), String> {
        let (found, new) = (self.export()?, self.states.last().unwrap());
        ensure(&found == new, || {
            let row = found.symmetric_difference(new).next();
            format!("it is not done: {row:?}")
        })
    }

    /// Whether every file is as it was, and there is no other.
    pub fn is_untouched(&self) -> bool {
        self.names().iter().eq(self.given.keys())
            && self
                .given
                .iter()
                .all(|(name, bytes)| fs::read(self.path(name)).ok().as_ref() == Some(bytes))
    }

    /// No unfinished file is left.
    pub fn check_clean(&self) -> Result<(), String> {
        let names = self.names();
        ensure(!names.iter().any(|name| name.starts_with('.')), || {
            format!("left behind: {names:?}")
        })
    }
}
