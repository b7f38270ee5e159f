//! Hard to kill: the promises of the README under crashes, faults, damage, bombs and attacks, by
//! enumeration wherever the cases can be counted.
//!
//! A quick part by default; `REDB_CACHE_LONG=1` for all of it. The figures come last.
#![cfg(test)]

mod attacks;
mod attempt;
mod bombs;
#[path = "../common/mod.rs"]
mod common;
mod contention;
mod damage;
mod disk_full;
mod faults;
mod figures;
mod images;
mod kill;
mod model;
mod pipes;
mod power;
mod read_faults;
mod recording;
mod scene;
mod secrets;
mod strace;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// The whole suite, in the order of the figures.
fn trials() -> Vec<Trial> {
    let suites: [fn() -> Vec<Trial>; 12] = [
        kill::trials,
        faults::trials,
        read_faults::trials,
        disk_full::trials,
        power::trials,
        bombs::trials,
        attacks::trials,
        pipes::trials,
        secrets::trials,
        damage::trials,
        contention::trials,
        model::trials,
    ];
    suites.into_iter().flat_map(|suite| suite()).collect()
}

fn main() -> ExitCode {
    if let Some(code) = attempt::watched() {
        return code;
    }
    if power::play_role() {
        return ExitCode::SUCCESS;
    }
    if let Ok(role) = std::env::var(contention::ROLE) {
        return contention::play(&role);
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials());
    figures::print();
    conclusion.exit_code()
}
