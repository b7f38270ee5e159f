//! Where a page lies in a file.
//!
//! A page's number holds its index (bits 0-19), its region (20-39) and its order (59-63): it takes
//! `2^order` base pages. Regions of equal size follow the header's page.

/// The only page size that redb writes.
const PAGE: u64 = 4096;
/// redb's own bound; a larger one is damage, and would ask for absurd memory.
const MAX_ORDER: u64 = 20;
const MAX_REGION_PAGES: u32 = 1 << 20;

/// The part of a file that a page takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) len: usize,
}

/// The sizes that a file is created with and keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    region_header: u64,
    region: u64,
}

impl Geometry {
    pub(super) fn new(page: usize, header_pages: u32, data_pages: u32) -> Option<Self> {
        let sane = page as u64 == PAGE
            && header_pages <= MAX_REGION_PAGES
            && (1..=MAX_REGION_PAGES).contains(&data_pages);
        sane.then(|| Self {
            region_header: u64::from(header_pages) * PAGE,
            region: (u64::from(header_pages) + u64::from(data_pages)) * PAGE,
        })
    }

    /// The length of a file of that many full regions and pages in one more.
    pub(super) fn file_length(self, full_regions: u64, trailing_pages: u64) -> Option<u64> {
        let trailing = match trailing_pages {
            0 => 0,
            pages => self.region_header.checked_add(pages.checked_mul(PAGE)?)?,
        };
        self.region
            .checked_mul(full_regions)?
            .checked_add(trailing)?
            .checked_add(PAGE)
    }

    /// Where a page lies. `None` is a number that no file can hold.
    pub(super) fn extent(self, page: u64) -> Option<Extent> {
        let order = page >> 59;
        if order > MAX_ORDER {
            return None;
        }
        let index = page & (0xF_FFFF >> order);
        let region = (page >> 20) & 0xF_FFFF;
        let len = PAGE << order;
        let offset = PAGE
            .checked_add(region.checked_mul(self.region)?)?
            .checked_add(self.region_header)?
            .checked_add(index.checked_mul(len)?)?;
        Some(Extent {
            offset,
            len: usize::try_from(len).ok()?,
        })
    }
}
