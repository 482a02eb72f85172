//! Events to bytes. Nothing here allocates, loops or panics: hooks call it.

use super::event::{Birth, Event, Flags, Node};
use super::head::{self, ADDRESS, EXTRA, FLAGS, SIZE, STACK, TICK, kind, note};
use super::state::State;

/// No event is longer.
pub const EVENT_LEN_MAX: usize = head::LEN + 8 + 8 + 4 + 8 + 8 + 1;

/// Bytes that [`State::put`] and its kin may overwrite, whatever of it the event needs.
pub const ROOM_LEN: usize = 72;

/// Where an event goes.
pub type Room = [u8; ROOM_LEN];

/// The fields behind the head: each is stored whole, and the next one over what of it does not count.
struct Fields<'a> {
    room: &'a mut Room,
    len: usize,
}

impl Fields<'_> {
    #[inline(always)]
    fn put(&mut self, value: u64, len: usize) {
        // An event is shorter than 64 bytes: this only shows the compiler that eight bytes fit.
        let at = self.len & 63;
        self.room[at..at + 8].copy_from_slice(&value.to_le_bytes());
        self.len += len;
    }

    #[inline(always)]
    fn end(self, head: u32) -> usize {
        self.room[..head::LEN].copy_from_slice(&(head as u16).to_le_bytes());
        self.len
    }
}

impl State {
    /// Encodes any event; returns its length.
    pub fn put(&mut self, room: &mut Room, tick: u64, event: &Event) -> usize {
        match *event {
            Event::Alloc { ref birth, zeroed } => self.put_alloc(room, tick, birth, zeroed),
            Event::Free { pointer, stack } => self.put_free(room, tick, pointer, stack),
            Event::Leave { pointer } => self.put_leave(room, tick, pointer),
            Event::Realloc { old, ref birth } => self.put_realloc(room, tick, old, birth),
            Event::Marker { value } => self.put_note(room, tick, note::MARKER, value.into()),
            Event::OverrideTime { microseconds } => {
                self.put_note(room, tick, note::OVERRIDE_TIME, microseconds)
            }
            Event::Thread { id } => {
                self.thread = id;
                self.put_note(room, tick, note::THREAD, id.into())
            }
        }
    }

    /// Encodes an allocation; returns its length.
    #[inline(always)]
    pub fn put_alloc(&mut self, room: &mut Room, tick: u64, birth: &Birth, zeroed: bool) -> usize {
        let kind = if zeroed { kind::ZEROED } else { kind::ALLOC };
        self.put_birth(room, tick, kind, birth)
    }

    /// Encodes a `realloc` that ended well; returns its length. If the block moved, its leave was encoded before.
    #[inline(always)]
    pub fn put_realloc(&mut self, room: &mut Room, tick: u64, old: u64, birth: &Birth) -> usize {
        let kind = if old == birth.pointer { kind::IN_PLACE } else { kind::MOVED };
        self.put_birth(room, tick, kind, birth)
    }

    /// Encodes a free; returns its length.
    #[inline(always)]
    pub fn put_free(&mut self, room: &mut Room, tick: u64, pointer: u64, stack: Node) -> usize {
        let (mut fields, mut head) = self.start(room, tick, kind::FREE);
        head |= self.put_address(&mut fields, pointer);
        head |= self.put_stack(&mut fields, stack);
        fields.end(head)
    }

    /// Encodes that a `realloc` begins that moves a block away from `pointer`; returns its length.
    #[inline(always)]
    pub fn put_leave(&mut self, room: &mut Room, tick: u64, pointer: u64) -> usize {
        let (mut fields, mut head) = self.start(room, tick, kind::LEAVE);
        head |= self.put_address(&mut fields, pointer);
        fields.end(head)
    }

    fn put_note(&mut self, room: &mut Room, tick: u64, what: u32, value: u64) -> usize {
        let (mut fields, head) = self.start(room, tick, kind::NOTE);
        let further = head::further_bytes(value);
        fields.put(value, further as usize + 1);
        fields.end(head | further << ADDRESS | what << STACK)
    }

    #[inline(always)]
    fn put_birth(&mut self, room: &mut Room, tick: u64, kind: u32, birth: &Birth) -> usize {
        let &Birth { pointer, size, usable, stack, flags } = birth;
        let (mut fields, mut head) = self.start(room, tick, kind);
        head |= self.put_address(&mut fields, pointer);
        head |= self.put_stack(&mut fields, stack);

        let code = u32::from(size > 0xff) + u32::from(size > 0xffff) + u32::from(size > 0xffff_ffff);
        fields.put(size, 1 << code);
        head |= code << SIZE;

        if usable != head::gnu_usable(size) {
            let extra = usable.wrapping_sub(size);
            let code = 1 + u32::from(extra > 0xff) + u32::from(extra > 0xffff_ffff);
            fields.put(extra, head::EXTRA_LENS[code as usize % 4]);
            head |= code << EXTRA;
        }
        if flags != self.flags {
            let Flags(bits) = flags;
            fields.put(bits.into(), 1);
            head |= 1 << FLAGS;
            self.flags = flags;
        }
        fields.end(head)
    }

    #[inline(always)]
    fn start<'a>(&mut self, room: &'a mut Room, tick: u64, kind: u32) -> (Fields<'a>, u32) {
        let mut fields = Fields { room, len: head::LEN };
        let passed = self.pass(tick);
        let further = head::further_bytes(passed);
        fields.put(passed, further as usize + 1);
        (fields, kind | further << TICK)
    }

    #[inline(always)]
    fn put_address(&mut self, fields: &mut Fields<'_>, address: u64) -> u32 {
        let folded = head::fold(self.step_to(address));
        let further = head::further_bytes(folded);
        fields.put(folded, further as usize + 1);
        further << ADDRESS
    }

    #[inline(always)]
    fn put_stack(&mut self, fields: &mut Fields<'_>, Node(stack): Node) -> u32 {
        let likely = self.likely();
        self.mention(stack);
        if stack == likely {
            return 0;
        }
        let code = 1 + u32::from(stack > 0xffff) + u32::from(stack > 0xff_ffff);
        fields.put(stack.into(), 1 + code as usize);
        code << STACK
    }
}
