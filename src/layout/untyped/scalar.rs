//! Values that hold no others, and lists of such.

use std::ops::Range;

use super::chart::{Chart, Effort, MOST_NULLS};
use super::cost;
use super::reading::{Found, Node, Plain, Reading};
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
    if let Some((number, used)) = W::uint(rest) {
        numbers::<W>(number, |cost, reading| add(used, cost, reading));
    }
    if !W::BOOL_IS_APART
        && let Some((number, cost)) = float_at(rest, effort)
    {
        add(8, cost, Reading::Float(number));
    }
}

/// Adds what may have the bytes of an integer, each with its cost.
pub(super) fn numbers<W: Wire>(number: u64, mut add: impl FnMut(f32, Reading)) {
    match usize::try_from(number) {
        Ok(0) => return add(cost::ZERO, Reading::Zero),
        Ok(count) if count <= MOST_NULLS => add(cost::nulls(count), Reading::Nulls(count)),
        _ => {}
    }
    if number == 1 && !W::BOOL_IS_APART {
        return add(cost::ONE, Reading::One);
    }
    add(cost::unsigned(number), Reading::Unsigned(number));
    if let Some(number) = W::negative(number) {
        add(cost::negative(number), Reading::Negative(number));
    }
    if W::BOOL_IS_APART && number > cost::LARGEST_ORDINARY {
        let float = f64::from_bits(number);
        if let Some(cost) = cost::float_at_first_sight(float) {
            add(cost, Reading::Float(float));
        }
    }
}

/// The float that `bytes` begins with, where that takes other room than an integer.
fn float_at(bytes: &[u8], effort: Effort) -> Option<(f64, f32)> {
    let number = f64::from_le_bytes(*bytes.first_chunk::<8>()?);
    if effort == Effort::Usual && !cost::is_ordinary_float(number) {
        return None;
    }
    Some((number, cost::float(number)?))
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

/// Numbers of a run that may be unlikely ones, however few others there are.
const FEW_UNLIKELY: usize = 2;

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
    // Eight bytes of text are a number, too, and a text may have very many of them.
    let is_checked = of == Plain::Number && chart.effort == Effort::Usual;
    let mut unlikely = 0;
    for index in 0..count {
        let (end, next) = measured::<W>(chart.bytes, of, at)?;
        unlikely += usize::from(next > cost::DEAREST_ORDINARY);
        if is_checked && unlikely > FEW_UNLIKELY && unlikely > index / 2 {
            return None;
        }
        if !chart.spend(1 + (end - at) / 16) {
            return None;
        }
        let bytes = chart.bytes.get(at..end).unwrap_or_default();
        empty = empty && bytes.iter().all(|byte| *byte == 0);
        cost += next;
        at = end;
    }
    (!empty).then_some((at, cost))
}

/// What a run holds at `at`.
pub(super) fn element<W: Wire>(bytes: &[u8], of: Plain, at: usize) -> Option<Node> {
    let (end, cost) = measured::<W>(bytes, of, at)?;
    let rest = bytes.get(at..end)?;
    let mut found = Found::default();
    let mut add = |cost, reading| found.add(end, cost, f32::INFINITY, reading);
    match of {
        Plain::Text => add(cost, Reading::Text(text_at::<W>(bytes, at)?.1)),
        Plain::Number => numbers::<W>(W::uint(rest)?.0, add),
        Plain::Float => {
            let number = f64::from_le_bytes(*rest.first_chunk::<8>()?);
            add(cost, Reading::Float(number));
        }
        Plain::Bool => add(cost, Reading::Bool(rest == [1])),
    }
    found.take().next_back()
}

/// Where a value of a run ends, and its cost.
fn measured<W: Wire>(bytes: &[u8], of: Plain, at: usize) -> Option<(usize, f32)> {
    let rest = bytes.get(at..)?;
    match of {
        Plain::Text => {
            let (text, span) = text_at::<W>(bytes, at)?;
            Some((span.end, cost::text(text)))
        }
        Plain::Number => {
            let (number, used) = W::uint(rest)?;
            let mut least = f32::INFINITY;
            numbers::<W>(number, |cost, _| least = least.min(cost));
            Some((at + used, least))
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
