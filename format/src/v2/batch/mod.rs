//! The event codec: one thread's events, each told by its difference from the one before.
//!
//! The hook that saw an event encodes it, so the layout asks for few and predictable steps: a head with the
//! lengths of all fields, then the fields, little-endian, each stored as eight bytes of which its length counts.
//!
//! ```text
//! event = head  tick  address  stack  size  extra  flags
//!
//! head: u16le
//!   15 | 14 13 | 12 11 | 10  9 |  8   6 | 5   3 | 2    0 |
//!   flg  extra   size    stack   address  tick    kind
//!
//! field    bytes, by its part of the head   meaning
//! tick     1 + n       (n: 3 bits)          tick - state.tick
//! address  1 + n       (n: 3 bits)          distance from state.address, see below
//! stack    0 2 3 4                          node of the stack; 0 bytes: the one that came after state.stack last
//! size     1 2 4 8                          bytes that were asked for
//! extra    0 1 4 8                          usable size - size; 0 bytes: as the GNU allocator would give
//! flags    0 1                              `Flags`; 0 bytes: those of state.flags
//!
//! kind                     has
//! 0  allocation            tick address stack size extra flags
//! 1  zeroed allocation     the same
//! 2  free                  tick address stack
//! 3  leave                 tick address              a `realloc` begins that moves the block away from here
//! 4  realloc in place      as an allocation          the block's old address is its new one
//! 5  realloc that moved    as an allocation          the old address is state.address: that of its leave
//! 6  note                  tick value                value: 1 + n bytes (n where the address has its); the
//!                                                    place of the stack's length says what is noted:
//!                                                    0 thread, 1 marker, 2 time override
//! ```
//!
//! All arithmetic wraps. The distance of an address, `d` = address - state.address, is told in steps of eight
//! bytes: `q` = `d >> 3` with its sign folded into bit 0 (`q << 1 ^ q >> 63`), plus `(d & 7) << 61`.
//!
//! An event changes the [`State`] that the next one is read with: `tick`; `address` (all but notes); `stack` and
//! its successor (events that have a stack); `flags` (events that have flags); `thread` (a note of the thread).
//! What a thread writes may be cut between any two events, if the part behind the cut is stored with the state
//! there.

mod decode;
mod encode;
mod event;
mod head;
mod state;

pub use decode::Decoder;
pub use encode::{EVENT_LEN_MAX, ROOM_LEN, Room};
pub use event::{Birth, Event, Flags, Node, Stamped};
pub use state::State;
