//! What a store has, before its rows are read.

use std::collections::{BTreeMap, BTreeSet};

use libsql::Value;
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::fault::Fault;
use super::select::{MAX_ROW, has_key, superseded};
use super::shape::Kind;

/// Bytes of a value that sqld hands out, as measured: 5,000,000 still, and 7,000,000 not.
const LONGEST_OF_SERVER: u64 = 5_000_000;

/// The columns of each table, and what else decides how a question is put.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    tables: BTreeMap<String, BTreeSet<String>>,
    /// Whether the length of a value can be had without the value: SQLite 3.43 and later.
    has_octet_length: bool,
    is_remote: bool,
    /// Tables with vectors in the place of which a later one counts. To ask for each row is dear.
    superseded: BTreeSet<&'static str>,
}

impl Columns {
    pub(super) fn has_table(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    pub(super) fn has(&self, table: &str, column: &str) -> bool {
        let columns = self.tables.get(table);
        columns.is_some_and(|columns| columns.contains(column))
    }

    pub(super) fn has_superseded(&self, table: &str) -> bool {
        self.superseded.contains(table)
    }

    /// An expression for the bytes of a cell.
    pub(super) fn length_of(&self, cell: &str) -> String {
        match self.has_octet_length {
            true => format!("coalesce(octet_length({cell}), 0)"),
            false => format!("coalesce(length(CAST({cell} AS BLOB)), 0)"),
        }
    }

    /// Bytes that a cell may have.
    pub(super) const fn longest_cell(&self) -> u64 {
        if self.is_remote {
            LONGEST_OF_SERVER
        } else {
            MAX_ROW
        }
    }
}

/// The oldest episode that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Oldest {
    /// All are.
    None,
    /// When it changed, in milliseconds since the epoch, and its id.
    At(i64, Vec<u8>),
}

/// Which episodes are wanted, and with them what hangs on episodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// At most so many, the newest.
    pub newest: Option<u64>,
    /// Only those that changed then or later: milliseconds since the epoch.
    pub since_ms: Option<i64>,
    /// The oldest of the newest, once the store was asked for it.
    oldest: Option<Oldest>,
}

impl Kept {
    /// The newest so many, and those since then.
    #[must_use]
    pub const fn new(newest: Option<u64>, since_ms: Option<i64>) -> Self {
        Self {
            newest,
            since_ms,
            oldest: None,
        }
    }

    pub(super) fn is_everything(&self) -> bool {
        self.since_ms.is_none()
            && self
                .newest
                .is_none_or(|_| self.oldest == Some(Oldest::None))
    }

    /// The condition on the episode that the query calls `alias`, and its parameters.
    pub(super) fn condition(&self, alias: &str, columns: &Columns) -> (String, Vec<Value>) {
        let age = changed_ms(alias, columns);
        let mut condition = "1".to_owned();
        let mut parameters = Vec::new();
        if self.newest == Some(0) {
            condition.push_str(" AND 0");
        }
        if let Some(since) = self.since_ms {
            condition.push_str(&format!(" AND {age} >= ?"));
            parameters.push(Value::Integer(since));
        }
        if let Some(Oldest::At(at, id)) = &self.oldest {
            condition.push_str(&format!(
                " AND ({age}, {alias}.episode_id) >= (?, CAST(? AS TEXT))"
            ));
            parameters.extend([Value::Integer(*at), Value::Blob(id.clone())]);
        }
        (condition, parameters)
    }
}

/// When an episode changed, in milliseconds since the epoch: its revision, else its end or start.
fn changed_ms(alias: &str, columns: &Columns) -> String {
    let times = format!("coalesce({alias}.end_time, {alias}.start_time, 0) * 1000");
    if !columns.has_table("episode_revisions") {
        return format!("CAST({times} AS INTEGER)");
    }
    // Whatever the columns hold, the newest are those with the greatest whole numbers.
    format!(
        "CAST(coalesce((SELECT modified_at_ms FROM episode_revisions r \
         WHERE r.episode_id = {alias}.episode_id), {times}) AS INTEGER)"
    )
}

/// What a store has.
#[derive(Clone, Debug)]
pub struct Survey {
    pub(super) columns: Columns,
    /// Which episodes are wanted.
    pub kept: Kept,
    /// The tables that are there, with their rows.
    pub tables: Vec<(Kind, Count)>,
    /// The newest revision of an episode, in milliseconds since the epoch; `None` in a store that
    /// keeps none.
    pub watermark_ms: Option<i64>,
    /// Whether it holds tags: do-memory 0.1.31 and before stored none.
    pub has_tags: bool,
    /// Length of the database; `None` where the store does not say.
    pub bytes: Option<u64>,
}

/// Rows of a table, counted at one moment together with those of all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub rows: u64,
    /// Those that can never be read, because their key is no text.
    pub without_key: u64,
    /// Vectors in the place of which a later one counts.
    pub superseded: u64,
}

impl Survey {
    pub(super) async fn make(client: &mut Client, kept: Kept) -> Result<Self, Fault> {
        let mut columns = columns(client).await?;
        let kinds = Kind::all().filter(|kind| columns.has_table(kind.name()));
        let kinds: Vec<Kind> = kinds.collect();
        for kind in &kinds {
            require_columns(*kind, &columns)?;
        }
        if !kinds.contains(&Kind::Episodes) {
            return Err(Fault::layout("it has no table episodes"));
        }
        let (tables, watermark_ms, has_tags) = count(client, &columns, &kinds).await?;
        let superseded = tables.iter().filter(|(_, count)| count.superseded > 0);
        columns.superseded = superseded.map(|(kind, _)| kind.name()).collect();
        let length = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let length = client.ask(length, Vec::new(), 1).await.unwrap_or_default();
        let mut survey = Self {
            columns,
            kept,
            tables,
            watermark_ms,
            has_tags,
            bytes: length.first().and_then(|row| number(row.first()?)),
        };
        survey.find_oldest(client).await?;
        Ok(survey)
    }

    /// Whether this store has that column.
    #[must_use]
    pub fn has_column(&self, kind: Kind, column: &str) -> bool {
        self.columns.has(kind.name(), column)
    }

    /// Rows of a table; none where the store does not have it.
    #[must_use]
    pub fn count(&self, kind: Kind) -> Count {
        let found = self.tables.iter().find(|(of, _)| *of == kind);
        found.map(|(_, count)| *count).unwrap_or_default()
    }

    async fn find_oldest(&mut self, client: &mut Client) -> Result<(), Fault> {
        if self.kept.oldest.is_some() {
            return Ok(());
        }
        let Some(last) = self.kept.newest.and_then(|newest| newest.checked_sub(1)) else {
            return Ok(());
        };
        let age = changed_ms("e", &self.columns);
        let since = self
            .kept
            .since_ms
            .map(|_| format!("WHERE {age} >= ?"))
            .unwrap_or_default();
        let question = format!(
            "SELECT {age}, e.episode_id FROM episodes e {since} ORDER BY 1 DESC, 2 DESC \
             LIMIT 1 OFFSET {}",
            i64::try_from(last).unwrap_or(i64::MAX)
        );
        let since = self.kept.since_ms.map(Value::Integer);
        let answer = client
            .ask(&question, since.into_iter().collect(), 2)
            .await?;
        let oldest = answer.first().and_then(|row| {
            let id = row.get(1)?.clone()?;
            Some(Oldest::At(number(row.first()?)?, id))
        });
        self.kept.oldest = Some(oldest.unwrap_or(Oldest::None));
        Ok(())
    }
}

type Cell = Option<Vec<u8>>;

fn text(cell: &Cell) -> Option<&str> {
    std::str::from_utf8(cell.as_deref()?).ok()
}

fn number<N: std::str::FromStr>(cell: &Cell) -> Option<N> {
    text(cell)?.parse().ok()
}

async fn columns(client: &mut Client) -> Result<Columns, Fault> {
    let question = "SELECT m.name, p.name, sqlite_version() \
                    FROM sqlite_schema m, pragma_table_info(m.name) p WHERE m.type = 'table'";
    let mut columns = Columns {
        is_remote: client.is_remote(),
        ..Columns::default()
    };
    for row in client.ask(question, Vec::new(), 3).await? {
        let [table, column, version] = row.as_slice() else {
            continue;
        };
        columns.has_octet_length = text(version).is_some_and(has_octet_length);
        if let (Some(table), Some(column)) = (text(table), text(column)) {
            let known = columns.tables.entry(table.to_owned());
            known.or_default().insert(column.to_owned());
        }
    }
    Ok(columns)
}

/// Whether SQLite of that version has the function.
fn has_octet_length(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    version >= (3, 43)
}

fn require_columns(kind: Kind, columns: &Columns) -> Result<(), Fault> {
    let shape = kind.shape();
    let mut needed = shape.columns.iter().chain([&shape.key]);
    match needed.find(|column| !columns.has(shape.table, column)) {
        Some(column) => {
            let missing = format!("its table {} has no column {column}", shape.table);
            Err(Fault::layout(&missing))
        }
        None => Ok(()),
    }
}

/// Three counts of a table: all rows, those without a key, and those that do not count.
fn counted(kind: Kind, columns: &Columns) -> [String; 3] {
    let shape = kind.shape();
    let of = |what: &str, how: &str| format!("(SELECT {what} FROM {} t {how})", shape.table);
    let has_key = has_key(shape.key, columns);
    let without_key = format!("count(*) FILTER (WHERE NOT ({has_key}))");
    if !matches!(kind, Kind::Embeddings(_)) {
        return [of("count(*)", ""), of(&without_key, ""), "0".to_owned()];
    }
    // An index has all rows in far fewer pages, but plain SQLite sees the one for vectors as empty.
    const TABLE: &str = "NOT INDEXED";
    let superseded = format!("count(*) FILTER (WHERE {})", superseded(shape.table));
    [
        of("count(*)", TABLE),
        of(&without_key, TABLE),
        of(&superseded, TABLE),
    ]
}

/// Counts everything in one statement, which sees one state of the store.
async fn count(
    client: &mut Client,
    columns: &Columns,
    kinds: &[Kind],
) -> Result<(Vec<(Kind, Count)>, Option<i64>, bool), Fault> {
    let mut counts: Vec<_> = kinds
        .iter()
        .flat_map(|kind| counted(*kind, columns))
        .collect();
    let or_null = |table: &str, what: &str| match columns.has_table(table) {
        true => format!("(SELECT {what} FROM {table})"),
        false => "NULL".to_owned(),
    };
    counts.push(or_null("episode_revisions", "max(modified_at_ms)"));
    counts.push(or_null("episode_tags", "count(*)"));
    let question = format!("SELECT {}", counts.join(", "));
    let answer = client.ask(&question, Vec::new(), counts.len()).await?;
    let row = answer.first().ok_or_else(Fault::cut_off)?;
    let (groups, rest) = row.as_chunks::<3>();
    let tables = kinds
        .iter()
        .zip(groups)
        .map(|(kind, [rows, without_key, superseded])| {
            let count = Count {
                rows: number(rows).unwrap_or(0),
                without_key: number(without_key).unwrap_or(0),
                superseded: number(superseded).unwrap_or(0),
            };
            (*kind, count)
        });
    let watermark_ms = rest.first().and_then(number);
    let tags: Option<u64> = rest.get(1).and_then(number);
    // From do-memory 0.1.32 on, of which this table is, they are stored.
    let has_tags = tags > Some(0) || kinds.contains(&Kind::EpisodePatternRelationships);
    Ok((tables.collect(), watermark_ms, has_tags))
}
