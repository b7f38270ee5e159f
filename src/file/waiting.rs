//! Writes that wait for their turn, by their place in the file.

use std::collections::BTreeMap;
use std::io;

/// The longest run that is written at once.
const RUN: usize = 1 << 20;
/// Memory that is kept for the next writes.
pub(super) const KEPT: usize = 4 << 20;
/// Writes that have not gone to the file: where each belongs, and where in `bytes` it is. They do
/// not overlap.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    parts: BTreeMap<u64, Part>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    at: usize,
    len: usize,
}

impl Waiting {
    /// Bytes in memory.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn add(&mut self, offset: u64, data: &[u8]) {
        self.cut(offset, end_of(offset, data.len()));
        let part = Part {
            at: self.bytes.len(),
            len: data.len(),
        };
        self.bytes.extend_from_slice(data);
        self.parts.insert(offset, part);
    }

    /// Forgets what waits for the bytes from `from` to `to`.
    pub(super) fn cut(&mut self, from: u64, to: u64) {
        let overlapping: Vec<(u64, Part)> = self.overlapping(from, to).collect();
        for (offset, part) in overlapping {
            self.parts.remove(&offset);
            let before = width(offset, from).min(part.len);
            let after = width(to, end_of(offset, part.len)).min(part.len);
            if before > 0 {
                self.parts.insert(
                    offset,
                    Part {
                        len: before,
                        ..part
                    },
                );
            }
            if after > 0 {
                let at = part.at + part.len - after;
                self.parts.insert(to, Part { at, len: after });
            }
        }
    }

    fn overlapping(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, Part)> {
        let reaches_in = self
            .parts
            .range(..from)
            .next_back()
            .filter(|(offset, part)| end_of(**offset, part.len) > from);
        let inside = self.parts.range(from..to.max(from));
        reaches_in
            .into_iter()
            .chain(inside)
            .map(|(offset, part)| (*offset, *part))
    }

    pub(super) fn touches(&self, offset: u64, len: usize) -> bool {
        self.overlapping(offset, end_of(offset, len))
            .next()
            .is_some()
    }

    /// Lays what waits over the bytes of the file from `offset` on.
    pub(super) fn copy_over(&self, offset: u64, out: &mut [u8]) {
        for (start, part) in self.overlapping(offset, end_of(offset, out.len())) {
            let source = self.data(part).get(width(start, offset)..);
            let target = out.get_mut(width(offset, start)..);
            if let (Some(source), Some(target)) = (source, target) {
                for (to, from) in target.iter_mut().zip(source) {
                    *to = *from;
                }
            }
        }
    }

    /// Calls `write` with what waits, in the order of place and joined where it adjoins.
    pub(super) fn each_run(
        &self,
        mut write: impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut start = 0;
        let mut run = Vec::with_capacity(RUN.min(self.bytes.len()));
        for (offset, part) in &self.parts {
            let adjoins = end_of(start, run.len()) == *offset && run.len() + part.len <= RUN;
            if !adjoins {
                if !run.is_empty() {
                    write(start, &run)?;
                    run.clear();
                }
                start = *offset;
            }
            run.extend_from_slice(self.data(*part));
        }
        if run.is_empty() {
            return Ok(());
        }
        write(start, &run)
    }

    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }

    fn data(&self, part: Part) -> &[u8] {
        self.bytes
            .get(part.at..part.at + part.len)
            .unwrap_or_default()
    }
}

fn end_of(offset: u64, len: usize) -> u64 {
    offset.saturating_add(len as u64)
}

/// The bytes from `from` to `to`; none when `to` comes first.
fn width(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}
