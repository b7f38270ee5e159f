//! Where a chart has looked already.

/// Bytes of a row that are kept account of together.
const BLOCK: usize = 64;

/// A number for each byte of a row that was looked at. Most rows are text for the greatest part,
/// within which nobody looks, and which then takes no room.
#[derive(Debug)]
pub(super) struct Known {
    /// For each block of the row the number of its entry in `looked_at`, from 1.
    blocks: Vec<u32>,
    looked_at: Vec<[u32; BLOCK]>,
}

impl Known {
    /// Of a row of `len` bytes, and the byte after it.
    pub fn of(len: usize) -> Self {
        Self {
            blocks: vec![0; len / BLOCK + 1],
            looked_at: Vec::new(),
        }
    }

    pub fn get(&self, at: usize) -> Option<u32> {
        let block = index(*self.blocks.get(at / BLOCK)?)?;
        let number = self.looked_at.get(block)?.get(at % BLOCK)?;
        number.checked_sub(1)
    }

    /// What is beyond the last block of the row is not kept.
    pub fn set(&mut self, at: usize, number: u32) {
        let Some(block) = self.blocks.get_mut(at / BLOCK) else {
            return;
        };
        if *block == 0 {
            self.looked_at.push([0; BLOCK]);
            *block = u32::try_from(self.looked_at.len()).unwrap_or(0);
        }
        let block = index(*block).and_then(|block| self.looked_at.get_mut(block));
        if let Some(kept) = block.and_then(|block| block.get_mut(at % BLOCK)) {
            *kept = number.saturating_add(1);
        }
    }
}

/// Of what is counted from 1, as 0 stands for nothing.
fn index(number: u32) -> Option<usize> {
    Some(number.checked_sub(1)? as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_known_and_nothing_else() {
        let mut known = Known::of(130);
        for at in [0, 63, 64, 130] {
            assert_eq!(known.get(at), None);
            known.set(at, u32::try_from(at).unwrap());
        }
        let all: Vec<_> = (0..300).filter_map(|at| known.get(at)).collect();
        assert_eq!(all, [0, 63, 64, 130]);
    }

    #[test]
    fn what_is_far_beyond_the_row_is_not_kept() {
        let mut known = Known::of(130);
        known.set(1_000, 7);
        assert_eq!(known.get(1_000), None);
    }
}
