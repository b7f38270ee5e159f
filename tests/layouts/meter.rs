//! How long a reading takes and how much memory it needs, with an end to both.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use redb_cache::cache::Table;
use redb_cache::layout::Layout;
use rustix::time::{ClockId, clock_gettime};

/// What the readings of many rows took.
#[derive(Debug, Default)]
pub struct Meter {
    /// How many rows.
    pub cases: u64,
    /// How many of them were read.
    pub read: u64,
    slowest: (Duration, usize),
    hungriest: (u64, usize),
    /// Bytes that the readings left behind.
    pub kept: i64,
}

impl Meter {
    /// Runs one reading of `row`, as that layout or by a survey, which says whether the row was
    /// read. No panic, no more than the row deserves of time and memory.
    pub fn run(
        &mut self,
        layout: Option<Layout>,
        table: Table,
        row: &[u8],
        read: impl FnOnce() -> bool,
    ) {
        let by = layout.map_or("survey".to_owned(), |layout| layout.to_string());
        let what = format!("{by}, {table}");
        let (took, peak) = self.once(&what, row, read);
        assert!(
            took <= most_time(row.len()),
            "{what}: {took:?} for {}",
            kept(row)
        );
        assert!(
            peak <= most_memory(layout, row.len()),
            "{what}: {peak} bytes of memory for {}",
            kept(row)
        );
        self.cases += 1;
        self.slowest = self.slowest.max((took, row.len()));
        self.hungriest = self.hungriest.max((peak, row.len()));
    }

    fn once(&mut self, what: &str, row: &[u8], read: impl FnOnce() -> bool) -> (Duration, u64) {
        let mut result = Ok(false);
        let begin = worked();
        let memory = allocation_counter::measure(|| {
            result = catch_unwind(AssertUnwindSafe(read));
        });
        let took = worked().saturating_sub(begin);
        let Ok(was_read) = result else {
            panic!("{what}: a panic on {}", kept(row));
        };
        self.read += u64::from(was_read);
        self.kept += memory.bytes_current;
        (took, memory.bytes_max)
    }
}

/// How long this thread has worked. What else the machine does is no fault of a reader.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

/// Linear in the row: a second for 100 KB, more where nothing is optimized.
fn most_time(len: usize) -> Duration {
    let optimized = Duration::from_millis(200) + Duration::from_micros(8) * len.try_into().unwrap();
    optimized * if cfg!(debug_assertions) { 8 } else { 1 }
}

/// Linear in the row. A typed reading needs little more than the record, an untyped one a place
/// in its tables for every byte.
fn most_memory(layout: Option<Layout>, len: usize) -> u64 {
    let a_byte = match layout {
        Some(layout) if layout >= Layout::L6 => 64,
        _ => 512,
    };
    a_byte * u64::try_from(len).unwrap() + (4 << 20)
}

/// The row, written to a file when it is too long to show.
fn kept(row: &[u8]) -> String {
    if row.len() <= 400 {
        return row.escape_ascii().to_string();
    }
    let file = tempfile::Builder::new()
        .prefix("redb-cache-row-")
        .tempfile()
        .unwrap();
    let (_, path) = file.keep().unwrap();
    std::fs::write(&path, row).unwrap();
    format!("{} bytes, kept as {}", row.len(), path.display())
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cases, read) = (self.cases, self.read);
        let ((time, slow), (peak, hungry)) = (self.slowest, self.hungriest);
        write!(
            f,
            "{cases} rows, {read} of them read; the slowest of {slow} bytes in {time:.1?}; at most \
             {peak} bytes of memory, for one of {hungry} bytes"
        )
    }
}
