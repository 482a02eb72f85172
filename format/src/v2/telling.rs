//! From what threads say to events, and the backtraces that must be told before them.

use std::collections::VecDeque;

use super::batch::{self, Birth, Node, Stamped};
use super::clock::Clock;
use super::lane::Lane;
use super::merge::LaneIndex;
use super::moves::Moves;
use super::nodes::Nodes;
use crate::end_cause::EndCause;
use crate::event::{Addresses, AllocBody, Event, Timestamp};

/// What the caller is told next: small, since it is passed on several times.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// An allocation.
    Alloc { timestamp: Timestamp, allocation: AllocBody },
    /// A realloc.
    Realloc { timestamp: Timestamp, old_pointer: u64, allocation: AllocBody },
    /// A free.
    Free { timestamp: Timestamp, pointer: u64, backtrace: u64, thread: u32 },
    /// The program's marker.
    Marker { value: u32 },
    /// The backtrace of this node.
    Backtrace(Node),
    /// The rare event that is next.
    Rare,
    /// So many events are not there.
    Dropped { events: u64 },
    /// Another start of a stream.
    Header,
    /// The end of the capture.
    End { timestamp: Timestamp, cause: EndCause },
}

/// What nearly all of a capture is.
pub(crate) enum AtOnce {
    Alloc { timestamp: Timestamp, allocation: AllocBody },
    Free { timestamp: Timestamp, pointer: u64, backtrace: u64, thread: u32 },
}

/// What is to be told before anything else is read, and what was told of stacks.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    pub(crate) nodes: Nodes,
    queue: VecDeque<Told>,
    moves: Moves,
    is_unknown_told: bool,
    /// Events whose stacks are lost.
    pub(crate) unknown_stacks: u64,
    addresses: Vec<u64>,
}

impl Telling {
    /// What is to be told first.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Told> {
        self.queue.pop_front()
    }

    /// To be told after what waits already.
    pub(crate) fn push(&mut self, told: Told) {
        self.queue.push_back(told);
    }

    /// As [`Self::push`], but gives what is to be told first.
    #[inline]
    fn after_queue(&mut self, told: Told) -> Option<Told> {
        if self.queue.is_empty() {
            return Some(told);
        }
        self.queue.push_back(told);
        self.queue.pop_front()
    }

    /// The event of a backtrace.
    pub(crate) fn backtrace(&mut self, node: Node) -> Event<'_> {
        self.nodes.addresses(node, &mut self.addresses);
        Event::Backtrace { id: node.0.into(), addresses: Addresses::Words(&self.addresses) }
    }

    /// What is at the head of a lane, and its tick, if it can be told as it is.
    #[inline(always)]
    pub(crate) fn at_once(&self, lane: &Lane, clock: &mut Clock) -> Option<(AtOnce, u64)> {
        let stamped = lane.head()?;
        if !self.queue.is_empty() || !self.moves.is_empty() || lane.override_time.is_some() {
            return None;
        }
        let (timestamp, thread) = (clock.time(stamped.tick), stamped.thread);
        let told = match stamped.event {
            batch::Event::Alloc { ref birth, zeroed } if self.nodes.is_told(birth.stack) => {
                AtOnce::Alloc { timestamp, allocation: body(thread, birth, zeroed, birth.stack.0.into()) }
            }
            batch::Event::Free { pointer, stack } if stack == Node::NONE || self.nodes.is_told(stack) => {
                AtOnce::Free { timestamp, pointer, backtrace: stack.0.into(), thread }
            }
            _ => return None,
        };
        Some((told, stamped.tick))
    }

    /// Takes what a thread says; nothing may come of it.
    #[inline]
    pub(crate) fn take(
        &mut self,
        index: LaneIndex,
        lane: &mut Lane,
        stamped: &Stamped,
        clock: &mut Clock,
    ) -> Option<Told> {
        let thread = stamped.thread;
        let mut now = || Timestamp(lane.override_time.take().unwrap_or_else(|| clock.time(stamped.tick).0));
        match stamped.event {
            batch::Event::Alloc { ref birth, zeroed } => {
                self.end_move(index);
                self.born(thread, now(), birth, zeroed)
            }
            batch::Event::Free { pointer, stack } => {
                self.end_move(index);
                let backtrace = if stack == Node::NONE { 0 } else { self.refer(stack) };
                self.after_queue(Told::Free { timestamp: now(), pointer, backtrace, thread })
            }
            batch::Event::Realloc { old, ref birth } => {
                if self.end_move(index) {
                    return self.born(thread, now(), birth, false);
                }
                let timestamp = now();
                self.split_move(birth.pointer, timestamp);
                let allocation = body(thread, birth, false, self.refer(birth.stack));
                self.after_queue(Told::Realloc { timestamp, old_pointer: old, allocation })
            }
            batch::Event::Leave { pointer } => {
                self.moves.begin(index, thread, pointer);
                None
            }
            batch::Event::Marker { value } => self.after_queue(Told::Marker { value }),
            batch::Event::OverrideTime { microseconds } => {
                lane.override_time = Some(microseconds);
                None
            }
            batch::Event::Thread { .. } => None,
        }
    }

    /// The id under which a stack is told: its node's, or that of the unknown stack.
    #[inline]
    pub(crate) fn refer(&mut self, node: Node) -> u64 {
        if self.nodes.is_told(node) { node.0.into() } else { self.refer_to_new(node).0.into() }
    }

    #[cold]
    fn refer_to_new(&mut self, node: Node) -> Node {
        if self.nodes.is_whole(node) {
            self.nodes.set_told(node);
            self.queue.push_back(Told::Backtrace(node));
            return node;
        }
        self.unknown_stacks += u64::from(node >= Node::FIRST);
        if !self.is_unknown_told {
            self.is_unknown_told = true;
            self.queue.push_back(Told::Backtrace(Node::UNKNOWN));
        }
        Node::UNKNOWN
    }

    #[inline]
    fn born(&mut self, thread: u32, timestamp: Timestamp, birth: &Birth, zeroed: bool) -> Option<Told> {
        self.split_move(birth.pointer, timestamp);
        let allocation = body(thread, birth, zeroed, self.refer(birth.stack));
        self.after_queue(Told::Alloc { timestamp, allocation })
    }

    /// Says whether the lane's move, if it has one, was split.
    #[inline]
    fn end_move(&mut self, index: LaneIndex) -> bool {
        !self.moves.is_empty() && self.moves.end(index)
    }

    /// A block appears at `pointer`: whoever moves away from there has left.
    #[inline]
    fn split_move(&mut self, pointer: u64, timestamp: Timestamp) {
        if !self.moves.is_empty()
            && let Some(thread) = self.moves.split(pointer)
        {
            self.queue.push_back(Told::Free { timestamp, pointer, backtrace: 0, thread });
        }
    }
}

#[inline(always)]
fn body(thread: u32, birth: &Birth, zeroed: bool, backtrace: u64) -> AllocBody {
    AllocBody {
        pointer: birth.pointer,
        size: birth.size,
        backtrace,
        thread,
        flags: birth.flags.in_events(zeroed),
        extra_usable_space: u32::try_from(birth.usable.saturating_sub(birth.size)).unwrap_or(u32::MAX),
        preceding_free_space: 0,
    }
}
