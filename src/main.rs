//! The `camcount` program: command line and wiring. What it does lies in the crates below; what it says,
//! and how it is told, lies here.

mod cli;
mod commands;
mod config;
mod demo;
mod embedded;
mod export;
mod footage;
mod log;
mod media_range;
mod mot;
mod pictures;
mod progress;
mod report;
mod rules_input;

use std::process::ExitCode;

/// Decoding starts and ends threads all the time, and glibc's allocator keeps memory for each of them: with it a
/// long run takes two to three times as much as a short one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the asynchronous runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            // The chain once, on one line: each message leaves out the ones behind it.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
