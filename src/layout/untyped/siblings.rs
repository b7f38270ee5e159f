//! What stands in the same place of other rows.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cost::CERTAIN;
use super::names::{Hint, hint};

/// Places that are remembered. Each row of a real file adds few.
const MOST_PLACES: usize = 1 << 16;
/// How much a general place counts beside the observations of a special one.
const GENERAL: f32 = 1.0;
/// From here on the most probable kind is taken for certain.
const SURE: f32 = 0.95;
/// Odd numbers at a place that has no even one, from which on they are negative: postcard writes
/// every negative number as an odd one.
const ODD_ONLY: u32 = 8;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Unsigned,
    Negative,
    Float,
    Text,
    List,
    Map,
}

/// What a value is, as far as its own bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Clear(Kind),
    Zero,
    One,
    /// A number that is odd, or negative.
    Odd,
}

/// Where a value stands: in the parameters of which tool, under which keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    tool: u64,
    path: u64,
    key: Option<&'a str>,
    among_numbers: bool,
    pub is_top: bool,
}

impl<'a> Place<'a> {
    /// The whole of the parameters of `tool`.
    pub fn top(tool: &str) -> Self {
        Self {
            tool: xxh3_64_with_seed(tool.as_bytes(), 1),
            path: 0,
            key: None,
            among_numbers: false,
            is_top: true,
        }
    }

    /// The value under a key.
    pub fn under(self, key: &'a str) -> Self {
        Self {
            path: xxh3_64_with_seed(key.as_bytes(), self.path.wrapping_add(2)),
            key: Some(key),
            among_numbers: false,
            is_top: false,
            ..self
        }
    }

    /// An element of a list, whichever.
    pub fn element(self) -> Self {
        Self {
            path: xxh3_64_with_seed(&[], self.path.wrapping_add(3)),
            key: None,
            among_numbers: false,
            is_top: false,
            ..self
        }
    }

    /// The same place, beside numbers.
    pub fn among_numbers(self) -> Self {
        Self {
            among_numbers: true,
            ..self
        }
    }

    /// What the name of its key says, or what stands beside it.
    pub fn hint(&self) -> Option<Hint> {
        match self.key {
            Some(key) => hint(key),
            None => self.among_numbers.then_some(Hint::Count),
        }
    }

    /// The places that it belongs to, the most general first: any such key, any tool, this tool.
    fn levels(&self) -> impl Iterator<Item = u64> {
        let key = self.key.map(|key| xxh3_64_with_seed(key.as_bytes(), 4));
        let own = xxh3_64_with_seed(&self.path.to_le_bytes(), self.tool);
        key.into_iter()
            .chain((!self.is_top).then_some(self.path))
            .chain([own])
    }
}

/// How often what was seen at a place.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    kinds: [u32; 8],
    zeros: u32,
    ones: u32,
    odd: u32,
}

impl Seen {
    fn add(&mut self, sign: Sign) {
        let count = match sign {
            Sign::Clear(kind) => match self.kinds.get_mut(kind as usize) {
                Some(count) => count,
                None => return,
            },
            Sign::Zero => &mut self.zeros,
            Sign::One => &mut self.ones,
            Sign::Odd => &mut self.odd,
        };
        *count = count.saturating_add(1);
    }

    fn clear(&self, kind: Kind) -> u32 {
        self.kinds.get(kind as usize).copied().unwrap_or(0)
    }

    /// How much speaks for a kind. What is zero or one everywhere is a boolean.
    fn speaks_for(&self, kind: Kind) -> u32 {
        let numbers = self.clear(Kind::Unsigned) + self.clear(Kind::Float) + self.odd;
        let clear: u32 = self.kinds.iter().sum();
        match kind {
            Kind::Bool if self.ones > 0 && clear + self.odd == 0 => self.ones + self.zeros,
            Kind::Unsigned if numbers > 0 => self.clear(kind) + self.ones,
            Kind::Negative if self.clear(Kind::Unsigned) == 0 && self.odd >= ODD_ONLY => self.odd,
            kind => self.clear(kind),
        }
    }
}

/// What the rows of a file hold at which place.
#[derive(Clone, Debug, Default)]
pub(in crate::layout) struct Siblings {
    places: HashMap<u64, Seen, foldhash::fast::RandomState>,
}

/// What is taken, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The bytes leave no other.
    Only(usize),
    /// The siblings leave no other.
    Inferred(usize),
    /// The most probable one.
    Chosen(usize),
}

impl Siblings {
    /// Remembers what stands at a place.
    pub(super) fn learn(&mut self, place: &Place<'_>, sign: Sign) {
        for level in place.levels() {
            if self.places.len() < MOST_PLACES || self.places.contains_key(&level) {
                self.places.entry(level).or_default().add(sign);
            }
        }
    }

    /// Whether lists stand at the place and no maps.
    pub(super) fn has_lists(&self, place: &Place<'_>) -> bool {
        let mut levels = place.levels().filter_map(|level| self.places.get(&level));
        levels.any(|seen| seen.clear(Kind::List) > 0 && seen.clear(Kind::Map) == 0)
    }

    /// Decides between kinds that have the same bytes, each with its cost.
    pub(super) fn decide(&self, place: &Place<'_>, candidates: &[(Kind, f32)]) -> Verdict {
        let least = candidates.iter().map(|(_, cost)| *cost);
        let least = least.fold(f32::INFINITY, f32::min);
        let mut shares: Vec<f32> = candidates
            .iter()
            .map(|(_, cost)| (least - cost).exp2())
            .collect();
        let total: f32 = shares.iter().sum();
        for share in &mut shares {
            *share /= total;
        }
        let is_clear = |share: &f32| *share < (-CERTAIN).exp2();
        if shares.iter().filter(|share| !is_clear(share)).count() <= 1 {
            return Verdict::Only(greatest(&shares).0);
        }
        let mut seen_any = false;
        for level in place.levels() {
            let Some(seen) = self.places.get(&level) else {
                continue;
            };
            seen_any |= weigh(seen, candidates, &mut shares);
        }
        match greatest(&shares) {
            (index, share) if seen_any && share >= SURE => Verdict::Inferred(index),
            (index, _) => Verdict::Chosen(index),
        }
    }
}

/// Moves the shares towards what was seen. Says whether anything was.
#[expect(clippy::cast_precision_loss, reason = "a share is no exact number")]
fn weigh(seen: &Seen, candidates: &[(Kind, f32)], shares: &mut [f32]) -> bool {
    let counts = candidates
        .iter()
        .map(|(kind, _)| seen.speaks_for(*kind) as f32);
    let total: f32 = counts.clone().sum();
    for (share, count) in shares.iter_mut().zip(counts) {
        *share = (count + GENERAL * *share) / (total + GENERAL);
    }
    total > 0.0
}

fn greatest(shares: &[f32]) -> (usize, f32) {
    let all = shares.iter().copied().enumerate();
    all.fold((0, f32::NEG_INFINITY), |best, next| {
        if next.1 > best.1 { next } else { best }
    })
}
