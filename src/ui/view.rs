//! What a command has to show, before anybody decides how it looks.

use super::Cell;

/// A result as blocks that follow each other.
///
/// ```
/// use redb_cache::ui::{Cell, Column, Severity, View};
///
/// let view = View::new()
///     .heading("storage")
///     .pair("file", Cell::bytes(12_345))
///     .pair("reclaimable", Cell::ratio(None))
///     .table(
///         [Column::left("table"), Column::right("rows")],
///         [vec![Cell::key("episodes"), Cell::count(3)]],
///     )
///     .note(Severity::Advice, "compact would give back 2 MiB")
///     .next("redb-cache compact");
/// assert_eq!(view.blocks().len(), 5);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    blocks: Vec<Block>,
}

/// One part of a view.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// The title of the blocks that follow.
    Heading(String),
    /// Names and what they stand for.
    Pairs(Vec<(String, Cell)>),
    /// Rows under titles. A row that is too short is filled with unknowns.
    Table {
        /// The titles.
        columns: Vec<Column>,
        /// The cells of each row.
        rows: Vec<Vec<Cell>>,
    },
    /// What the reader should know.
    Notes(Vec<Note>),
    /// Commands to run next; only a person at a terminal is shown them.
    Next(Vec<String>),
    /// Text of several lines, as a decoded value.
    Text(String),
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The title.
    pub title: String,
    /// The side on which its cells line up.
    pub align: Align,
}

/// The side on which the cells of a column line up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// For text.
    Left,
    /// For numbers.
    Right,
}

impl Column {
    /// A column of text.
    pub fn left(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            align: Align::Left,
        }
    }

    /// A column of numbers.
    pub fn right(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            align: Align::Right,
        }
    }
}

/// A remark and how much it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How much it matters.
    pub severity: Severity,
    /// One sentence.
    pub text: String,
}

/// How much a remark matters. `--quiet` hides the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something could be better.
    Advice,
    /// Something will go wrong if nobody acts.
    Warning,
    /// Something is wrong.
    Problem,
}

impl View {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The blocks, in order.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Adds a block.
    #[must_use]
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Adds the title of what follows.
    #[must_use]
    pub fn heading(self, text: impl Into<String>) -> Self {
        self.block(Block::Heading(text.into()))
    }

    /// Adds a name and what it stands for; neighbours line up.
    #[must_use]
    pub fn pair(mut self, name: impl Into<String>, cell: impl Into<Cell>) -> Self {
        let pair = (name.into(), cell.into());
        match self.blocks.last_mut() {
            Some(Block::Pairs(pairs)) => pairs.push(pair),
            _ => self.blocks.push(Block::Pairs(vec![pair])),
        }
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(
        self,
        columns: impl IntoIterator<Item = Column>,
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> Self {
        self.block(Block::Table {
            columns: columns.into_iter().collect(),
            rows: rows.into_iter().collect(),
        })
    }

    /// Adds a remark.
    #[must_use]
    pub fn note(mut self, severity: Severity, text: impl Into<String>) -> Self {
        let note = Note {
            severity,
            text: text.into(),
        };
        match self.blocks.last_mut() {
            Some(Block::Notes(notes)) => notes.push(note),
            _ => self.blocks.push(Block::Notes(vec![note])),
        }
        self
    }

    /// Suggests a command to run next.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Self {
        match self.blocks.last_mut() {
            Some(Block::Next(commands)) => commands.push(command.into()),
            _ => self.blocks.push(Block::Next(vec![command.into()])),
        }
        self
    }

    /// Adds text of several lines.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.block(Block::Text(text.into()))
    }

    /// Adds what `add` adds, if the condition holds.
    #[must_use]
    pub fn when(self, condition: bool, add: impl FnOnce(Self) -> Self) -> Self {
        if condition { add(self) } else { self }
    }

    /// Adds what `add` adds for each item.
    #[must_use]
    pub fn each<T>(
        self,
        items: impl IntoIterator<Item = T>,
        add: impl FnMut(Self, T) -> Self,
    ) -> Self {
        items.into_iter().fold(self, add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_kind_share_a_block() {
        let view = View::new()
            .pair("a", Cell::count(1))
            .pair("b", "text")
            .note(Severity::Info, "x")
            .note(Severity::Problem, "y")
            .next("one")
            .next("two")
            .pair("c", true);
        let sizes: Vec<_> = view
            .blocks()
            .iter()
            .map(|block| match block {
                Block::Pairs(pairs) => pairs.len(),
                Block::Notes(notes) => notes.len(),
                Block::Next(commands) => commands.len(),
                _ => 0,
            })
            .collect();
        assert_eq!(sizes, [2, 2, 2, 1]);
    }

    #[test]
    fn parts_are_added_on_a_condition_and_for_each_item() {
        let view = View::new()
            .when(false, |view| view.heading("never"))
            .when(true, |view| view.heading("always"))
            .each(1..=3, |view, n| view.pair(n.to_string(), Cell::count(n)));
        assert_eq!(view.blocks().len(), 2);
    }
}
