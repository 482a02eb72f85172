//! What a program answers.

use std::borrow::Cow;

use super::{BroadcastHeader, DATA_LEN_MAX, ProtocolError, arrived};
use crate::cursor::{Cursor, Stop};
use crate::field::{Field, bytes};
use crate::output::Output;

/// Bytes before the payload of a [`Response::Data`].
pub const DATA_HEAD_LEN: usize = 8;

const START: u32 = 0;
const DATA: u32 = 1;
const FINISHED_INITIAL_STREAMING: u32 = 2;
const PONG: u32 = 3;
const FINISHED: u32 = 4;

/// What a program sends to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// The first message of every connection.
    Start(BroadcastHeader<'a>),
    /// The next bytes of the capture.
    Data(Cow<'a, [u8]>),
    /// What was recorded before the client came has been sent.
    FinishedInitialStreaming,
    /// The answer to a ping.
    Pong,
    /// The capture has ended, and all of it has been sent.
    Finished,
}

/// The bytes before a payload of `len` bytes: for who sends payloads from elsewhere.
pub fn data_head(len: u32) -> [u8; DATA_HEAD_LEN] {
    (u64::from(len) << 32 | u64::from(DATA)).to_le_bytes()
}

impl<'a> Response<'a> {
    /// Appends the message to `out`.
    pub fn encode(&self, out: &mut impl Output) {
        match self {
            Self::Start(header) => {
                START.put(out);
                header.encode(out);
            }
            Self::Data(payload) => {
                DATA.put(out);
                bytes::put(payload, out);
            }
            Self::FinishedInitialStreaming => FINISHED_INITIAL_STREAMING.put(out),
            Self::Pong => PONG.put(out),
            Self::Finished => FINISHED.put(out),
        }
    }

    /// Decodes the message at the start of `bytes` and says how long it is. None if it has not wholly arrived.
    pub fn decode(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let mut cursor = Cursor::new(bytes, DATA_LEN_MAX);
        let Some(tag) = arrived(u32::take(&mut cursor))? else { return Ok(None) };
        let message = match tag {
            START => arrived(BroadcastHeader::take(&mut cursor).map(Self::Start))?,
            DATA => arrived(payload(&mut cursor).map(|payload| Self::Data(Cow::Borrowed(payload))))?,
            FINISHED_INITIAL_STREAMING => Some(Self::FinishedInitialStreaming),
            PONG => Some(Self::Pong),
            FINISHED => Some(Self::Finished),
            tag => return Err(ProtocolError::UnknownTag { tag }),
        };
        Ok(message.map(|message| (message, cursor.used())))
    }
}

fn payload<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Stop> {
    let len = u64::from(u32::take(cursor)?);
    cursor.elements("bytes of data", len, DATA_LEN_MAX, 1)
}
