//! Values that hold no others, and lists of such.

use std::ops::Range;

use super::chart::{Chart, Effort, MOST_NULLS};
use super::cost;
use super::reading::{Found, Plain, Reading};
use crate::layout::wire::Wire;

/// The text that may begin at `at`, and its bytes.
pub(super) fn text_at<W: Wire>(bytes: &[u8], at: usize) -> Option<(&str, Range<usize>)> {
    let (len, used) = W::uint(bytes.get(at..)?)?;
    let start = at.checked_add(used)?;
    let span = start..start.checked_add(usize::try_from(len).ok()?)?;
    let text = std::str::from_utf8(bytes.get(span.clone())?).ok()?;
    Some((text, span))
}

/// Finds the booleans and numbers that begin at `at`, zeros for whatever is empty among them.
pub(super) fn scalars<W: Wire>(bytes: &[u8], at: usize, effort: Effort, found: &mut Found) {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut add = |used: usize, cost, reading| found.add(at + used, cost, f32::INFINITY, reading);
    if W::BOOL_IS_APART
        && let Some(byte @ (0 | 1)) = rest.first()
    {
        add(1, cost::BOOL, Reading::Bool(*byte == 1));
    }
    match W::uint(rest) {
        Some((0, used)) => add(used, cost::ZERO, Reading::Zero),
        Some((1, used)) if !W::BOOL_IS_APART => add(used, cost::ONE, Reading::One),
        Some((number, used)) => {
            add(used, cost::unsigned(number), Reading::Unsigned(number));
            if let Some(number) = W::negative(number) {
                add(used, cost::negative(number), Reading::Negative(number));
            }
        }
        None => {}
    }
    if let Some((number, cost)) = float_at::<W>(rest, effort) {
        add(8, cost, Reading::Float(number));
    }
}

/// The float that `bytes` begins with, unless [`Reading::Zero`] says it.
fn float_at<W: Wire>(bytes: &[u8], effort: Effort) -> Option<(f64, f32)> {
    let number = f64::from_le_bytes(*bytes.first_chunk::<8>()?);
    // Where a float has the room of an integer, one that is small as such is no float.
    let likely = if W::BOOL_IS_APART {
        number.to_bits() > 1 << 52
    } else {
        effort == Effort::Thorough || cost::is_ordinary_float(number)
    };
    likely.then_some((number, cost::float(number)?))
}

/// Finds the list of `count` nulls.
pub(super) fn nulls(start: usize, count: usize, found: &mut Found) {
    if count <= MOST_NULLS {
        let cost = cost::list(count) + cost::NEXT_NULL * cost::count(count);
        found.add(start, cost, f32::INFINITY, Reading::Nulls(count));
    }
}

/// Finds the lists of `count` scalars of one of the `kinds`, the first at `start`.
pub(super) fn runs<W: Wire>(
    chart: &mut Chart<'_, W>,
    kinds: &[Plain],
    start: usize,
    count: usize,
    found: &mut Found,
) {
    for of in kinds.iter().copied() {
        if let Some((end, cost)) = run(chart, of, start, count) {
            let reading = Reading::Run { of, start, count };
            found.add(end, cost::list(count) + cost, f32::INFINITY, reading);
        }
    }
}

/// Where a run of values ends, and its cost. Texts that are all empty are left to the zeros.
fn run<W: Wire>(
    chart: &mut Chart<'_, W>,
    of: Plain,
    start: usize,
    count: usize,
) -> Option<(usize, f32)> {
    let mut at = start;
    let mut cost = 0.0;
    let mut empty = of == Plain::Text;
    for _ in 0..count {
        let (end, next) = element::<W>(chart.bytes, of, at)?;
        if !chart.spend(1 + (end - at) / 16) {
            return None;
        }
        empty = empty && next <= cost::ZERO;
        cost += next;
        at = end;
    }
    (!empty).then_some((at, cost))
}

fn element<W: Wire>(bytes: &[u8], of: Plain, at: usize) -> Option<(usize, f32)> {
    let rest = bytes.get(at..)?;
    match of {
        Plain::Text => {
            let (text, span) = text_at::<W>(bytes, at)?;
            Some((span.end, cost::text(text).0))
        }
        Plain::Integer => {
            let (number, used) = W::uint(rest)?;
            let positive = cost::unsigned(number);
            let cost =
                W::negative(number).map_or(positive, |number| positive.min(cost::negative(number)));
            Some((at + used, cost))
        }
        Plain::Float => {
            let number = f64::from_le_bytes(*rest.first_chunk::<8>()?);
            if !cost::is_ordinary_float(number) {
                return None;
            }
            Some((at + 8, cost::float(number)?))
        }
        Plain::Bool => {
            let byte = *rest.first()?;
            (byte <= 1).then_some((at + 1, cost::BOOL))
        }
    }
}
