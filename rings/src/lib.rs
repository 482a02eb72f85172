//! The memory between a program's threads and whoever writes the capture: a ring for each thread, the tree of
//! stacks, and how far all of it was written. It is laid out by offset, so that another process can finish what a
//! killed one left.
//!
//! ```text
//! region   head, then what was allocated, in no order:
//!          thread records (each with its ring) · levels of the tables of nodes · segments of nodes
//! ```
//!
//! [`Thread`] and [`Stacks`] are what hooks use; they take no lock, allocate nothing but from the region, and make no
//! system calls. [`Drain`] is the other side: it takes the bytes out of the rings and gives them to a [`Sink`].
//! [`finish()`] ends the file of a process that is gone, whose memory was shared through a [`Handover`].

mod commit;
mod drain;
mod feed;
mod fingerprint;
mod finish;
mod handover;
mod node_table;
mod prefetch;
mod progress;
mod region;
mod ring;
mod stacks;
mod thread;
mod tick;

pub use commit::Commit;
pub use drain::{Drain, Extent, Round, Sink};
pub use fingerprint::Fingerprint;
pub use finish::{Blocks, Finished, finish};
pub use handover::{Clock, HANDOVER_LEN, Handover, Left, Ticket};
pub use prefetch::prefetch;
pub use region::Region;
pub use ring::{Pushed, RING_LEN, Ring};
pub use stacks::Stacks;
pub use thread::Thread;
pub use tick::Tick;
