//! Events to bytes. Nothing here allocates or panics: it runs inside other people's programs.

use crate::carrier;
use crate::event::{AllocBody, AllocationId, Event, Timestamp};
use crate::field::Field;
use crate::kind::EventKind;
use crate::layout;
use crate::output::{Counter, Output, SliceOutput};

/// Bytes of an encoded [`Event::AllocEx`].
pub const ALLOC_EX_LEN: usize = 72;
/// Bytes of an encoded [`Event::ReallocEx`].
pub const REALLOC_EX_LEN: usize = 80;
/// Bytes of an encoded [`Event::FreeEx`].
pub const FREE_EX_LEN: usize = 48;

impl Event<'_> {
    /// Which of the events this is.
    pub fn kind(&self) -> EventKind {
        layout::kind(self)
    }

    /// Appends the event to `out`, as a stream of 0.11 has it. A list that is too long for its 32-bit length field is
    /// cut there. What 0.11 does not know is put into an embedded file: see [`crate::CARRIER_PATH`].
    #[inline]
    pub fn encode(&self, out: &mut impl Output) {
        match self.kind().is_in_0_11() {
            true => carrier::put_bare(self, out),
            false => carrier::put(self, out),
        }
    }

    /// How many bytes [`Event::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::AllocEx { .. } => ALLOC_EX_LEN,
            Self::ReallocEx { .. } => REALLOC_EX_LEN,
            Self::FreeEx { .. } => FREE_EX_LEN,
            _ => {
                let mut counter = Counter::default();
                self.encode(&mut counter);
                counter.0
            }
        }
    }
}

/// Writes an [`Event::AllocEx`].
#[inline]
pub fn encode_alloc_ex(
    out: &mut [u8; ALLOC_EX_LEN],
    id: AllocationId,
    timestamp: Timestamp,
    allocation: &AllocBody,
) {
    let mut out = SliceOutput::new(out);
    EventKind::AllocEx.tag().put(&mut out);
    id.put(&mut out);
    timestamp.put(&mut out);
    allocation.put(&mut out);
}

/// Writes an [`Event::ReallocEx`].
#[inline]
pub fn encode_realloc_ex(
    out: &mut [u8; REALLOC_EX_LEN],
    id: AllocationId,
    timestamp: Timestamp,
    old_pointer: u64,
    allocation: &AllocBody,
) {
    let mut out = SliceOutput::new(out);
    EventKind::ReallocEx.tag().put(&mut out);
    id.put(&mut out);
    timestamp.put(&mut out);
    old_pointer.put(&mut out);
    allocation.put(&mut out);
}

/// Writes an [`Event::FreeEx`]. A `backtrace` of 0 means that none was taken.
#[inline]
pub fn encode_free_ex(
    out: &mut [u8; FREE_EX_LEN],
    id: AllocationId,
    timestamp: Timestamp,
    pointer: u64,
    backtrace: u64,
    thread: u32,
) {
    let mut out = SliceOutput::new(out);
    EventKind::FreeEx.tag().put(&mut out);
    id.put(&mut out);
    timestamp.put(&mut out);
    pointer.put(&mut out);
    backtrace.put(&mut out);
    thread.put(&mut out);
}
