//! Bytes to events, without copying.

use crate::carrier;
use crate::cursor::{Cursor, Stop};
use crate::event::Event;
use crate::field::Field;
use crate::kind::EventKind;
use crate::layout::take_fields;

/// What [`decode`] found at the start of some bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// An event of `used` bytes.
    Event {
        /// The event; its texts and lists are parts of the bytes.
        event: Event<'a>,
        /// Bytes after which the next event starts.
        used: usize,
    },
    /// An event with file contents above the limit.
    Oversized {
        /// The event with empty contents.
        event: Event<'a>,
        /// Bytes after which the contents start.
        used: usize,
        /// Bytes of contents, after which the next event starts.
        contents: u64,
    },
    /// The bytes end inside the event.
    Incomplete {
        /// Bytes that the event has at least, counted from its start.
        needed: usize,
    },
    /// The bytes are no event. Nothing after them can be read, since events carry no length.
    Malformed(Malformed),
}

/// Why bytes are no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The tag is none that this version of the container has.
    #[error("there is no event with tag {tag}")]
    UnknownTag {
        /// The tag.
        tag: u32,
    },
    /// A length field is beyond what occurs.
    #[error("the `{kind}` event claims {len} {what}, above the limit of {limit}")]
    TooLong {
        /// The event.
        kind: EventKind,
        /// What the field counts.
        what: &'static str,
        /// What the field says.
        len: u64,
        /// What it may say.
        limit: u64,
    },
}

/// Decodes the event at the start of `bytes`, which are a stream of 0.11.
///
/// File contents of more than `contents_limit` bytes are not waited for: see [`Outcome::Oversized`].
#[inline]
pub fn decode(bytes: &[u8], contents_limit: u64) -> Outcome<'_> {
    let mut cursor = Cursor::new(bytes, contents_limit);
    let tag = match u32::take(&mut cursor) {
        Ok(tag) => tag,
        Err(_) => {
            return Outcome::Incomplete { needed: size_of::<u32>() };
        }
    };
    // The three events that make up nearly all of a capture skip the jump table.
    match tag {
        ALLOC_EX => decode_fields(EventKind::AllocEx, cursor),
        FREE_EX => decode_fields(EventKind::FreeEx, cursor),
        REALLOC_EX => decode_fields(EventKind::ReallocEx, cursor),
        _ => decode_other(tag, cursor),
    }
}

const ALLOC_EX: u32 = EventKind::AllocEx.tag();
const REALLOC_EX: u32 = EventKind::ReallocEx.tag();
const FREE_EX: u32 = EventKind::FreeEx.tag();

#[inline(never)]
fn decode_other(tag: u32, cursor: Cursor<'_>) -> Outcome<'_> {
    match EventKind::from_tag(tag).filter(|kind| kind.is_in_0_11()) {
        Some(EventKind::File64) => match decode_fields(EventKind::File64, cursor) {
            Outcome::Event { event, used } => Outcome::Event { event: carrier::unpack(event), used },
            other => other,
        },
        Some(kind) => decode_fields(kind, cursor),
        None => Outcome::Malformed(Malformed::UnknownTag { tag }),
    }
}

/// As [`decode`], for bytes that may hold the events that only version 2 has.
pub(crate) fn decode_rare(bytes: &[u8], contents_limit: u64) -> Outcome<'_> {
    let mut cursor = Cursor::new(bytes, contents_limit);
    let Ok(tag) = u32::take(&mut cursor) else {
        return Outcome::Incomplete { needed: size_of::<u32>() };
    };
    match EventKind::from_tag(tag) {
        Some(kind) => decode_fields(kind, cursor),
        None => Outcome::Malformed(Malformed::UnknownTag { tag }),
    }
}

#[inline(always)]
fn decode_fields(kind: EventKind, mut cursor: Cursor<'_>) -> Outcome<'_> {
    match (take_fields(kind, &mut cursor), cursor.oversized()) {
        (Ok(event), None) => Outcome::Event { event, used: cursor.used() },
        (Ok(event), Some(contents)) => Outcome::Oversized { event, used: cursor.used(), contents },
        (Err(Stop::Incomplete { needed }), _) => Outcome::Incomplete { needed },
        (Err(Stop::TooLong { what, len, limit }), _) => {
            Outcome::Malformed(Malformed::TooLong { kind, what, len, limit })
        }
    }
}
