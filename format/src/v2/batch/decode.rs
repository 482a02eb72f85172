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

    /// Reads the next event, and hands it over; false if there is none. An event is seldom written and then read as a whole
    /// when it goes straight to where it is wanted.
    #[inline(always)]
    pub fn next_to(&mut self, take: impl FnOnce(Stamped)) -> bool {
        let Some(room) = self.rest.first_chunk::<ROOM_LEN>() else { return self.last_to(take) };
        let Some(len) = read(&mut self.state, room, take) else { return false };
        self.rest = self.rest.get(len..).unwrap_or_default();
        true
    }

    /// As [`Self::next_to`], from the last few bytes, with zeros behind them.
    #[cold]
    fn last_to(&mut self, take: impl FnOnce(Stamped)) -> bool {
        let (mut state, mut room, mut last) = (self.state, [0; ROOM_LEN], None);
        room.iter_mut().zip(self.rest).for_each(|(place, byte)| *place = *byte);
        let len = read(&mut state, &room, |stamped| last = Some(stamped));
        let rest = len.filter(|_| !self.rest.is_empty()).and_then(|len| self.rest.get(len..));
        let (Some(rest), Some(stamped)) = (rest, last) else { return false };
        (self.state, self.rest) = (state, rest);
        take(stamped);
        true
    }
}

impl Iterator for Decoder<'_> {
    type Item = Stamped;

    #[inline]
    fn next(&mut self) -> Option<Stamped> {
        let mut next = None;
        self.next_to(|stamped| next = Some(stamped));
        next
    }
}

/// Reads the event at the start of `room`, hands it over, and says how long it is; none if there is no such event.
#[inline(always)]
fn read(state: &mut State, room: &Room, take: impl FnOnce(Stamped)) -> Option<usize> {
    let mut fields = Fields::new(room);
    let (kind, what) = (fields.head & 7, fields.bits(STACK, 3) as u32);
    if kind > kind::NOTE || kind == kind::NOTE && what > note::OVERRIDE_TIME {
        return None;
    }
    let passed = fields.take(fields.bits(TICK, 7) + 1);
    state.pass(state.tick.wrapping_add(passed));
    let value = fields.take(fields.bits(ADDRESS, 7) + 1);
    let tick = state.tick;
    if kind == kind::NOTE {
        let event = noted(state, what, value);
        take(Stamped { tick, thread: state.thread, event });
        return Some(fields.len);
    }
    let thread = state.thread;
    let before = state.address;
    let pointer = before.wrapping_add(head::unfold(value));
    state.step_to(pointer);
    if kind == kind::LEAVE {
        take(Stamped { tick, thread, event: Event::Leave { pointer } });
        return Some(fields.len);
    }
    let stack = fields.stack(state);
    if kind == kind::FREE {
        take(Stamped { tick, thread, event: Event::Free { pointer, stack } });
        return Some(fields.len);
    }
    let birth = fields.birth(state, pointer, stack);
    if kind <= kind::ZEROED {
        take(Stamped { tick, thread, event: Event::Alloc { birth, zeroed: kind == kind::ZEROED } });
    } else {
        let old = if kind == kind::IN_PLACE { pointer } else { before };
        take(Stamped { tick, thread, event: Event::Realloc { old, birth } });
    }
    Some(fields.len)
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
