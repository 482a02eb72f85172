//! What a program says of itself.

use std::borrow::Cow;

use super::{ProtocolError, arrived};
use crate::cursor::Cursor;
use crate::event::{DataId, Timestamp};
use crate::field::{Field, bytes, plain, text};
use crate::limits::CONTENTS_LEN_MAX;
use crate::output::Output;

/// What a program says of itself: to everybody, in a datagram, and to each client that connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadcastHeader<'a> {
    /// Identity of the capture.
    pub id: DataId,
    /// When the capture began.
    pub initial_timestamp: Timestamp,
    /// When this header was made.
    pub timestamp: Timestamp,
    /// Seconds since 1970 at [`timestamp`](Self::timestamp).
    pub wall_clock_secs: u64,
    /// Nanoseconds beside the seconds.
    pub wall_clock_nsecs: u64,
    /// Process id.
    pub pid: u32,
    /// Command line, each argument ended by a NUL. Our library sends the start of a long one.
    pub cmdline: Cow<'a, [u8]>,
    /// Path of the executable.
    pub executable: Cow<'a, [u8]>,
    /// Processor architecture.
    pub arch: Cow<'a, str>,
    /// TCP port to connect to.
    pub listener_port: u16,
    /// Version of the protocol that the program speaks.
    pub protocol_version: u32,
}

impl<'a> BroadcastHeader<'a> {
    /// Appends the header to `out`: the whole of a datagram.
    pub fn encode(&self, out: &mut impl Output) {
        self.put(out);
    }

    /// Reads a datagram.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, ProtocolError> {
        let header = arrived(Self::take(&mut Cursor::new(datagram, CONTENTS_LEN_MAX)))?;
        header.ok_or(ProtocolError::Truncated { len: datagram.len() })
    }

    /// The header with texts of its own.
    pub fn into_owned(self) -> BroadcastHeader<'static> {
        BroadcastHeader {
            cmdline: Cow::Owned(self.cmdline.into_owned()),
            executable: Cow::Owned(self.executable.into_owned()),
            arch: Cow::Owned(self.arch.into_owned()),
            ..self
        }
    }
}

crate::field::structure_fields! {
    BroadcastHeader<'a> {
        id: plain, initial_timestamp: plain, timestamp: plain, wall_clock_secs: plain, wall_clock_nsecs: plain,
        pid: plain, cmdline: bytes, executable: bytes, arch: text, listener_port: plain, protocol_version: plain,
    }
}
