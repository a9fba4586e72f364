//! The parent's side of one child: start it, ask it, and tell from its end what it exceeded.

use std::{
    ffi::OsString,
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::PathBuf,
    process::{self, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::{
    limits::OUT_OF_TIME,
    wire::{self, Reply, Request},
};

/// How much longer than its time an evaluation may last, while others have the processor.
const WAITING: u32 = 20;

/// A child that has served so often, or has had so large a message, is replaced: its memory may be in pieces.
const SERVES: u32 = 10_000;
const LARGE: usize = 4 << 20;

/// How a child is started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

/// A process that evaluates; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    socket: UnixStream,
    served: u32,
    tired: bool,
}

/// Why a child gave no reply.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The evaluation exceeded a limit, and took the child with it.
    Exceeded(&'static str),
    /// The child could not be asked, for whatever reason.
    Broken(String),
}

impl Child {
    /// Starts a child.
    ///
    /// # Errors
    /// The operating system has no process or socket for it.
    pub(crate) fn start(start: &Start) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let process = Command::new(&start.program)
            .arg0("evaluator")
            .args(&start.arguments)
            .env_clear()
            .env("MALLOC_ARENA_MAX", "1") // memory is limited by addresses, of which an arena takes many
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self { process, socket, served: 0, tired: false })
    }

    /// Has an evaluation done. After a failure the child is of no more use.
    ///
    /// # Errors
    /// It exceeded a limit, or the child is broken.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Reply, Failure> {
        let patience = Duration::from_millis(request.time).saturating_mul(WAITING);
        let mut socket = Timed { socket: &self.socket, end: Instant::now() + patience };
        let asked = wire::send(&mut socket, request);
        if let Err(error) = &asked
            && error.kind() == io::ErrorKind::InvalidInput
        {
            return Err(Failure::Exceeded("it was given too much data"));
        }
        match asked.and_then(|sent| Ok((sent, wire::receive::<Reply>(&mut socket)?))) {
            Ok((sent, (reply, received))) => {
                self.served += 1;
                self.tired = self.served >= SERVES || sent.max(received) > LARGE;
                Ok(reply)
            }
            Err(error) => Err(self.autopsy(&error)),
        }
    }

    /// Whether it is to be replaced, although nothing is wrong.
    pub(crate) fn is_tired(&self) -> bool {
        self.tired
    }

    fn autopsy(&mut self, error: &io::Error) -> Failure {
        if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
            drop(self.process.kill());
            drop(self.process.wait());
            return Failure::Exceeded("it took too long");
        }
        drop(self.socket.shutdown(std::net::Shutdown::Both)); // were it alive, it would end now
        let mut last_words = String::new();
        if let Some(stderr) = self.process.stderr.take() {
            drop(stderr.take(4096).read_to_string(&mut last_words));
        }
        match self.process.wait() {
            Ok(status) => cause(status, &last_words),
            Err(error) => Failure::Broken(error.to_string()),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// What a child died of.
fn cause(status: ExitStatus, last_words: &str) -> Failure {
    const ABORT: i32 = 6;
    const SEGMENTATION: i32 = 11;
    const PROCESSOR_TIME: i32 = 24;
    match (status.code(), status.signal()) {
        (Some(OUT_OF_TIME), _) | (_, Some(PROCESSOR_TIME)) => Failure::Exceeded("it took too long"),
        (_, Some(ABORT)) if last_words.contains("overflowed its stack") => Failure::Exceeded("it recursed too deeply"),
        (_, Some(SEGMENTATION)) => Failure::Exceeded("it recursed too deeply"),
        (_, Some(ABORT)) => Failure::Exceeded("it took too much memory"),
        _ => Failure::Broken(format!("the evaluator ended with {status}: {}", last_words.trim())),
    }
}

/// A socket that is used until a moment, and no longer.
struct Timed<'a> {
    socket: &'a UnixStream,
    end: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl io::Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer)
    }
}

impl io::Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
