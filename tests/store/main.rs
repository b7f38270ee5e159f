//! The durable store when something goes wrong: with the server, between here and there, in the
//! database, in a file. Either every row comes, or an error that says what to do.
#![cfg(test)]

mod answers;
mod changes;
#[path = "../common/mod.rs"]
mod common;
mod cuts;
mod files;
mod made;
mod proxy;
mod reading;
mod sqld;
mod verb;
