//! Columns that do-memory's Turso store compressed: a feature of its 0.1.13 and later.
//!
//! `__compressed__:<lz4|zstd|gzip>:<original size>\n<base64>`; lz4 is a raw block, the others are
//! frames.

use std::borrow::Cow;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::sabotage::Bug;

const PREFIX: &[u8] = b"__compressed__:";
/// Bytes that a column may have when inflated, whatever it claims.
const MAX_BYTES: usize = 16 << 20;
/// What a zstd frame may ask for as its window, as a power of two: as much.
const MAX_WINDOW_LOG: u32 = 24;

/// The bytes that a column stands for: itself where it is not compressed.
///
/// # Errors
/// What is wrong with it.
pub(super) fn inflate(column: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let Some(rest) = column.strip_prefix(PREFIX) else {
        return Ok(Cow::Borrowed(column));
    };
    let (codec, size, packed) = parse(rest)?;
    let plain = match codec {
        "lz4" => lz4_flex::block::decompress(&packed, size).map_err(|error| error.to_string())?,
        "zstd" => {
            let mut decoder =
                zstd::Decoder::new(packed.as_slice()).map_err(|error| error.to_string())?;
            decoder
                .window_log_max(MAX_WINDOW_LOG)
                .map_err(|error| error.to_string())?;
            bounded(decoder, size)?
        }
        "gzip" => bounded(flate2::read::GzDecoder::new(packed.as_slice()), size)?,
        other => {
            return Err(format!(
                "it is compressed with {other:?}, which is not known"
            ));
        }
    };
    if plain.len() != size {
        return Err(format!(
            "it inflates to {} bytes instead of {size}",
            plain.len()
        ));
    }
    Ok(Cow::Owned(plain))
}

/// The codec, the size that it inflates to, and the bytes themselves.
fn parse(rest: &[u8]) -> Result<(&str, usize, Vec<u8>), String> {
    let mut halves = rest.splitn(2, |byte| *byte == b'\n');
    let header = halves
        .next()
        .and_then(|header| std::str::from_utf8(header).ok());
    let (codec, size) = header
        .and_then(|header| header.split_once(':'))
        .ok_or("its compression header is not legible")?;
    let size: usize = size
        .parse()
        .map_err(|_| "its compressed size is no number")?;
    if size > MAX_BYTES && !Bug::InflatedWithoutLimit.is_planted() {
        return Err(format!("it claims to inflate to {size} bytes"));
    }
    let packed = STANDARD
        .decode(halves.next().unwrap_or_default().trim_ascii_end())
        .map_err(|error| format!("its base64 is broken: {error}"))?;
    Ok((codec, size, packed))
}

/// Reads one byte more than is claimed at most.
fn bounded(packed: impl Read, size: usize) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let most = if Bug::InflatedWithoutLimit.is_planted() {
        u64::MAX
    } else {
        size as u64 + 1
    };
    packed
        .take(most)
        .read_to_end(&mut plain)
        .map_err(|error| format!("it does not inflate: {error}"))?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn column(codec: &str, size: usize, packed: &[u8]) -> Vec<u8> {
        format!("__compressed__:{codec}:{size}\n{}", STANDARD.encode(packed)).into_bytes()
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn each_codec_gives_back_what_went_in() {
        let plain = br#"["a","a","a","a","a","a","a"]"#;
        let lz4 = [&[0xf0, 14][..], plain].concat();
        for (codec, packed) in [
            ("lz4", lz4),
            ("zstd", zstd::encode_all(&plain[..], 3).unwrap()),
            ("gzip", gzip(plain)),
        ] {
            let column = column(codec, plain.len(), &packed);
            assert_eq!(inflate(&column).unwrap(), &plain[..], "{codec}");
        }
        assert_eq!(inflate(b"[]").unwrap(), &b"[]"[..]);
    }

    #[test]
    fn a_column_that_lies_about_its_size_is_refused() {
        let zeros = vec![0; 1 << 20];
        let packed = zstd::encode_all(&zeros[..], 3).unwrap();
        for column in [
            column("zstd", 10, &packed),
            column("zstd", 2 << 20, &packed),
            column("gzip", 10, &gzip(&zeros)),
            column("zstd", usize::MAX, &packed),
            column("lz4", 40, &[0xff; 64]),
        ] {
            assert!(inflate(&column).is_err());
        }
    }

    #[test]
    fn a_broken_column_is_refused() {
        for column in [
            &b"__compressed__:"[..],
            b"__compressed__:zstd\nAA==",
            b"__compressed__:zstd:x\nAA==",
            b"__compressed__:zstd:4\n****",
            b"__compressed__:zstd:4",
            b"__compressed__:brotli:4\nAA==",
            b"__compressed__:\xff:4\nAA==",
        ] {
            assert!(inflate(column).is_err());
        }
    }
}
