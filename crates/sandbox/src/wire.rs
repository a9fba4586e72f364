//! What goes between a pool and its children: JSON, each message behind its length.

use std::io::{self, Read, Write};

use definitions::Data;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The longest message: what a request may be made of, and no more.
const LONGEST: u32 = 256 << 20;

/// An evaluation.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) source: String,
    /// The variables of the expression, each with its `$`, and their values.
    pub(crate) variables: Vec<(String, Data)>,
    pub(crate) input: Data,
    /// Processor time that it may use, in milliseconds.
    pub(crate) time: u64,
    /// Largest result, in bytes of its JSON.
    pub(crate) bytes: usize,
}

/// How it ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// The first output.
    Output(Data),
    /// What the expression raised, or a limit that it exceeds whenever it is evaluated.
    Raised(String),
}

/// Writes a message.
///
/// # Errors
/// It is too long, or nobody takes it.
pub(crate) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<usize> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&bytes)?;
    Ok(bytes.len())
}

/// Reads a message, and says how long it was.
///
/// # Errors
/// Nobody sends one, or it makes no sense.
pub(crate) fn receive<M: DeserializeOwned>(from: &mut impl Read) -> io::Result<(M, usize)> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    let mut bytes = Vec::new();
    from.take(length.into()).read_to_end(&mut bytes)?;
    Ok((serde_json::from_slice(&bytes)?, bytes.len()))
}
