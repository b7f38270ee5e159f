//! How plausible a reading is: about the bits that it takes to say it to someone who knows what
//! agents pass to their tools. Less is more plausible.

use std::io::Write;

/// Two readings that differ by as much are no longer confused: the other is a thousand times less
/// plausible.
pub(in crate::layout) const CERTAIN: f32 = 10.0;

pub(super) const NULL: f32 = 9.0;
pub(super) const BOOL: f32 = 3.0;
/// Of something empty or zero, whichever it is.
pub(super) const ZERO: f32 = 3.0;
/// Of the number one or `true`, whichever it is.
pub(super) const ONE: f32 = 3.5;
/// Of a span that cannot be read, beside that of each of its bytes.
pub(in crate::layout) const UNREADABLE: f32 = 400.0;
pub(in crate::layout) const UNREADABLE_BYTE: f32 = 8.0;

/// Hardly any integer is larger. In eight bytes the smaller ones are no ordinary float: its exponent
/// would be the least there is.
pub(super) const LARGEST_ORDINARY: u64 = 1 << 52;

/// No ordinary number costs more: 17 digits and a sign, near the least exponent.
pub(super) const DEAREST_ORDINARY: f32 = 80.0;

/// Numbers of this size that stand for "as much as there is".
const LIMITS: [u64; 4] = [u64::MAX, 1 << 63, (1 << 63) - 1, (1 << 32) - 1];

pub(super) fn unsigned(number: u64) -> f32 {
    if LIMITS.contains(&number) {
        16.0
    } else if number > LARGEST_ORDINARY {
        28.0 + bits(number)
    } else {
        4.0 + bits(number)
    }
}

pub(super) fn negative(number: i64) -> f32 {
    4.0 + unsigned(number.unsigned_abs())
}

/// Bytes of the longest float: a sign, 17 digits, a point, an exponent.
const LONGEST_FLOAT: usize = 32;

/// `None` for what is no JSON number. Few digits are plausible, and so is an exponent near zero.
pub(super) fn float(number: f64) -> Option<f32> {
    if !number.is_finite() {
        return None;
    }
    if number == 0.0 && number.is_sign_negative() {
        return Some(UNLIKELY_FLOAT);
    }
    let mut buffer = [0; LONGEST_FLOAT];
    let mut rest = buffer.as_mut_slice();
    write!(rest, "{number:e}").ok()?;
    let left = rest.len();
    let text = std::str::from_utf8(buffer.get(..LONGEST_FLOAT - left)?).ok()?;
    let (mantissa, exponent) = text.split_once('e')?;
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let exponent: f32 = exponent.parse().ok()?;
    let sign = if number.is_sign_negative() { 2.0 } else { 0.0 };
    let far = (exponent.abs() - 6.0).clamp(0.0, 24.0);
    Some(8.0 + sign + 3.4 * count(digits) + far)
}

/// [`float`], without counting the digits of what most probably is none.
pub(super) fn float_at_first_sight(number: f64) -> Option<f32> {
    if is_ordinary_float(number) {
        float(number)
    } else {
        number.is_finite().then_some(UNLIKELY_FLOAT)
    }
}

/// With 17 digits and an absurd exponent.
const UNLIKELY_FLOAT: f32 = 90.0;

/// Whether a float is worth a look: 64 bits of anything mostly have an absurd exponent.
pub(super) fn is_ordinary_float(number: f64) -> bool {
    number == 0.0 || (1e-12..1e18).contains(&number.abs())
}

/// Of a text: its length and its letters.
pub(super) fn text(text: &str) -> f32 {
    let letters = if text.bytes().all(|byte| byte == 0) {
        4.0 + 3.2 * count(text.len())
    } else {
        letters(text.as_bytes())
    };
    3.0 + bits(text.len() as u64) + letters
}

/// Whether a text of that cost can stand for nothing else: a list of numbers that happen to be its
/// letters would be far less plausible. A line break in front of a short one may be the length of
/// what follows; a long one would hold other lengths too.
pub(super) fn is_clear_text(text: &str, cost: f32) -> bool {
    let as_numbers = 5.0 + bits(text.len() as u64) + 11.0 * count(text.len());
    let is_long = text.len() >= 32;
    text.len() >= 4
        && cost + CERTAIN < as_numbers
        && (is_long || !text.starts_with(char::is_control))
        && odd_letters(text) == 0
}

/// Of a list of so many nulls.
pub(super) fn nulls(len: usize) -> f32 {
    list(len) + 2.0 * count(len)
}

/// A list of `len` elements or a map of `len` keys, beside what it holds.
pub(super) fn list(len: usize) -> f32 {
    4.0 + bits(len as u64)
}

/// [`list`].
pub(super) fn map(len: usize) -> f32 {
    4.0 + bits(len as u64)
}

/// Keys are identifiers nearly always.
pub(super) fn key(key: &[u8]) -> f32 {
    let odd = if is_identifier(key) { 0.0 } else { 10.0 };
    4.0 + odd + letters(key)
}

/// Whether a key may be one at first sight.
pub(super) fn is_likely_key(key: &str) -> bool {
    let is_blank = |letter: char| matches!(letter, '\n' | '\r' | '\t');
    let is_plain = !any_byte(key, |byte| byte.is_ascii_control());
    !key.is_empty()
        && key.len() <= 256
        && (is_plain
            || !key.starts_with(char::is_control)
                && !key
                    .chars()
                    .any(|letter| letter.is_control() && !is_blank(letter)))
}

/// What is odd about the text of a field that is known to be text.
pub(in crate::layout) fn oddity(text: &str) -> f32 {
    count(odd_letters(text)) * 12.0
}

/// Whether it looks like the name of a field.
pub(super) fn is_identifier(text: &[u8]) -> bool {
    let mut letters = text.iter();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || b"_-.:/".contains(letter))
}

/// How many control characters there are that no text is laid out with.
fn odd_letters(text: &str) -> usize {
    let is_laid_out = |byte: u8| matches!(byte, b'\n' | b'\t' | b'\r' | b'\x1b');
    if !any_byte(text, |byte| byte.is_ascii_control() & !is_laid_out(byte)) {
        return 0;
    }
    let is_odd =
        |letter: &char| letter.is_control() && !matches!(letter, '\n' | '\t' | '\r' | '\x1b');
    text.chars().filter(is_odd).count()
}

/// Whether any byte is such, or begins a control character beyond ASCII. Looks at all of them,
/// which a processor does many at a time.
fn any_byte(text: &str, is_such: impl Fn(u8) -> bool) -> bool {
    const BEGINS_CONTROL: u8 = 0xc2;
    let bytes = text.bytes();
    bytes.fold(false, |any, byte| {
        any | is_such(byte) | (byte == BEGINS_CONTROL)
    })
}

fn letters(text: &[u8]) -> f32 {
    let halves = text.iter().map(|byte| {
        let halves = HALF_BITS.get(usize::from(*byte));
        halves.copied().map_or(0, usize::from)
    });
    count(halves.sum()) / 2.0
}

/// For each byte of a text twice the bits that it costs: what names and words are made of costs
/// least, what no keyboard types most.
const HALF_BITS: [u8; 256] = half_bits();

const fn half_bits() -> [u8; 256] {
    let mut halves = [0; 256];
    let mut byte = 0u8;
    loop {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        let at = &mut halves[byte as usize];
        *at = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'_' | b'-' | b'.' | b'/' => 9,
            b' '..=b'~' => 13,
            b'\n' | b'\t' | b'\r' => 14,
            0x80.. => 11,
            _ => 32,
        };
        if byte == u8::MAX {
            return halves;
        }
        byte += 1;
    }
}

/// The bits that it takes to say a number.
#[expect(clippy::cast_precision_loss, reason = "at most 64")]
pub(in crate::layout) fn bits(number: u64) -> f32 {
    (u64::BITS - number.leading_zeros()) as f32
}

#[expect(clippy::cast_precision_loss, reason = "a cost is no exact number")]
pub(in crate::layout) fn count(count: usize) -> f32 {
    count as f32
}
