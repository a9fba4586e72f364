//! The child's side: evaluates one expression after the other, until nobody asks any more or a limit ends the process.

use std::{
    collections::HashMap,
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    panic, thread,
    time::Duration,
};

use definitions::{Data, Evaluation, Expression, Limits};
use thiserror::Error;

use crate::{
    limits::{self, STACK_BYTES, Watchdog},
    wire::{self, Reply, Request},
};

/// How many compiled expressions a child keeps.
const KEPT: usize = 256;

/// Why a child cannot serve.
#[derive(Debug, Error)]
pub enum Error {
    /// The limits cannot be set, or there is no thread or socket: nothing must be evaluated here.
    #[error("expressions cannot be evaluated in this process: {0}")]
    Unconfined(#[from] io::Error),
}

/// Evaluates what is asked for over the standard input, which must be a socket, until it is closed.
///
/// # Errors
/// The process cannot be confined; it has evaluated nothing.
pub fn serve() -> Result<(), Error> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    limits::confine()?;
    let watchdog = Watchdog::start()?;
    panic::set_hook(Box::new(|_| {})); // the interpreter's panics are caught, and errors of the expression
    let evaluating = thread::Builder::new().name("evaluate".to_owned()).stack_size(STACK_BYTES);
    drop(evaluating.spawn(move || answer(socket, &watchdog))?.join());
    Ok(())
}

fn answer(mut socket: UnixStream, watchdog: &Watchdog) {
    let mut compiled = HashMap::new();
    loop {
        let reply = match wire::receive(&mut socket) {
            Ok((request, _)) => evaluate(request, &mut compiled, watchdog),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Reply::Raised(format!("it cannot be given its data: {error}")) // which nests too deeply
            }
            Err(_) => return, // nobody asks any more
        };
        if wire::send(&mut socket, &reply).is_err() {
            return;
        }
    }
}

fn evaluate(request: Request, compiled: &mut HashMap<String, Expression>, watchdog: &Watchdog) -> Reply {
    let Request { source, variables, input, time, bytes } = request;
    let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    let known = compiled.get(&source).cloned();
    let expression = match known.map_or_else(|| Expression::compile(&source, &names), Ok) {
        Ok(expression) => expression,
        Err(error) => return Reply::Raised(error.reason().to_owned()),
    };
    if compiled.len() >= KEPT {
        compiled.clear();
    }
    compiled.insert(source, expression.clone());
    let value =
        |name: &str| variables.iter().find(|(known, _)| known == name).map_or(Data::NULL, |(_, data)| data.clone());
    let values = expression.variables().map(value).collect();
    let evaluation = Evaluation { expression: &expression, input: &input, values, patience: 1 };
    let unhurried = Limits { time: Duration::from_secs(3600), bytes }; // the watchdog's is the time that counts
    match watchdog.during(Duration::from_millis(time), || evaluation.run(unhurried)) {
        Ok(output) => Reply::Output(output),
        Err(error) => Reply::Raised(error.reason().to_owned()),
    }
}
