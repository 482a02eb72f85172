//! How events that 0.11 does not know travel in its streams: as embedded files of a name of their own, which every
//! reader that does not know better passes over.

use std::borrow::Cow;

use crate::decode::{Outcome, decode_rare};
use crate::event::{Event, Timestamp};
use crate::field::{Field, text};
use crate::kind::EventKind;
use crate::layout;
use crate::output::{Counter, Output};

/// Name of an embedded file whose contents are one event that 0.11 does not know: its tag and its fields.
pub const CARRIER_PATH: &str = "bytehound/event";

/// Appends `event` as such a file.
pub(crate) fn put(event: &Event<'_>, out: &mut impl Output) {
    let mut len = Counter::default();
    put_bare(event, &mut len);
    EventKind::File64.tag().put(out);
    Timestamp::default().put(out);
    text::put(CARRIER_PATH, out);
    (len.0 as u64).put(out);
    put_bare(event, out);
}

/// Appends the tag and the fields of an event, whether 0.11 knows it or not.
#[inline]
pub(crate) fn put_bare(event: &Event<'_>, out: &mut impl Output) {
    event.kind().tag().put(out);
    layout::put_fields(event, out);
}

/// What a file carries; or the file itself, if it is another one or damaged.
pub(crate) fn unpack<'a>(event: Event<'a>) -> Event<'a> {
    match &event {
        Event::File64 { path, contents: Cow::Borrowed(contents), .. } if path == CARRIER_PATH => {
            let carried: &'a [u8] = contents;
            match decode_rare(carried, 0) {
                Outcome::Event { event: inner, used }
                    if used == carried.len() && !inner.kind().is_in_0_11() =>
                {
                    inner
                }
                _ => event,
            }
        }
        _ => event,
    }
}
