//! How a capture is streamed while its program runs: protocol version 2, as Bytehound 0.11 speaks it.
//!
//! ```text
//! client ─► program   Request  = tag:u32                     StartStreaming, Ping, …
//! program ─► client   Response = tag:u32  fields…            Start, Data, FinishedInitialStreaming, Pong, Finished
//! program ─► anybody  BroadcastHeader                        a datagram to port 43512, without a tag
//! ```
//!
//! The payloads of a connection's `Data` messages, one after another, are a `.dat` file. `docs/format.md` says which
//! message is sent when.

mod header;
mod response;

pub use header::BroadcastHeader;
pub use response::{DATA_HEAD_LEN, Response, data_head};

use crate::cursor::Stop;

/// The version spoken here, and the only one known.
pub const PROTOCOL_VERSION: u32 = 2;
/// The UDP port to which programs announce themselves.
pub const BROADCAST_PORT: u16 = 43512;
/// The TCP port on which a program listens unless told otherwise.
pub const SERVER_PORT: u16 = 8100;
/// How many further ports a program tries if that one is taken.
pub const SERVER_PORTS_MORE: u16 = 100;
/// Bytes that one `Data` message may claim. Programs send at most a block: half a mebibyte and a little.
pub const DATA_LEN_MAX: u64 = 16 << 20;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Send the capture from its start, and what is added to it.
    StartStreaming,
    /// Write the program's memory into the capture. Bytehound 0.11 hangs on it; nobody should send it.
    TriggerMemoryDump,
    /// Answer with a [`Response::Pong`].
    Ping,
}

impl Request {
    /// Bytes of every request.
    pub const LEN: usize = 4;

    /// The bytes to be sent.
    pub fn encode(self) -> [u8; Self::LEN] {
        (self as u32).to_le_bytes()
    }

    /// Reads a request.
    pub fn decode(bytes: [u8; Self::LEN]) -> Result<Self, ProtocolError> {
        match u32::from_le_bytes(bytes) {
            0 => Ok(Self::StartStreaming),
            1 => Ok(Self::TriggerMemoryDump),
            2 => Ok(Self::Ping),
            tag => Err(ProtocolError::UnknownTag { tag }),
        }
    }
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The tag is none of the protocol's.
    #[error("there is no message with tag {tag}: is this the port of a program under Bytehound?")]
    UnknownTag {
        /// The tag.
        tag: u32,
    },
    /// A length field is beyond what occurs.
    #[error("a message claims {len} {what}, above the limit of {limit}")]
    TooLong {
        /// What the field counts.
        what: &'static str,
        /// What the field says.
        len: u64,
        /// What it may say.
        limit: u64,
    },
    /// A datagram ends inside the header that it should hold.
    #[error("an announcement of {len} bytes ends inside its header")]
    Truncated {
        /// Bytes of the datagram.
        len: usize,
    },
}

/// What came of taking a message's fields: the message, or that its bytes have not all arrived.
fn arrived<T>(taken: Result<T, Stop>) -> Result<Option<T>, ProtocolError> {
    match taken {
        Ok(message) => Ok(Some(message)),
        Err(Stop::Incomplete { .. }) => Ok(None),
        Err(Stop::TooLong { what, len, limit }) => Err(ProtocolError::TooLong { what, len, limit }),
    }
}
