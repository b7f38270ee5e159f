//! Text from outside, made safe to look at.
//!
//! A key or a value may hold anything, and a terminal obeys what it is shown: an escape sequence
//! can clear the screen or retitle the window, an override of the writing direction can make a
//! name read as another, a line feed can forge a line of a report. Escaping is not limited to
//! terminals: what is written to a file or a build log is looked at on one later.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character acts on the display instead of appearing on it.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' // marks without a width
            | '\u{2028}' | '\u{2029}' // line and paragraph separator
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // direction
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' // tags: invisible letters
        )
}

/// Replaces every character that acts on the display by its Rust escape, as `\u{1b}`.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    replace(text, acts, |escaped, c| escaped.extend(c.escape_default()))
}

/// As [`escape`], for a text of several lines: line feeds stay.
#[must_use]
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    replace(
        text,
        |c| c != '\n' && acts(c),
        |escaped, c| escaped.extend(c.escape_default()),
    )
}

/// Replaces the same characters in a JSON text by `\uXXXX`, which means the same to a parser. Line
/// feeds stay: in JSON they only occur between values.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    replace(
        json,
        |c| c != '\n' && acts(c),
        |escaped, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        },
    )
}

fn replace(
    text: &str,
    wanted: impl Fn(char) -> bool,
    replacement: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    // Of a long plain text each byte is looked at, and no character.
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain || !text.contains(&wanted) {
        return Cow::Borrowed(text);
    }
    let mut replaced = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if wanted(c) {
            replacement(&mut replaced, c);
        } else {
            replaced.push(c);
        }
    }
    Cow::Owned(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_does_not_clear_the_screen() {
        assert_eq!(escape("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
    }

    #[test]
    fn a_window_title_is_not_set() {
        assert_eq!(escape("\u{1b}]0;pwned\u{7}"), "\\u{1b}]0;pwned\\u{7}");
    }

    #[test]
    fn an_eight_bit_control_sequence_is_not_missed() {
        assert_eq!(escape("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn a_reversed_name_does_not_pass_for_another() {
        assert_eq!(escape("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(escape("a\u{2066}b\u{2069}"), "a\\u{2066}b\\u{2069}");
    }

    #[test]
    fn a_line_feed_does_not_forge_a_line() {
        assert_eq!(escape("a\nb\r\tc"), "a\\nb\\r\\tc");
        assert_eq!(escape("a\u{2028}b"), "a\\u{2028}b");
        assert_eq!(escape_lines("a\nb\rc"), "a\nb\\rc");
    }

    #[test]
    fn invisible_letters_are_seen() {
        assert_eq!(escape("a\u{200b}\u{e0041}"), "a\\u{200b}\\u{e0041}");
    }

    #[test]
    fn ordinary_text_of_any_script_is_left_alone() {
        for text in ["plain", "ключ", "鍵", "مفتاح", "👩‍🚀", "back\\slash"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn json_means_the_same_after_escaping() {
        let value = serde_json::json!({"k\u{9b}": "\u{202e}\u{7f}\u{e0041}\n"});
        let json = serde_json::to_string_pretty(&value).unwrap();
        let escaped = escape_json(&json);
        assert!(!escaped.chars().any(|c| c != '\n' && acts(c)));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped).unwrap(),
            value
        );
    }
}
