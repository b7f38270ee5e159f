//! Rows: one of them, those of a file, and the untyped part of one.

use redb_cache::cache::Table;
use redb_cache::file::FileFormat;
use redb_cache::layout::{Layout, Origin, Survey, decode_as};

/// Reads the bytes after the first, which says of which table the row is, as `layout`.
pub fn decode_row(layout: Layout, bytes: &[u8]) {
    if let Some((table, row)) = bytes.split_first() {
        drop(decode_as(layout, table_of(*table), row));
    }
}

/// Teaches a survey rows and has it read them. The first byte says what the file states of itself;
/// each row has its table and two bytes of length before it.
pub fn survey(bytes: &[u8]) {
    let Some((origin, mut rest)) = bytes.split_first() else {
        return;
    };
    let mut rows = Vec::new();
    while let Some(([table, low, high], after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(after.len());
        let (row, others) = after.split_at(len);
        rows.push((table_of(*table), row));
        rest = others;
    }
    let mut survey = Survey::new(origin_of(*origin));
    for (table, row) in &rows {
        survey.add(*table, row);
    }
    for (table, row) in rows {
        drop(survey.decode(table, row));
    }
}

/// Reads the bytes as the parameters of the one step of an episode of L2.
pub fn read_parameters(bytes: &[u8]) {
    drop(decode_as(Layout::L2, Table::Episodes, &episode_with(bytes)));
}

fn episode_with(parameters: &[u8]) -> Vec<u8> {
    let time = b"\x142024-01-01T00:00:00Z";
    let id = [16; 17];
    // Type, description, context.
    let about = [0; 7];
    // No end, and one step with the number 1.
    let step = [0, 1, 1];
    // Result, latency, tokens and metadata of the step, and what an episode has after its steps.
    let rest = [0; 10];
    [
        &id[..],
        &about,
        time,
        &step,
        time,
        &[0, 0],
        parameters,
        &rest,
    ]
    .concat()
}

fn table_of(byte: u8) -> Table {
    Table::ALL[usize::from(byte) % Table::ALL.len()]
}

fn origin_of(byte: u8) -> Origin {
    let format = [FileFormat::V2, FileFormat::V3][usize::from(byte % 2)];
    let schema = [None, Some(2), Some(3), Some(4)][usize::from(byte / 2 % 4)];
    Origin { format, schema }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb_cache::layout::{Codec, untyped_bytes};

    #[test]
    fn an_episode_is_read_with_the_parameters_put_into_it() {
        let value = serde_json::json!({"path": "src/lib.rs", "lines": [1, 20]});
        let row = episode_with(&untyped_bytes(Codec::Postcard, &value).unwrap());
        let record = decode_as(Layout::L2, Table::Episodes, &row).unwrap();
        let episode = serde_json::to_value(record).unwrap();
        assert_eq!(episode["steps"][0]["parameters"], value);
    }
}
