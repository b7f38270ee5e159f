//! A view as text for people.

use chrono::{DateTime, Utc};
use comfy_table::{
    Attribute, Cell as Drawn, CellAlignment, ColumnConstraint, ContentArrangement, Table,
    TableStyle,
};

use super::text::{escape, escape_lines};
use super::{Align, Block, Cell, Column, Note, Severity, View};

/// How a view is to look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The columns of the terminal; off a terminal there is no limit.
    pub width: Option<u16>,
    /// Whether to use colours.
    pub color: bool,
    /// Whether the reader is a person at a terminal, who is told what to run next.
    pub person: bool,
    /// Whether to leave out what is only good to know.
    pub quiet: bool,
    /// The moment from which times are told.
    pub now: DateTime<Utc>,
}

/// The spaces between two columns.
const GAP: u16 = 2;
/// A column of text is not made narrower than this; below, each row becomes a list.
const NARROW: u16 = 16;

/// The view as text that ends with a line feed, or nothing.
#[must_use]
pub fn render(view: &View, look: &Look) -> String {
    let mut text = String::new();
    let mut under_heading = true;
    for block in view.blocks() {
        let part = draw(block, look);
        if part.is_empty() {
            continue;
        }
        if !under_heading {
            text.push('\n');
        }
        text.push_str(&part);
        text.push('\n');
        under_heading = matches!(block, Block::Heading(_));
    }
    text
}

fn draw(block: &Block, look: &Look) -> String {
    match block {
        Block::Heading(heading) => paint(&escape(heading), "1", look.color),
        Block::Pairs(pairs) => draw_pairs(pairs.iter().map(|(name, cell)| (name, cell)), look),
        Block::Table { columns, rows } => draw_table(columns, rows, look),
        Block::Notes(notes) => draw_notes(notes, look),
        Block::Next(commands) => draw_next(commands, look),
        Block::Text(text) => escape_lines(text.trim_end()).into_owned(),
    }
}

/// Wraps text in a colour.
pub(super) fn paint(text: &str, code: &str, color: bool) -> String {
    if color {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// One remark on one line.
pub(super) fn draw_note(note: &Note, color: bool) -> String {
    let (label, code) = match note.severity {
        Severity::Info => ("note", "1"),
        Severity::Advice => ("advice", "1;36"),
        Severity::Warning => ("warning", "1;33"),
        Severity::Problem => ("problem", "1;31"),
    };
    format!("{}: {}", paint(label, code, color), escape(&note.text))
}

fn draw_notes(notes: &[Note], look: &Look) -> String {
    let shown = |note: &&Note| !look.quiet || note.severity >= Severity::Warning;
    let lines: Vec<_> = notes
        .iter()
        .filter(shown)
        .map(|note| draw_note(note, look.color))
        .collect();
    lines.join("\n")
}

fn draw_next(commands: &[String], look: &Look) -> String {
    if look.quiet || !look.person {
        return String::new();
    }
    let lines: Vec<_> = commands
        .iter()
        .map(|command| {
            format!(
                "{} {}",
                paint("next:", "2", look.color),
                escape(command.as_str())
            )
        })
        .collect();
    lines.join("\n")
}

/// Names in one column, indented, and what they stand for in the next.
fn draw_pairs<'a>(pairs: impl Iterator<Item = (&'a String, &'a Cell)>, look: &Look) -> String {
    let mut grid = grid(look);
    for (name, cell) in pairs {
        grid.add_row([Drawn::new(escape(name)), drawn(cell, look)]);
    }
    if let Some(names) = grid.column_mut(0) {
        names.set_padding((2, GAP));
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    fit(&mut grid, look);
    grid.trim_fmt()
}

fn draw_table(columns: &[Column], rows: &[Vec<Cell>], look: &Look) -> String {
    let mut grid = grid(look);
    grid.set_header(columns.iter().map(|column| title(column, look)));
    for row in rows {
        let missing = columns.len().saturating_sub(row.len());
        let cells = row.iter().take(columns.len());
        grid.add_row(
            cells
                .map(|cell| drawn(cell, look))
                .chain(std::iter::repeat_n(drawn(&Cell::Unknown, look), missing)),
        );
    }
    for (drawn, column) in grid.column_iter_mut().zip(columns) {
        drawn.set_cell_alignment(match column.align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    let flexible = flexible(columns.len(), rows);
    let widths = grid.column_max_content_widths();
    if look
        .width
        .is_some_and(|width| least(&widths, &flexible) > u32::from(width))
    {
        return draw_lists(columns, rows, look);
    }
    for (column, flexible) in grid.column_iter_mut().zip(flexible) {
        if !flexible {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    fit(&mut grid, look);
    grid.trim_fmt()
}

/// Each row as pairs, for a terminal on which the table has no room.
fn draw_lists(columns: &[Column], rows: &[Vec<Cell>], look: &Look) -> String {
    let lists: Vec<_> = rows
        .iter()
        .map(|row| {
            let titles = columns.iter().map(|column| &column.title);
            draw_pairs(titles.zip(row), look)
        })
        .collect();
    lists.join("\n\n")
}

/// Which columns hold text that may be broken over lines.
fn flexible(columns: usize, rows: &[Vec<Cell>]) -> Vec<bool> {
    (0..columns)
        .map(|column| {
            rows.iter()
                .any(|row| row.get(column).is_some_and(Cell::breaks))
        })
        .collect()
}

/// The least width at which the table can be read.
fn least(widths: &[u16], flexible: &[bool]) -> u32 {
    let columns = widths.iter().zip(flexible);
    let content: u32 = columns
        .map(|(width, flexible)| {
            u32::from(if *flexible {
                *width.min(&NARROW)
            } else {
                *width
            })
        })
        .sum();
    let gaps = u32::from(GAP) * u32::try_from(widths.len()).unwrap_or(u32::MAX);
    content.saturating_add(gaps)
}

fn grid(look: &Look) -> Table {
    let mut grid = Table::new();
    // The width and the colours are decided here alone, not by looking at the process's stdout.
    grid.load_style(TableStyle::new()).force_no_tty();
    if look.color {
        grid.enforce_styling();
        grid.style_text_only();
    }
    grid
}

fn title(column: &Column, look: &Look) -> Drawn {
    let drawn = Drawn::new(escape(&column.title));
    if look.color {
        drawn.add_attribute(Attribute::Bold)
    } else {
        drawn
    }
}

fn drawn(cell: &Cell, look: &Look) -> Drawn {
    let text = cell.display(look.now);
    let unknown = look.color && text == super::cell::UNKNOWN;
    let drawn = Drawn::new(text);
    if unknown {
        drawn.add_attribute(Attribute::Dim)
    } else {
        drawn
    }
}

/// Sets the gaps and, on a terminal, breaks what is too wide.
fn fit(grid: &mut Table, look: &Look) {
    for column in grid.column_iter_mut() {
        if column.padding_width() == 2 {
            column.set_padding((0, GAP));
        }
    }
    if let Some(width) = look.width {
        // The gap after the last column is trimmed away.
        grid.set_width(width.saturating_add(GAP))
            .set_content_arrangement(ContentArrangement::Dynamic);
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
