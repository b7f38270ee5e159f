//! Durable stores whose columns ask for much.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Bomb;
use crate::common;

/// Columns of JSON, which may be compressed, and of vectors.
const COLUMNS: [(&str, &str); 6] = [
    ("episodes", "steps"),
    ("episodes", "metadata"),
    ("episodes", "context"),
    ("patterns", "pattern_data"),
    ("heuristics", "evidence"),
    ("embeddings", "embedding_data"),
];

pub fn all() -> Vec<Bomb> {
    let mut bombs: Vec<_> = compressed()
        .into_iter()
        .map(|column| everywhere(&format!("x'{}'", hex(&column))))
        .collect();
    for text in nested() {
        bombs.push(everywhere(&format!("'{text}'")));
    }
    bombs.push(strange_numbers());
    bombs
}

/// The first rows of each table have that value in one column.
fn everywhere(value: &str) -> Bomb {
    let mut bomb = Bomb::of("0.1.47-compression");
    bomb.what = value.chars().take(80).collect();
    let sql: String = COLUMNS
        .iter()
        .map(|(table, column)| {
            format!(
                "UPDATE {table} SET {column} = CAST({value} AS TEXT)
                 WHERE rowid IN (SELECT rowid FROM {table} ORDER BY random() LIMIT 2);"
            )
        })
        .collect();
    common::alter(&bomb.store(), &sql);
    bomb
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A column as do-memory compresses it, or somebody who means harm.
fn column(codec: &str, size: impl std::fmt::Display, packed: &[u8]) -> Vec<u8> {
    format!("__compressed__:{codec}:{size}\n{}", STANDARD.encode(packed)).into_bytes()
}

fn compressed() -> Vec<Vec<u8>> {
    let giant = zeros(1 << 30);
    let claims = claiming(1 << 40);
    let skipped = [skippable(1 << 10), zstd::encode_all(&b"[]"[..], 3).unwrap()].concat();
    let many = skippable(8).repeat(50_000);
    let mut columns = vec![
        column("zstd", 1 << 30, &giant),
        column("zstd", 1 << 24, &giant),
        column("zstd", 2, &giant),
        column("zstd", 1u64 << 40, &claims),
        column("zstd", u64::MAX, &claims),
        column("zstd", "99999999999999999999999", &claims),
        column("zstd", 1 << 24, &claims),
        column("zstd", 2, &skipped),
        column("zstd", 0, &many),
        column("zstd", 1 << 24, &zeros(1 << 24)),
        column("lz4", 1 << 24, &[0x1f; 1 << 10]),
        column("lz4", 1u64 << 40, &[0xff; 1 << 10]),
        column("snappy", 10, &giant),
    ];
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..64 {
            encoder.write_all(&[b' '; 1 << 20]).unwrap();
        }
        encoder.finish().unwrap()
    };
    columns.push(column("gzip", 1 << 24, &gzip));
    columns.push(column("gzip", 10, &gzip.repeat(4)));
    columns
}

/// A frame of so many zeros, at four bytes for each 128 KiB of them.
pub fn zeros(bytes: u64) -> Vec<u8> {
    const BLOCK: u64 = 128 << 10;
    // A content size of 8 bytes, and a window of one block.
    let header = [0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x38];
    let blocks = bytes / BLOCK;
    let block = |n| {
        let repeat = u32::try_from(BLOCK << 3).unwrap() | 0b010 | u32::from(n == blocks);
        let [a, b, c, _] = repeat.to_le_bytes();
        [a, b, c, 0]
    };
    let blocks: Vec<_> = (1..=blocks).flat_map(block).collect();
    [&header[..], &bytes.to_le_bytes(), &blocks].concat()
}

/// A frame whose header claims so many bytes, and asks for a window of as many.
pub fn claiming(bytes: u64) -> Vec<u8> {
    // Single segment, content size of 8 bytes, no checksum; then one last block of four times one byte.
    let header = [0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    let block = [(4 << 3) | 0b011, 0, 0, b'a'];
    [&header[..], &bytes.to_le_bytes(), &block].concat()
}

/// A frame that decoders leave out.
pub fn skippable(bytes: u32) -> Vec<u8> {
    let header = 0x184d_2a50u32.to_le_bytes();
    let content = vec![b'x'; usize::try_from(bytes).unwrap()];
    [&header[..], &bytes.to_le_bytes(), &content].concat()
}

fn nested() -> Vec<String> {
    let deep = 10_000;
    vec![
        "[".repeat(deep),
        format!("{}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("{}1{}", r#"{"a":"#.repeat(deep), "}".repeat(deep)),
        format!("[{}]", vec!["null"; 100_000].join(",")),
        format!("[{}]", vec!["[]"; 100_000].join(",")),
        format!(r#"{{"a":1e{}}}"#, "9".repeat(1_000)),
        format!("[{}]", "9".repeat(100_000)),
        format!(r#"["{}"]"#, r"\u0000".repeat(100_000)),
    ]
}

/// Numbers at their ends, and values of another type.
fn strange_numbers() -> Bomb {
    let bomb = Bomb::of("0.1.47");
    let values = [
        "9223372036854775807",
        "-9223372036854775808",
        "8210266876799",
        "8210266876800",
        "9e999",
        "-9e999",
        "'NaN'",
        "zeroblob(4000000)",
        "'99999999999999999999'",
    ];
    let mut sql = String::new();
    for (table, column) in [
        ("episodes", "start_time"),
        ("episodes", "end_time"),
        ("episode_revisions", "modified_at_ms"),
        ("heuristics", "confidence"),
        ("heuristics", "created_at"),
        ("patterns", "success_rate"),
        ("recommendation_sessions", "timestamp"),
        ("episode_relationships", "weight"),
        ("episode_relationships", "priority"),
        ("episode_summaries", "summary_embedding"),
        ("embeddings", "dimension"),
        ("procedural_memory", "created_at"),
    ] {
        for (at, value) in values.iter().enumerate() {
            sql += &format!(
                "UPDATE {table} SET {column} = {value} WHERE rowid =
                 (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {at});"
            );
        }
    }
    common::alter(&bomb.store(), &sql);
    bomb
}
