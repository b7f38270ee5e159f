//! The questions that are put to a store.
//!
//! Every cell comes as bytes: a text may hold what is no UTF-8, a zero, an infinity, at which libsql
//! stops, panics or fails, each in its own way. And every answer ends with a row that says so (its
//! mark is 1): the end of an answer that was cut off looks like the end of its rows.

use std::sync::Arc;

use libsql::Value;

use super::shape::{Kind, Shape};
use super::survey::{Columns, Kept};

/// Rows of one page.
pub(super) const PAGE: usize = 1_000;
/// Bytes of a row that are read. A longer one comes without its columns, and counts as unreadable.
/// A few rows are in memory at once, each of them several times.
pub(super) const MAX_ROW: u64 = 8 << 20;
/// Bytes of a key. No page is turned by a longer one.
const MAX_KEY: u64 = 64 << 10;

/// A question about a table.
#[derive(Clone)]
pub(super) struct Select {
    pub(super) kind: Kind,
    /// The names of the columns that follow the mark, the size and the key.
    pub(super) names: Arc<[&'static str]>,
    table: &'static str,
    key: &'static str,
    /// What is in a column.
    plain: Vec<String>,
    /// The length of each of them.
    lengths: Vec<String>,
    /// Bytes that a cell may have.
    longest: u64,
    /// Whether a row has a key by which pages can be turned.
    has_key: String,
    /// What takes a question of its own to find out.
    computed: Vec<String>,
    /// Which rows are wanted at all, and the parameters of that.
    wanted: String,
    parameters: Vec<Value>,
}

/// Which of the wanted rows an answer gives.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// The page after that key.
    After(Option<Vec<u8>>),
    /// Those with these keys, at most a page of them.
    Keys(Vec<String>),
}

impl Select {
    pub(super) fn new(kind: Kind, columns: &Columns, kept: &Kept) -> Self {
        Self::about(kind, &kind.shape(), columns, kept)
    }

    fn about(kind: Kind, shape: &Shape, columns: &Columns, kept: &Kept) -> Self {
        let (mut names, mut plain) = plain(shape, columns);
        if names.is_empty() {
            names.push("");
            plain.push("NULL".to_owned());
        }
        let (computed_names, computed) = computed(shape, columns);
        names.extend(computed_names);
        let (wanted, parameters) = wanted(kind, shape, columns, kept);
        Self {
            kind,
            names: names.into(),
            table: shape.table,
            key: shape.key,
            lengths: plain.iter().map(|cell| columns.length_of(cell)).collect(),
            longest: columns.longest_cell(),
            has_key: has_key(shape.key, columns),
            plain,
            computed,
            wanted,
            parameters,
        }
    }

    /// The same about no more of a row than the key that it has in the cache.
    pub(super) fn of_keys(kind: Kind, columns: &Columns, kept: &Kept) -> Self {
        let shape = Shape {
            columns: match kind {
                Kind::Embeddings(_) => &["item_id", "item_type"],
                _ => &[],
            },
            later: &[],
            computed: &[],
            ..kind.shape()
        };
        Self::about(kind, &shape, columns, kept)
    }

    /// The text of a question and its parameters.
    pub(super) fn ask(&self, part: &Part) -> (String, Vec<Value>) {
        let key = self.key;
        let (limits, mut parameters) = match part {
            Part::After(None) => (self.has_key.clone(), Vec::new()),
            Part::After(Some(after)) => (
                format!("{} AND t.{key} > CAST(? AS TEXT)", self.has_key),
                vec![Value::Blob(after.clone())],
            ),
            Part::Keys(keys) => (
                format!("t.{key} IN ({})", vec!["?"; keys.len()].join(", ")),
                keys.iter().cloned().map(Value::Text).collect(),
            ),
        };
        parameters.extend(self.parameters.iter().cloned());
        (self.marked(&limits), parameters)
    }

    /// The rows with their size before them, and the row after the last. The size of a row of which
    /// the store does not give every cell is negative.
    ///
    /// First a page is picked, with the sizes and what must be computed; then its rows are read, in
    /// the order of the page. In one step SQLite would carry every column from one stage of the
    /// question to the next, and add the sizes up anew for each column: four times the work.
    fn marked(&self, limits: &str) -> String {
        let (table, key, wanted) = (self.table, self.key, &self.wanted);
        let fits = format!("p.size <= {MAX_ROW} AND p.longest <= {}", self.longest);
        let mut picked = vec![
            "t.rowid AS r".to_owned(),
            format!("{} AS size", self.lengths.join(" + ")),
            format!("max(0, {}) AS longest", self.lengths.join(", ")),
        ];
        let mut size = "p.size".to_owned();
        let mut columns: Vec<_> = self
            .plain
            .iter()
            .map(|cell| format!("CASE WHEN {fits} THEN {} END", blob(cell)))
            .collect();
        for (at, cell) in self.computed.iter().enumerate() {
            picked.push(format!("{} AS c{at}", blob(cell)));
            size.push_str(&format!(" + coalesce(length(p.c{at}), 0)"));
            columns.push(format!(
                "CASE WHEN length(p.c{at}) <= {MAX_ROW} THEN p.c{at} END"
            ));
        }
        let key_cell = blob(&format!("t.{key}"));
        let nothing = vec!["NULL"; self.names.len()].join(", ");
        format!(
            "SELECT 0, CASE WHEN p.longest <= {} THEN {size} ELSE -({size}) END, {key_cell}, {} FROM \
             (SELECT {} FROM {table} t WHERE {limits} AND {wanted} ORDER BY t.{key} LIMIT {PAGE}) p \
             CROSS JOIN {table} t ON t.rowid = p.r \
             UNION ALL SELECT 1, 0, NULL, {nothing}",
            self.longest,
            columns.join(", "),
            picked.join(", ")
        )
    }
}

fn blob(cell: &str) -> String {
    format!("CAST({cell} AS BLOB)")
}

fn or_null(there: bool, cell: String) -> String {
    if there { cell } else { "NULL".to_owned() }
}

/// The columns of a table that this store has, and NULL for those that it has not.
fn plain(shape: &Shape, columns: &Columns) -> (Vec<&'static str>, Vec<String>) {
    let always = shape
        .columns
        .iter()
        .map(|name| (*name, format!("t.{name}")));
    let later = shape.later.iter().map(|name| {
        let there = columns.has(shape.table, name);
        (*name, or_null(there, format!("t.{name}")))
    });
    always.chain(later).unzip()
}

fn computed(shape: &Shape, columns: &Columns) -> (Vec<&'static str>, Vec<String>) {
    let computed = shape.computed.iter().map(|(name, expression, needs)| {
        let there = columns.has_table(needs);
        (*name, or_null(there, (*expression).to_owned()))
    });
    computed.unzip()
}

fn wanted(kind: Kind, shape: &Shape, columns: &Columns, kept: &Kept) -> (String, Vec<Value>) {
    let mut conditions = vec!["1".to_owned()];
    let mut parameters = Vec::new();
    if columns.has_superseded(shape.table) {
        conditions.push(format!("NOT {}", superseded(shape.table)));
    }
    if !kept.is_everything() {
        for episode in shape.episodes {
            let (condition, with) = if kind == Kind::Episodes {
                kept.condition("t", columns)
            } else {
                let (condition, with) = kept.condition("e", columns);
                let exists = format!(
                    "(({episode}) IS NULL OR EXISTS (SELECT 1 FROM episodes e \
                     WHERE e.episode_id = ({episode}) AND {condition}))"
                );
                (exists, with)
            };
            conditions.push(condition);
            parameters.extend(with);
        }
    }
    (conditions.join(" AND "), parameters)
}

/// Whether a row has a key by which pages can be turned.
pub(super) fn has_key(key: &str, columns: &Columns) -> String {
    let length = columns.length_of(&format!("t.{key}"));
    format!("typeof(t.{key}) = 'text' AND {length} <= {MAX_KEY}")
}

/// Whether a vector was stored again for the same key of the cache, as by a later release: the later
/// row counts.
pub(super) fn superseded(table: &str) -> String {
    // What may have the same key, by the column of which there is an index: the same id, or one with
    // `episode_` or `pattern_` before it.
    let pair = "o.item_id IN (t.item_id, t.item_type || '_' || t.item_id, substr(t.item_id, 9))";
    format!(
        "EXISTS (SELECT 1 FROM {table} o WHERE {pair} AND {} = {} \
         AND (o.created_at > t.created_at \
         OR (o.created_at = t.created_at AND o.embedding_id > t.embedding_id)))",
        cache_key("o"),
        cache_key("t")
    )
}

fn cache_key(of: &str) -> String {
    format!(
        "CASE WHEN {of}.item_type IN ('embedding', 'unknown') THEN {of}.item_id \
         ELSE {of}.item_type || '_' || {of}.item_id END"
    )
}
