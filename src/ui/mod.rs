//! How it looks: tables, JSON, errors, progress. Knows no database.
//!
//! A command gives back a [`Report`]; [`Ui`] prints it. Nothing else in the crate prints.

mod cancel;
mod cell;
mod confirm;
pub mod error;
pub mod json;
mod output;
mod printer;
mod progress;
mod report;
pub mod table;
pub mod text;
mod view;

pub use cancel::Cancel;
pub use cell::{Cell, size};
pub use output::Output;
pub use printer::{Color, Format, Settings, Terminal, Ui};
pub use progress::Progress;
pub use report::{Channel, Report};
pub use view::{Align, Block, Column, Note, Severity, View};
