//! How many rows of a table are looked at.

/// A number of rows and of their bytes: a few huge rows must not take long either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    rows: u64,
    bytes: u64,
}

impl Portion {
    /// Every row.
    pub const ALL: Self = Self {
        rows: u64::MAX,
        bytes: u64::MAX,
    };

    /// The first rows.
    pub const FIRST: Self = Self {
        rows: 1_000,
        bytes: 16 << 20,
    };

    /// Takes one more row of so many bytes; `false` where the portion is used up.
    pub fn take(&mut self, bytes: u64) -> bool {
        let left = self.rows > 0 && self.bytes > 0;
        if left {
            self.rows -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::Portion;

    #[test]
    fn it_ends_with_its_rows_or_with_the_row_that_uses_up_its_bytes() {
        let taken = |row: u64| {
            let mut portion = Portion::FIRST;
            (0..2_000).filter(|_| portion.take(row)).count()
        };
        assert_eq!(taken(0), 1_000);
        assert_eq!(taken(4 << 20), 4);
        assert_eq!(taken(u64::MAX), 1);
    }
}
