//! The tables of a file that was closed, read page by page from the header down.
//!
//! Every page is checked against the checksum by which its parent names it before anything in it
//! is believed, as [`Verified`](super::verified::Verified) does where redb reads. redb itself
//! checks a file in several passes over all of it or not at all, and panics on pages that it
//! trusts wrongly. It is left to it to repair a file.

mod measure;
#[cfg(feature = "cli")]
mod sample;
#[cfg(test)]
#[cfg(feature = "cli")]
mod tests;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use super::ahead::Ahead;
use super::definition::Definition;
use super::geometry::Geometry;
use super::header::Header;
use super::node::{Leaf, Node};
use super::pages::{self, Link};
use super::tables::{self, PageUse, TableInfo, Tables, Value, ValueKind, ValueRef, Visit};
use super::verified::Torn;
use crate::error::{Error, ErrorKind, Result, SEE_REPAIR};

/// Deeper than any tree that fits a file.
const MAX_HEIGHT: usize = 64;

/// One commit of a file.
pub(super) struct Walk {
    file: Ahead,
    length: u64,
    geometry: Geometry,
    catalogue: Option<Link>,
    /// The tree of redb's own tables.
    system: Option<Link>,
    torn: Torn,
}

/// A table as it is found in the catalogue.
struct Found {
    info: TableInfo,
    root: Option<Link>,
}

/// Bytes of a closed file that no page takes. Reads every page, which checks it.
///
/// # Errors
/// Those of reading; [`ErrorKind::Damaged`].
#[cfg(feature = "cli")]
pub fn reclaimable(file: &File) -> Result<u64> {
    let walk = Walk::new(file.try_clone()?, &Header::of(file)?)?;
    Ok(walk.length.saturating_sub(walk.measure_all()?.bytes()))
}

type VisitPair<'v> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>> + 'v;

impl Walk {
    /// The commit that `header` names.
    pub(super) fn new(file: File, header: &Header) -> Result<Self> {
        let geometry = header.geometry().ok_or_else(|| {
            Error::new(
                ErrorKind::Damaged,
                "the cache is damaged: its header holds impossible sizes",
            )
            .help(SEE_REPAIR)
        })?;
        Ok(Self {
            length: file.metadata()?.len(),
            file: Ahead::new(file),
            geometry,
            catalogue: header.root(),
            system: header.system_root(),
            torn: Torn::default(),
        })
    }

    /// The first page met that does not belong to the commit, here or wherever else this is used.
    pub(super) fn torn(&self) -> Torn {
        self.torn.clone()
    }

    /// The pages of all tables, redb's own included. Reads every one of them, which checks it.
    pub(super) fn measure_all(&self) -> Result<PageUse> {
        let mut all = self.measure_system_tables()?;
        if let Some(root) = &self.catalogue {
            measure::add(&mut all, self.measure_below(root, MAX_HEIGHT)?);
        }
        Ok(all)
    }

    /// The pages of redb's own tables.
    pub(super) fn measure_system_tables(&self) -> Result<PageUse> {
        match &self.system {
            Some(root) => self.measure_below(root, MAX_HEIGHT),
            None => Ok(PageUse::default()),
        }
    }

    /// The page that `link` names, in a buffer that may be used again for another.
    fn page<'b>(&self, link: &Link, buffer: &'b mut Vec<u8>) -> Result<Node<'b>> {
        let extent = self
            .geometry
            .extent(link.page)
            .ok_or_else(|| self.torn.at(0))?;
        let torn = || self.torn.at(extent.offset);
        // The length comes from the file: see that it is there before giving it memory.
        if extent.offset.saturating_add(extent.len as u64) > self.length {
            return Err(torn());
        }
        if buffer.len() < extent.len {
            buffer.resize(extent.len, 0);
        }
        let page = buffer.get_mut(..extent.len).ok_or_else(torn)?;
        match self.file.read_exact_at(page, extent.offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(torn()),
            read => read?,
        }
        pages::open(page, link).ok_or_else(torn)
    }

    /// Calls `visit` for each pair of a tree in the order of the keys, from `from` on.
    fn pairs(&self, root: Link, from: &[u8], visit: &mut VisitPair<'_>) -> Result<()> {
        let mut buffers = vec![Vec::new(); MAX_HEIGHT];
        self.pairs_below(&root, from, &mut buffers, visit).map(drop)
    }

    fn pairs_below(
        &self,
        link: &Link,
        from: &[u8],
        buffers: &mut [Vec<u8>],
        visit: &mut VisitPair<'_>,
    ) -> Result<ControlFlow<()>> {
        let (buffer, below) = buffers.split_first_mut().ok_or_else(absurd)?;
        match self.page(link, buffer)? {
            Node::Leaf(leaf) => self.pairs_of(&leaf, from, visit),
            Node::Branch(branch) => {
                for n in 0..branch.children() {
                    if branch.key(n).is_some_and(|greatest| greatest < from) {
                        continue;
                    }
                    let child = branch.child(n, link.shape).ok_or_else(absurd)?;
                    if self.pairs_below(&child, from, below, visit)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    fn pairs_of(
        &self,
        leaf: &Leaf<'_>,
        from: &[u8],
        visit: &mut VisitPair<'_>,
    ) -> Result<ControlFlow<()>> {
        for n in 0..leaf.pairs() {
            let (Some(key), Some(value)) = (leaf.key(n), leaf.value(n)) else {
                return Err(absurd());
            };
            if key >= from && visit(key, value)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Calls `visit` for each row of a table that `follow` comes to from its root.
    fn rows(
        &self,
        table: &str,
        visit: &mut Visit<'_>,
        follow: &dyn Fn(Link, &mut VisitPair<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(found) = self.find(table)? else {
            return Ok(());
        };
        let kind = found.info.kind;
        if matches!(kind, ValueKind::Multimap | ValueKind::Other) {
            return Err(unreadable(table));
        }
        let Some(root) = found.root else {
            return Ok(());
        };
        follow(
            root,
            &mut |key, value| match (str::from_utf8(key), value_of(kind, value)) {
                (Ok(key), Some(value)) => visit(key, value),
                _ => Err(absurd()),
            },
        )
    }

    fn find(&self, table: &str) -> Result<Option<Found>> {
        let mut found = None;
        let Some(catalogue) = self.catalogue else {
            return Ok(found);
        };
        // Not one by one: each of thousands of tables may be looked for.
        self.pairs(catalogue, table.as_bytes(), &mut |name, definition| {
            if name == table.as_bytes() {
                found = Some(Found::of(name, definition).ok_or_else(absurd)?);
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }
}

impl Found {
    /// `None` for what redb does not write.
    fn of(name: &[u8], definition: &[u8]) -> Option<Self> {
        let definition = Definition::parse(definition)?;
        Some(Self {
            info: TableInfo {
                name: str::from_utf8(name).ok()?.to_owned(),
                kind: definition.kind()?,
                rows: definition.rows()?,
            },
            root: definition.root,
        })
    }
}

/// Of a page that has its checksum, and yet holds what redb does not write.
fn absurd() -> Error {
    Error::new(
        ErrorKind::Damaged,
        "the cache is damaged: a page does not hold what it should",
    )
    .help(SEE_REPAIR)
}

/// A value of a table of that kind.
fn value_of(kind: ValueKind, bytes: &[u8]) -> Option<ValueRef<'_>> {
    Some(match kind {
        ValueKind::Bytes => ValueRef::Bytes(bytes),
        ValueKind::Text => ValueRef::Text(str::from_utf8(bytes).ok()?),
        ValueKind::U64 => ValueRef::U64(u64::from_le_bytes(*bytes.first_chunk()?)),
        ValueKind::I64 => ValueRef::I64(i64::from_le_bytes(*bytes.first_chunk()?)),
        ValueKind::Multimap | ValueKind::Other => return None,
    })
}

impl Tables for Walk {
    fn list(&self) -> Result<Vec<TableInfo>> {
        let mut tables = Vec::new();
        let Some(catalogue) = self.catalogue else {
            return Ok(tables);
        };
        self.pairs(catalogue, &[], &mut |name, definition| {
            let found = Found::of(name, definition).ok_or_else(absurd)?;
            tables::add(&mut tables, found.info)?;
            Ok(ControlFlow::Continue(()))
        })?;
        tables.sort_by_key(|table| table.kind == ValueKind::Multimap);
        Ok(tables)
    }

    fn info(&self, table: &str) -> Result<Option<TableInfo>> {
        Ok(self.find(table)?.map(|found| found.info))
    }

    fn get(&self, table: &str, key: &str) -> Result<Option<Value>> {
        let mut found = None;
        self.scan(table, Some(key), &mut |at, value| {
            found = (at == key).then(|| value.to_value());
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    fn scan(&self, table: &str, from: Option<&str>, visit: &mut Visit<'_>) -> Result<()> {
        let from = from.unwrap_or_default().as_bytes();
        self.rows(table, visit, &|root, visit| self.pairs(root, from, visit))
    }

    #[cfg(feature = "cli")]
    fn sample(&self, table: &str, visit: &mut Visit<'_>) -> Result<()> {
        self.rows(table, visit, &|root, visit| self.some_pairs(root, visit))
    }

    fn measure(&self, table: &str) -> Result<PageUse> {
        match self.find(table)?.and_then(|found| found.root) {
            Some(root) => self.measure_below(&root, MAX_HEIGHT),
            None => Ok(PageUse::default()),
        }
    }
}

/// That no rows of the table can be shown.
fn unreadable(table: &str) -> Error {
    Error::new(
        ErrorKind::Failed,
        format!("rows of table {table:?} have a type that cannot be read"),
    )
}
