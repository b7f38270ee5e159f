//! Where records come from when a cache is rebuilt: do-memory's durable libSQL/Turso database, as
//! any release left it.
//!
//! [`Store::open`] connects, [`Store::survey`] says what is there, [`Store::rows`] gives the rows of
//! a table. What goes wrong comes in two kinds that never mix: the store cannot be read
//! ([`Error`](crate::Error)), or one row of it cannot ([`Unreadable`]) and the rest goes on.

mod address;
mod apart;
mod client;
mod compressed;
mod connector;
mod debug_text;
mod fault;
mod fetch;
mod row;
mod rows;
mod select;
mod shape;
mod store;
mod survey;
mod token;

pub use address::Address;
pub use client::Patience;
pub use rows::{Entry, Unreadable, Value};
pub use shape::Kind;
pub use store::{Rows, Store};
pub use survey::{Count, Kept, Survey};
pub use token::Token;
