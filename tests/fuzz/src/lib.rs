//! What the targets share: each does one thing with the bytes that libFuzzer thinks up.

mod file;
mod row;

pub use file::{Era, Target, prepare};
pub use row::{decode_row, read_parameters, survey};
