//! The `camcount` program: command line and wiring. What it does lies in the crates below; what it says,
//! and how it is told, lies here.

mod cli;
mod commands;
mod config;
mod credentials;
mod demo;
mod embedded;
mod export;
mod exposition;
mod footage;
mod heap;
mod interrupt;
mod leader_gauges;
mod live;
mod log;
mod media_range;
mod models;
mod mot;
mod outputs;
mod pictures;
mod place;
mod progress;
mod registry_cache;
mod report;
mod role;
mod rules_input;
mod scaling;
mod upkeep;
mod wall_clock;
mod wiring;

use std::process::ExitCode;

use cli::Misuse;

fn main() -> ExitCode {
    heap::keep_small();
    let cli = cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the asynchronous runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(commands::run(cli));
    // A thread that hangs in a foreign library holds up nobody.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match outcome {
        Ok(code) => code,
        // Whoever read our output has had enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain once, on one line: each message leaves out the ones behind it.
            eprintln!("error: {error:#}");
            if Misuse::is_behind(&error) { ExitCode::from(Misuse::EXIT) } else { ExitCode::FAILURE }
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |io: &std::io::Error| io.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().filter_map(|cause| cause.downcast_ref()).any(broken)
}
