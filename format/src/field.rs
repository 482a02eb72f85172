//! How each field is written and read. The table in `layout.rs` says which event has which fields.

use std::borrow::Cow;

use crate::cursor::{Cursor, Stop};
use crate::event::{
    AllocBody, AllocationId, DataId, FramesInvalidated, HeaderBody, RegionSource, RegionTargetedSource,
    Timestamp,
};
use crate::output::Output;

/// A field whose type says how it is encoded.
pub(crate) trait Field<'a>: Sized {
    fn put(&self, out: &mut impl Output);
    fn take(cursor: &mut Cursor<'a>) -> Result<Self, Stop>;
}

macro_rules! integer_fields {
    ($($integer:ty),*) => {$(
        impl<'a> Field<'a> for $integer {
            #[inline(always)]
            fn put(&self, out: &mut impl Output) {
                out.put(&self.to_le_bytes());
            }

            #[inline(always)]
            fn take(cursor: &mut Cursor<'a>) -> Result<Self, Stop> {
                Ok(Self::from_le_bytes(cursor.array()?))
            }
        }
    )*};
}

integer_fields!(u8, u16, u32, i32, u64);

/// A structure is its fields, one after another.
macro_rules! structure_fields {
    ($($structure:ident $(<$life:lifetime>)? { $($field:tt: $codec:ident),* $(,)? })*) => {$(
        impl<'a> Field<'a> for $structure $(<$life>)? {
            #[inline(always)]
            fn put(&self, out: &mut impl $crate::output::Output) {
                $($codec::put(&self.$field, out);)*
            }

            #[inline(always)]
            fn take(cursor: &mut $crate::cursor::Cursor<'a>) -> Result<Self, $crate::cursor::Stop> {
                Ok(Self { $($field: $codec::take(cursor)?),* })
            }
        }
    )*};
}
pub(crate) use structure_fields;

structure_fields! {
    Timestamp { 0: plain }
    DataId { a: plain, b: plain }
    AllocationId { thread: plain, allocation: plain }
    AllocBody {
        pointer: plain, size: plain, backtrace: plain, thread: plain, flags: plain, extra_usable_space: plain,
        preceding_free_space: plain,
    }
    RegionSource { timestamp: plain, backtrace: varint, thread: plain }
    RegionTargetedSource { address: plain, length: varint, source: plain }
    HeaderBody<'a> {
        id: plain, initial_timestamp: plain, timestamp: plain, wall_clock_secs: plain, wall_clock_nsecs: plain,
        pid: plain, cmdline: bytes, executable: bytes, arch: text, flags: plain, pointer_size: plain,
    }
}

impl<'a> Field<'a> for bool {
    fn put(&self, out: &mut impl Output) {
        u8::from(*self).put(out);
    }

    fn take(cursor: &mut Cursor<'a>) -> Result<Self, Stop> {
        Ok(u8::take(cursor)? != 0)
    }
}

impl<'a> Field<'a> for FramesInvalidated {
    fn put(&self, out: &mut impl Output) {
        let count = match self {
            Self::All => u32::MAX,
            Self::Some(count) => *count,
        };
        count.put(out);
    }

    fn take(cursor: &mut Cursor<'a>) -> Result<Self, Stop> {
        Ok(match u32::take(cursor)? {
            u32::MAX => Self::All,
            count => Self::Some(count),
        })
    }
}

/// A list's length field of 32 bits and how much of the list it can tell: a longer list is cut.
fn len32(len: usize) -> (u32, usize) {
    let told = u32::try_from(len).unwrap_or(u32::MAX);
    (told, usize::try_from(told).unwrap_or(len))
}

/// The encoding that the type says.
pub(crate) mod plain {
    use super::*;

    #[inline(always)]
    pub(crate) fn put<'a>(value: &impl Field<'a>, out: &mut impl Output) {
        value.put(out);
    }

    #[inline(always)]
    pub(crate) fn take<'a, T: Field<'a>>(cursor: &mut Cursor<'a>) -> Result<T, Stop> {
        T::take(cursor)
    }
}

/// An integer of 1 to 9 bytes.
pub(crate) mod varint {
    use super::*;

    pub(crate) fn put(value: &u64, out: &mut impl Output) {
        let (bytes, len) = crate::varint::encode(*value);
        out.put(bytes.get(..len).unwrap_or_default());
    }

    pub(crate) fn take(cursor: &mut Cursor<'_>) -> Result<u64, Stop> {
        cursor.varint()
    }
}

/// A short byte string behind a length of 32 bits.
pub(crate) mod bytes {
    use super::*;
    use crate::limits::BYTES_LEN_MAX;

    pub(crate) fn put(value: &[u8], out: &mut impl Output) {
        let (len, told) = len32(value.len());
        len.put(out);
        out.put(value.get(..told).unwrap_or_default());
    }

    pub(crate) fn take<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, [u8]>, Stop> {
        let len = u64::from(u32::take(cursor)?);
        Ok(Cow::Borrowed(cursor.elements("bytes", len, BYTES_LEN_MAX, 1)?))
    }
}

/// A text behind a length of 32 bits. What is not UTF-8 is read with replacement characters: one odd byte in a
/// path is no reason to lose the events after it.
pub(crate) mod text {
    use super::*;
    use crate::limits::TEXT_LEN_MAX;

    pub(crate) fn put(value: &str, out: &mut impl Output) {
        bytes::put(value.as_bytes(), out);
    }

    pub(crate) fn take<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, Stop> {
        let len = u64::from(u32::take(cursor)?);
        Ok(String::from_utf8_lossy(cursor.elements("bytes of text", len, TEXT_LEN_MAX, 1)?))
    }
}

/// A text behind a length of 1 to 9 bytes.
pub(crate) mod text_varlen {
    use super::*;
    use crate::limits::TEXT_LEN_MAX;

    pub(crate) fn put(value: &str, out: &mut impl Output) {
        varint::put(&(value.len() as u64), out);
        out.put(value.as_bytes());
    }

    pub(crate) fn take<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, Stop> {
        let len = cursor.varint()?;
        Ok(String::from_utf8_lossy(cursor.elements("bytes of text", len, TEXT_LEN_MAX, 1)?))
    }
}

/// The contents of a file behind a length of 32 bits. They end their event.
pub(crate) mod contents {
    use super::*;

    pub(crate) fn put(value: &[u8], out: &mut impl Output) {
        bytes::put(value, out);
    }

    pub(crate) fn take<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, [u8]>, Stop> {
        let len = u64::from(u32::take(cursor)?);
        Ok(Cow::Borrowed(cursor.contents(len)?))
    }
}

/// The contents of a file behind a length of 64 bits. They end their event.
pub(crate) mod contents64 {
    use super::*;

    pub(crate) fn put(value: &[u8], out: &mut impl Output) {
        (value.len() as u64).put(out);
        out.put(value);
    }

    pub(crate) fn take<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, [u8]>, Stop> {
        let len = u64::take(cursor)?;
        Ok(Cow::Borrowed(cursor.contents(len)?))
    }
}

/// The calls that removed a region, behind a count of 1 to 9 bytes.
pub(crate) mod sources {
    use super::*;
    use crate::limits::SOURCES_MAX;

    /// Address, length, time stamp, backtrace and thread at their shortest.
    const SOURCE_LEN_MIN: usize = 8 + 1 + 8 + 1 + 4;

    pub(crate) fn put(value: &[RegionTargetedSource], out: &mut impl Output) {
        varint::put(&(value.len() as u64), out);
        for source in value {
            source.put(out);
        }
    }

    pub(crate) fn take(cursor: &mut Cursor<'_>) -> Result<Vec<RegionTargetedSource>, Stop> {
        let count = cursor.varint()?;
        let mut sources = Vec::new();
        for index in 0..count {
            // Asking for all that are left, not for the next one, keeps the number of attempts small when the
            // event arrives in many pieces.
            cursor.expect_elements("sources", count - index, SOURCES_MAX, SOURCE_LEN_MIN)?;
            sources.push(RegionTargetedSource::take(cursor)?);
        }
        Ok(sources)
    }
}

/// Addresses of 64 bits behind a count of 32 bits.
pub(crate) mod addresses {
    use super::*;
    use crate::event::Addresses;
    use crate::limits::FRAMES_MAX;

    pub(crate) fn put(value: &Addresses<'_>, out: &mut impl Output) {
        let (count, told) = len32(value.len());
        count.put(out);
        match value {
            Addresses::Wide(bytes) => out.put(bytes.get(..told.saturating_mul(8)).unwrap_or_default()),
            _ => value.iter().take(told).for_each(|address| address.put(out)),
        }
    }

    pub(crate) fn take<'a>(cursor: &mut Cursor<'a>) -> Result<Addresses<'a>, Stop> {
        let count = u64::from(u32::take(cursor)?);
        Ok(Addresses::Wide(cursor.elements("addresses", count, FRAMES_MAX, 8)?))
    }
}

/// Addresses of 32 bits behind a count of 32 bits. Wider ones lose their upper half.
pub(crate) mod addresses32 {
    use super::*;
    use crate::event::Addresses;
    use crate::limits::FRAMES_MAX;

    pub(crate) fn put(value: &Addresses<'_>, out: &mut impl Output) {
        let (count, told) = len32(value.len());
        count.put(out);
        match value {
            Addresses::Narrow(bytes) => out.put(bytes.get(..told.saturating_mul(4)).unwrap_or_default()),
            _ => value.iter().take(told).for_each(|address| (address as u32).put(out)),
        }
    }

    pub(crate) fn take<'a>(cursor: &mut Cursor<'a>) -> Result<Addresses<'a>, Stop> {
        let count = u64::from(u32::take(cursor)?);
        Ok(Addresses::Narrow(cursor.elements("addresses", count, FRAMES_MAX, 4)?))
    }
}

/// Frame numbers behind a count of 32 bits.
pub(crate) mod frames {
    use super::*;
    use crate::event::U32List;
    use crate::limits::FRAMES_MAX;

    pub(crate) fn put(value: &U32List<'_>, out: &mut impl Output) {
        let (count, told) = len32(value.len());
        count.put(out);
        match value {
            U32List::Bytes(bytes) => out.put(bytes.get(..told.saturating_mul(4)).unwrap_or_default()),
            U32List::Words(_) => value.iter().take(told).for_each(|frame| frame.put(out)),
        }
    }

    pub(crate) fn take<'a>(cursor: &mut Cursor<'a>) -> Result<U32List<'a>, Stop> {
        let count = u64::from(u32::take(cursor)?);
        Ok(U32List::Bytes(cursor.elements("frames", count, FRAMES_MAX, 4)?))
    }
}
