//! Bytes to events. Whatever the bytes are, nothing here panics or allocates.

use super::encode::{EVENT_LEN_MAX, ROOM_LEN, Room};
use super::event::{Birth, Event, Flags, Node, Stamped};
use super::head::{self, ADDRESS, EXTRA, FLAGS, MASKS, SIZE, STACK, TICK, kind, note};
use super::state::State;

/// Reads a thread's events, one after another, until the bytes end or are none of an event.
#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    rest: &'a [u8],
    state: State,
}

impl<'a> Decoder<'a> {
    /// Reads `bytes`, which `state` belongs to.
    pub fn new(bytes: &'a [u8], state: State) -> Self {
        Self { rest: bytes, state }
    }

    /// The state after the last event.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The bytes behind the last event. If any are left at the end, they are damaged.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads the event at the start of `room`; none if there is no such event.
    #[inline(always)]
    fn read(&mut self, room: &Room) -> Option<(Event, usize)> {
        let state = &mut self.state;
        let mut fields = Fields::new(room);
        let (kind, what) = (fields.head & 7, fields.bits(STACK, 3) as u32);
        if kind > kind::NOTE || kind == kind::NOTE && what > note::OVERRIDE_TIME {
            return None;
        }
        let passed = fields.take(fields.bits(TICK, 7) + 1);
        state.pass(state.tick.wrapping_add(passed));
        let value = fields.take(fields.bits(ADDRESS, 7) + 1);
        if kind == kind::NOTE {
            return Some((noted(state, what, value), fields.len));
        }
        let before = state.address;
        let pointer = before.wrapping_add(head::unfold(value));
        state.step_to(pointer);
        if kind == kind::LEAVE {
            return Some((Event::Leave { pointer }, fields.len));
        }
        let stack = fields.stack(state);
        if kind == kind::FREE {
            return Some((Event::Free { pointer, stack }, fields.len));
        }
        let birth = fields.birth(state, pointer, stack);
        let event = match kind {
            kind::ALLOC => Event::Alloc { birth, zeroed: false },
            kind::ZEROED => Event::Alloc { birth, zeroed: true },
            kind::IN_PLACE => Event::Realloc { old: pointer, birth },
            _ => Event::Realloc { old: before, birth },
        };
        Some((event, fields.len))
    }

    /// The last few bytes, with zeros behind them.
    #[cold]
    fn read_last(&mut self) -> Option<(Event, usize)> {
        let mut room = [0; ROOM_LEN];
        room.get_mut(..self.rest.len())?.copy_from_slice(self.rest);
        self.read(&room)
    }
}

impl Iterator for Decoder<'_> {
    type Item = Stamped;

    #[inline]
    fn next(&mut self) -> Option<Stamped> {
        let before = (self.rest.len() < ROOM_LEN).then_some(self.state);
        let read = match self.rest.first_chunk::<ROOM_LEN>() {
            Some(room) => self.read(room),
            None if self.rest.is_empty() => None,
            None => self.read_last(),
        };
        let read = read.and_then(|(event, len)| Some((event, self.rest.get(len..)?)));
        let Some((event, rest)) = read else {
            self.state = before.unwrap_or(self.state);
            return None;
        };
        self.rest = rest;
        Some(Stamped { tick: self.state.tick, thread: self.state.thread, event })
    }
}

#[inline(always)]
fn noted(state: &mut State, what: u32, value: u64) -> Event {
    match what {
        note::THREAD => {
            state.thread = value as u32;
            Event::Thread { id: value as u32 }
        }
        note::MARKER => Event::Marker { value: value as u32 },
        _ => Event::OverrideTime { microseconds: value },
    }
}

/// The fields of an event that are not read yet.
struct Fields<'a> {
    room: &'a Room,
    head: u32,
    len: usize,
}

impl<'a> Fields<'a> {
    #[inline(always)]
    fn new(room: &'a Room) -> Self {
        Self { room, head: u32::from(u16::from_le_bytes([room[0], room[1]])), len: head::LEN }
    }

    #[inline(always)]
    fn bits(&self, at: u32, mask: u32) -> usize {
        (self.head >> at & mask) as usize
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> u64 {
        const _: () = assert!(EVENT_LEN_MAX < 64 && ROOM_LEN >= 64 + 8);
        let at = self.len & 63;
        let mut word = [0; 8];
        word.copy_from_slice(&self.room[at..at + 8]);
        self.len += len;
        u64::from_le_bytes(word) & MASKS[len % 16]
    }

    #[inline(always)]
    fn stack(&mut self, state: &mut State) -> Node {
        let code = self.bits(STACK, 3);
        let told = self.take(head::STACK_LENS[code]) as u32;
        let stack = if code == 0 { state.likely() } else { told };
        state.mention(stack);
        Node(stack)
    }

    #[inline(always)]
    fn birth(&mut self, state: &mut State, pointer: u64, stack: Node) -> Birth {
        let size = self.take(head::SIZE_LENS[self.bits(SIZE, 3)]);
        let code = self.bits(EXTRA, 3);
        let extra = self.take(head::EXTRA_LENS[code]);
        let usable = if code == 0 { head::gnu_usable(size) } else { size.wrapping_add(extra) };
        if self.bits(FLAGS, 1) != 0 {
            state.flags = Flags(self.take(1) as u8);
        }
        Birth { pointer, size, usable, stack, flags: state.flags }
    }
}
