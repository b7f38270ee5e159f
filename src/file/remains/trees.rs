//! Following the links of one commit as far as they lead.

use std::collections::{BTreeMap, HashSet};

use super::{Account, Commit, FoundRow, Remains, Remnant};
use crate::error::Result;
use crate::file::definition::Definition;
use crate::file::node::{Branch, Leaf, Node};
use crate::file::pages::{self, Link, Shape};

/// Deeper than any tree that fits a file.
const MAX_HEIGHT: usize = 64;
/// Damaged pages of which the place is told.
const TOLD: usize = 100_000;

/// A key and a value, and the page that they lie in.
struct Pair<'a> {
    key: &'a [u8],
    value: &'a [u8],
    page: u64,
    is_whole: bool,
}

type VisitPair<'v> = dyn FnMut(Pair<'_>) -> Result<()> + 'v;

struct Trees<'a> {
    remains: &'a Remains,
    /// Whole pages that were read. No page has two parents, unless somebody made the file so that
    /// its trees have no end.
    seen: HashSet<u64>,
    /// What damaged pages name, once looked at.
    tried: HashSet<u64>,
    /// Of those the whole ones. They come last: where the damaged page is one of another tree, that
    /// tree names them, too.
    below: Vec<Link>,
    damaged: Vec<u64>,
    /// Damaged pages met, those told of and the rest.
    met: u64,
}

impl Remains {
    /// Calls `visit` for each row that there is of a commit, whole or not.
    ///
    /// # Errors
    /// Those of `visit`.
    pub fn read(
        &self,
        commit: &Commit,
        visit: &mut dyn FnMut(FoundRow<'_>) -> Result<()>,
    ) -> Result<Account> {
        let mut trees = Trees::of(self);
        let mut tables = trees.catalogue(commit)?;
        let no_catalogue = commit.root.is_none() && commit.number.is_none();
        let whole_catalogue = trees.damaged.is_empty() && !no_catalogue;
        let missing_tables = match commit.tables {
            _ if whole_catalogue => Some(0),
            Some(tables_in_all) => Some(tables_in_all.saturating_sub(tables.len() as u64)),
            None => None,
        };
        let mut below = Vec::new();
        for (number, table) in tables.iter_mut().enumerate() {
            if let Some(root) = table.root {
                trees.table(table, &root, visit)?;
            }
            below.extend(trees.below.drain(..).map(|link| (number, link)));
        }
        while let Some((number, link)) = below.pop() {
            if let Some(table) = tables.get_mut(number) {
                trees.table(table, &link, visit)?;
            }
            below.extend(trees.below.drain(..).map(|link| (number, link)));
        }
        tables.iter_mut().for_each(Remnant::settle);
        trees.damaged.sort_unstable();
        trees.damaged.dedup();
        Ok(Account {
            tables,
            missing_tables,
            damaged_pages: trees.damaged,
        })
    }
}

impl Remnant {
    /// The table that a row of the catalogue defines.
    fn of(row: &Pair<'_>) -> Option<Self> {
        let definition = Definition::parse(row.value)?;
        let claimed = definition.rows();
        Some(Self {
            name: str::from_utf8(row.key).ok()?.to_owned(),
            kind: definition.kind()?,
            rows: claimed.filter(|_| row.is_whole),
            readable: 0,
            doubtful: 0,
            is_whole: row.is_whole || definition.root.is_some(),
            root: definition.root,
            claimed,
        })
    }

    /// Where the page that defines the table is damaged, its number of rows counts if that many are
    /// there and no page is missing.
    fn settle(&mut self) {
        let complete = self.is_whole && self.claimed == Some(self.readable);
        if self.rows.is_none() && complete {
            self.rows = self.claimed;
        }
    }
}

impl<'a> Trees<'a> {
    fn of(remains: &'a Remains) -> Self {
        Self {
            remains,
            seen: HashSet::new(),
            tried: HashSet::new(),
            below: Vec::new(),
            damaged: Vec::new(),
            met: 0,
        }
    }

    /// The tables, in the order of their names. What a whole page says of one goes before.
    fn catalogue(&mut self, commit: &Commit) -> Result<Vec<Remnant>> {
        let mut tables = BTreeMap::<String, Remnant>::new();
        let mut links: Vec<Link> = commit.root.into_iter().collect();
        while let Some(link) = links.pop() {
            let mut found = Vec::new();
            self.walk(&link, MAX_HEIGHT, &mut |pair| {
                found.push((Remnant::of(&pair), pair.page, pair.is_whole));
                Ok(())
            })?;
            links.append(&mut self.below);
            for (table, page, is_whole) in found {
                match table {
                    None => self.note(page),
                    Some(table) if is_whole => drop(tables.insert(table.name.clone(), table)),
                    Some(table) => drop(tables.entry(table.name.clone()).or_insert(table)),
                }
            }
        }
        Ok(tables.into_values().collect())
    }

    /// Visits the rows of a table that lie below `link`.
    fn table(
        &mut self,
        table: &mut Remnant,
        link: &Link,
        visit: &mut dyn FnMut(FoundRow<'_>) -> Result<()>,
    ) -> Result<()> {
        let met = self.met;
        let (mut readable, mut doubtful) = (0, 0);
        self.walk(link, MAX_HEIGHT, &mut |pair| {
            let count = if pair.is_whole {
                &mut readable
            } else {
                &mut doubtful
            };
            *count += 1;
            visit(FoundRow {
                table,
                key: pair.key,
                value: pair.value,
                page: pair.page,
                is_whole: pair.is_whole,
            })
        })?;
        table.readable += readable;
        table.doubtful += doubtful;
        table.is_whole &= self.met == met;
        Ok(())
    }

    fn note(&mut self, page: u64) {
        self.met += 1;
        if self.damaged.len() < TOLD {
            self.damaged.push(page);
        }
    }

    fn walk(&mut self, link: &Link, height: usize, visit: &mut VisitPair<'_>) -> Result<()> {
        let at = self.remains.offset(link);
        let (Some(page), Some(left)) = (self.remains.bytes(link), height.checked_sub(1)) else {
            self.note(at);
            return Ok(());
        };
        match pages::open(&page, link) {
            Some(_) if !self.seen.insert(link.page) => Ok(()),
            Some(node) => self.whole(&node, link, left, visit),
            None => {
                self.note(at);
                match Node::parse(&page, link.shape) {
                    Some(Node::Leaf(leaf)) => pairs(&leaf, at, false, visit).map(drop),
                    Some(Node::Branch(branch)) => {
                        self.try_below(&branch, link.shape);
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// Goes on from a page that has its checksum. It may still hold what redb does not write.
    fn whole(
        &mut self,
        node: &Node<'_>,
        link: &Link,
        height: usize,
        visit: &mut VisitPair<'_>,
    ) -> Result<()> {
        let at = self.remains.offset(link);
        let mut links = Vec::new();
        let legible = match (node, link.shape) {
            (Node::Leaf(leaf), Shape::Catalogue | Shape::Rows(_)) => pairs(leaf, at, true, visit)?,
            _ => node
                .links(link.shape, &mut |link| links.push(link))
                .is_some(),
        };
        if !legible {
            self.note(at);
        }
        for below in &links {
            match node {
                // The values of one key, which nobody but the owner of the table can read.
                Node::Leaf(_) => self.walk(below, height, &mut |_| Ok(()))?,
                Node::Branch(_) => self.walk(below, height, visit)?,
            }
        }
        Ok(())
    }

    /// Keeps, of what a damaged page names, the pages that are whole.
    fn try_below(&mut self, branch: &Branch<'_>, shape: Shape) {
        for child in 0..branch.children() {
            let Some(link) = branch.child(child, shape) else {
                return;
            };
            let whole = |page: Vec<u8>| pages::open(&page, &link).is_some();
            if self.tried.insert(link.page) && self.remains.bytes(&link).is_some_and(whole) {
                self.below.push(link);
            }
        }
    }
}

/// Visits the pairs of a leaf, as far as they are legible. Says whether all are.
fn pairs(leaf: &Leaf<'_>, page: u64, is_whole: bool, visit: &mut VisitPair<'_>) -> Result<bool> {
    for n in 0..leaf.pairs() {
        let (Some(key), Some(value)) = (leaf.key(n), leaf.value(n)) else {
            return Ok(false);
        };
        visit(Pair {
            key,
            value,
            page,
            is_whole,
        })?;
    }
    Ok(true)
}
