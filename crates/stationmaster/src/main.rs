//! The binary: one verb of the command line each, and the composition of the service.

mod catalogue;
mod cli;
mod client;
mod clock;
mod commands;
mod composition;
mod database;
mod evidence;
mod forge;
mod keys;
mod logs;
mod output;
mod register;
mod service;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Audit, Cli, Verb},
    output::{Failure, Output},
    service::Role,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    logs::start(&cli.verb);
    match perform(output, cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn perform(output: Output, verb: Verb) -> Result<(), Failure> {
    use commands::{bench, definition, demo, doctor, gate, maintenance, run, serve, simulation, token};
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match verb {
            Verb::Demo(arguments) => demo::demo(output, &arguments).await,
            Verb::Dev(arguments) => serve::dev(output, &arguments).await,
            Verb::Serve(arguments) => serve::serve(output, &arguments, Role::Whole).await,
            Verb::Work(arguments) => serve::serve(output, &arguments, Role::Worker).await,
            Verb::Migrate(arguments) => maintenance::migrate(output, &arguments).await,
            Verb::Doctor(arguments) => doctor::doctor(output, &arguments).await,
            Verb::Bench(arguments) => bench::bench(output, &arguments).await,
            Verb::Token(arguments) => token::token(output, &arguments),
            Verb::Run(verb) => run::run(output, verb).await,
            Verb::Gate(verb) => gate::gate(output, verb).await,
            Verb::Definition(verb) => definition::definition(output, verb).await,
            Verb::Test { paths, home } => simulation::test(output, &paths, &home.home),
            Verb::Audit(Audit::Verify(arguments)) => maintenance::verify(output, &arguments).await,
            Verb::Evaluate => Ok(sandbox::serve()?),
        }
    })
}
