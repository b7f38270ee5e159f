//! What `redb-cache export` writes, compared with what is true.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::generation::{self, Verified};
use crate::json;
use crate::sandbox;
use crate::truth::{Rows, Table, Truth};

/// Rows by table and key, as `export` wrote them.
#[derive(Clone, Debug)]
pub struct Export {
    /// By table.
    pub tables: BTreeMap<String, Rows>,
}

impl Export {
    /// Reads JSON Lines of `{"table", "key", "value"}`.
    ///
    /// # Errors
    /// When a line is something else, or a row comes twice.
    pub fn parse(text: &str) -> Result<Self> {
        let mut tables: BTreeMap<String, Rows> = BTreeMap::new();
        for line in text.lines() {
            let mut row: Value =
                serde_json::from_str(line).with_context(|| format!("not a row: {line:.80}"))?;
            let field = |name: &str| {
                row.get(name)
                    .and_then(Value::as_str)
                    .map(str::to_owned)
                    .context("no table or key")
            };
            let (table, key) = (field("table")?, field("key")?);
            let value = row
                .get_mut("value")
                .map(Value::take)
                .with_context(|| format!("{table} {key} has no value"))?;
            ensure!(
                tables
                    .entry(table.clone())
                    .or_default()
                    .insert(key.clone(), value)
                    .is_none(),
                "{table} {key} twice"
            );
        }
        Ok(Self { tables })
    }

    /// Rows of the truth that are missing or not equal to the last bit of a float, as far as JSON tells.
    /// Rows that the truth does not know are passed over: do-memory writes some by itself.
    #[must_use]
    pub fn differences(&self, truth: &Truth) -> Vec<String> {
        let rows = Table::ALL
            .into_iter()
            .flat_map(|table| truth.rows(table).iter().map(move |row| (table, row)));
        let compared = rows.filter_map(|(table, (key, want))| {
            let found = self.tables.get(table.name()).and_then(|rows| rows.get(key));
            let difference = found.map_or_else(
                || Some(" is missing".to_owned()),
                |got| json::difference(got, want),
            );
            difference.map(|difference| format!("{table} {key}{difference}"))
        });
        compared.collect()
    }

    /// The same rows as a truth: those of the tables that do-memory can be asked for.
    #[must_use]
    pub fn into_truth(self) -> Truth {
        let known = |(name, rows): (String, Rows)| Some((name.parse::<Table>().ok()?, rows));
        Truth::of(self.tables.into_iter().filter_map(known))
    }

    /// Verifies the episodes of a holder.
    ///
    /// # Errors
    /// When the snapshot is torn.
    pub fn verify_generations(&self) -> Result<Verified> {
        let episodes = self.tables.get("episodes").context("no episodes")?;
        generation::verify(episodes.iter().map(|(key, value)| (key.as_str(), value)))
    }
}

/// Compares an export with a truth through the shared script.
///
/// # Errors
/// When they differ, with what the script says about it.
pub fn check_truth(export: &str, truth: &Path) -> Result<()> {
    check_truth_but(export, truth, 0)
}

/// The same where so many values of `parameters`, whose bytes carried no types, may differ.
///
/// # Errors
/// As [`check_truth`].
pub fn check_truth_but(export: &str, truth: &Path, differ: u64) -> Result<()> {
    let mut script = Command::new("python3");
    script.arg(sandbox::check_truth_script()?).arg(truth);
    script.args(["--allow-differ", &differ.to_string()]);
    script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = script.spawn().context("cannot run python3")?;
    child
        .stdin
        .take()
        .context("no input")?
        .write_all(export.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    ensure!(
        output.status.success() && said.contains("all equal"),
        "the export is not the truth:\n{said}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Export;

    #[test]
    fn a_row_that_comes_twice_is_not_an_export() {
        let row = "{\"table\": \"metadata\", \"key\": \"k\", \"value\": \"v\"}\n";
        assert_eq!(Export::parse(row).unwrap().tables["metadata"]["k"], "v");
        assert!(Export::parse(&row.repeat(2)).is_err());
    }
}
