//! do-memory 0.1.34. A pattern begins with the name of its variant where L9 has the number.

use super::{Era, Layout};
use crate::cache::Table;
use crate::cache::record::{Misfit, Pattern, Record, RowReader, prefix, whole};

pub(super) const ERA: Era = Era {
    layout: Layout::L8,
    reader,
    ending: None,
};

/// The names, in the order of the numbers that replaced them.
const VARIANTS: [&str; 4] = [
    "tool_sequence",
    "decision_point",
    "error_recovery",
    "context_pattern",
];

fn reader(table: Table) -> Option<RowReader> {
    (table == Table::Patterns).then_some(|bytes| pattern(bytes).map(Record::from))
}

/// Puts the number in the name's place: the rest is a row of L9.
fn pattern(bytes: &[u8]) -> Result<Pattern, Misfit> {
    let (name, used) = prefix::<&str>(bytes)?;
    let number = (0u8..).zip(VARIANTS).find(|(_, known)| *known == name);
    let (Some((number, _)), Some(fields)) = (number, bytes.get(used..)) else {
        return Err(Misfit::new(0, bytes, "the name of no pattern"));
    };
    let mut row = Vec::with_capacity(1 + fields.len());
    row.push(number);
    row.extend_from_slice(fields);
    whole(&row).map_err(|misfit| misfit.moved(used.saturating_sub(1), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_no_pattern_and_a_name_alone_are_refused() {
        for name in ["tool_sequences", "", "ToolSequence", "tool_sequence"] {
            let row = postcard::to_allocvec(name).unwrap();
            assert!(pattern(&row).is_err(), "{name}");
        }
        let misfit = pattern(b"\x0dtool_sequence\x10abc").unwrap_err();
        assert_eq!((misfit.at, misfit.len), (15, 18));
    }
}
