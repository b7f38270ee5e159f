//! Power loss: whatever the disk makes of what was not synced, the path names a complete cache,
//! and what was said to be done is done.
//!
//! Each verb is recorded once. Then every image is looked at that a power loss between two of its
//! steps may leave: see `images`.

mod judge;
mod verbs;
mod writer;

use std::collections::HashSet;

use libtest_mimic::Trial;

use crate::figures::{self, Count};
use crate::images::{self, Disk, Random};
use crate::recording::{Recording, why_not};
use judge::Judge;
use verbs::Verb;

pub use writer::play_role;

/// The seed of the quick part; the long one takes another each time, and says which.
const SEED: u64 = 0x5eed;
/// Rounds of random images after which a verb has no more.
const MAX_ROUNDS: usize = 50;

/// One trial for each verb.
pub fn trials() -> Vec<Trial> {
    let why_not = why_not();
    if let Some(why) = &why_not {
        figures::not_checked("power loss", why);
    }
    let trial = |verb: Verb| {
        let name = format!("power_loss_{}", verb.name.replace(' ', "_"));
        Trial::test(name, move || check(&verb)).with_ignored_flag(why_not.is_some())
    };
    verbs::all().into_iter().map(trial).collect()
}

fn check(verb: &Verb) -> Result<(), libtest_mimic::Failed> {
    let (folder, command) = verb.prepare();
    let recording = Recording::of(&command, folder.path());
    let mut judge = Judge::of(verb, &recording);
    let mut trial = Enumeration {
        count: Count::of(format!("power loss: {}", verb.name)),
        seen: HashSet::new(),
        wanted: if figures::is_long() { 20_000 } else { 500 },
        reruns: if figures::is_long() { 200 } else { 20 },
        tearing: 0,
    };
    trial.systematic(&recording, &mut judge);
    let mut random = Random(seed());
    for _ in 0..MAX_ROUNDS {
        if trial.seen.len() >= trial.wanted {
            break;
        }
        trial.random(&recording, &mut judge, &mut random);
    }
    trial.count.end()?;
    if trial.seen.len() < trial.wanted {
        return Err(format!("only {} images", trial.seen.len()).into());
    }
    Ok(())
}

fn seed() -> u64 {
    if !figures::is_long() {
        return SEED;
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = now.unwrap().as_secs();
    println!("power loss: seed {seed}");
    seed
}

/// The images of one recording.
struct Enumeration {
    count: Count,
    /// By digest: an image counts once, at however many moments it may be found.
    seen: HashSet<u128>,
    wanted: usize,
    reruns: usize,
    /// Moments at which a write may arrive in parts.
    tearing: usize,
}

impl Enumeration {
    /// At every moment, what is tried always.
    fn systematic(&mut self, recording: &Recording, judge: &mut Judge<'_>) {
        let mut disk = Disk::before(recording);
        loop {
            for fates in disk.systematic() {
                self.look_at(&disk, &disk.image(&fates), judge);
            }
            self.tearing += usize::from(disk.can_tear());
            if disk.step().is_none() {
                return;
            }
        }
    }

    /// At every moment at which something may be lost, something else.
    fn random(&mut self, recording: &Recording, judge: &mut Judge<'_>, random: &mut Random) {
        let mut disk = Disk::before(recording);
        let missing = self.wanted - self.seen.len();
        while disk.step().is_some() && self.seen.len() < self.wanted {
            let images = match disk.can_tear() {
                true => 2 * missing / self.tearing + 1,
                false => disk.unsynced().min(1),
            };
            for _ in 0..images {
                let fates = disk.random(random);
                self.look_at(&disk, &disk.image(&fates), judge);
            }
        }
    }

    fn look_at(&mut self, disk: &Disk<'_>, image: &images::Image, judge: &mut Judge<'_>) {
        let is_new = self.seen.insert(images::digest(image));
        let mut verdict = judge.image(disk.done, image);
        let every = self.wanted / self.reruns;
        if is_new && verdict.is_ok() && (self.seen.len() % every == 1 || judge.wants_rerun(image)) {
            verdict = judge
                .rerun(image)
                .map_err(|why| format!("run again: {why}"));
        }
        if is_new || verdict.is_err() {
            let at = |why| format!("after step {}: {why}", disk.done);
            self.count.case(verdict.map_err(at));
        }
    }
}
