//! The events of all threads, in order of their ticks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::batch::Stamped;
use super::lane::{Lane, Spent};
use super::rare_block::RareBlock;

/// Number of a lane.
pub(crate) type LaneIndex = usize;

/// Batches and rare blocks, merged from mark to mark.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    lanes: Vec<Lane>,
    by_ring: HashMap<u32, LaneIndex>,
    rare: BTreeMap<u64, RareBlock>,
    rare_blocks: u64,
    heads: BinaryHeap<Reverse<Head>>,
    current: Current,
    /// Events of the current source are next while their ticks are below.
    limit: u64,
    /// Events from this tick on have to wait.
    before: u64,
    pub(crate) spent: Spent,
}

/// The first event of a source that is not the current one. Of two with the same tick, that of the lower source is
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    tick: u64,
    source: Source,
}

/// Rare blocks come first: what they tell may be needed to understand the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Rare(u64),
    Lane { ring: u32, index: LaneIndex },
}

#[derive(Debug, Default)]
enum Current {
    #[default]
    None,
    Lane(LaneIndex),
    Rare(u64, RareBlock),
}

/// Whose turn it is.
enum Turn {
    /// That of this lane.
    Lane(LaneIndex),
    /// That of the rare block, whose event has this tick.
    Rare(u64),
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// This event of this lane.
    Event { lane: LaneIndex, stamped: Stamped },
    /// The event of this tick in [`Merge::rare`].
    Rare { tick: u64 },
}

impl Merge {
    /// Adds a batch.
    pub(crate) fn push(&mut self, ring: u32, payload: Vec<u8>) {
        let index = *self.by_ring.entry(ring).or_insert(self.lanes.len());
        if index == self.lanes.len() {
            self.lanes.push(Lane::new(ring));
        }
        let Some(lane) = self.lanes.get_mut(index) else { return };
        lane.push(payload);
        if !lane.is_queued && lane.fill(&mut self.spent) {
            lane.is_queued = true;
            let tick = lane.head().map_or(0, |head| head.tick);
            self.heads.push(Reverse(Head { tick, source: Source::Lane { ring, index } }));
        }
    }

    /// Adds a rare block.
    pub(crate) fn push_rare(&mut self, block: RareBlock) {
        self.rare_blocks += 1;
        self.queue_rare(self.rare_blocks, block);
    }

    /// Lets everything before this tick come.
    pub(crate) fn release(&mut self, before: u64) {
        self.before = before;
    }

    /// The next event; none if the others have to wait.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Next> {
        Some(match self.turn()? {
            Turn::Lane(lane) => {
                let from = self.lanes.get_mut(lane)?;
                let stamped = *from.head()?;
                from.advance();
                Next::Event { lane, stamped }
            }
            Turn::Rare(tick) => Next::Rare { tick },
        })
    }

    /// Whether the next event is that of a lane, which is the current one then.
    pub(crate) fn turns_to_lane(&mut self) -> bool {
        matches!(self.turn(), Some(Turn::Lane(_)))
    }

    /// Makes the source with the next event the current one.
    #[inline]
    fn turn(&mut self) -> Option<Turn> {
        loop {
            match &mut self.current {
                Current::Lane(index) => {
                    let index = *index;
                    let lane = self.lanes.get_mut(index)?;
                    let Some(tick) = lane.head().map(|head| head.tick) else {
                        if !lane.fill(&mut self.spent) {
                            lane.is_queued = false;
                            self.current = Current::None;
                        }
                        continue;
                    };
                    if tick < self.limit {
                        return Some(Turn::Lane(index));
                    }
                    let source = Source::Lane { ring: lane.ring(), index };
                    self.heads.push(Reverse(Head { tick, source }));
                    self.current = Current::None;
                }
                Current::Rare(_, block) => match block.tick() {
                    Some(tick) if tick < self.limit => return Some(Turn::Rare(tick)),
                    _ => self.put_rare_back(),
                },
                Current::None => self.choose()?,
            }
        }
    }

    /// The lane whose head is known to be the next event.
    #[inline(always)]
    pub(crate) fn current(&mut self) -> Option<&mut Lane> {
        let Current::Lane(index) = self.current else { return None };
        let limit = self.limit;
        self.lanes.get_mut(index).filter(|lane| lane.head().is_some_and(|head| head.tick < limit))
    }

    /// The rare block whose event is next.
    pub(crate) fn rare(&mut self) -> Option<&mut RareBlock> {
        match &mut self.current {
            Current::Rare(_, block) => Some(block),
            _ => None,
        }
    }

    /// A lane that an event came from.
    #[inline]
    pub(crate) fn lane(&mut self, lane: LaneIndex) -> Option<&mut Lane> {
        self.lanes.get_mut(lane)
    }

    /// Makes the source with the first event the current one.
    fn choose(&mut self) -> Option<()> {
        let Reverse(head) = *self.heads.peek().filter(|Reverse(head)| head.tick < self.before)?;
        self.heads.pop();
        self.limit = match self.heads.peek() {
            Some(Reverse(other)) => {
                other.tick.saturating_add(u64::from(head.source < other.source)).min(self.before)
            }
            None => self.before,
        };
        self.current = match head.source {
            Source::Lane { index, .. } => Current::Lane(index),
            Source::Rare(number) => {
                self.rare.remove(&number).map_or(Current::None, |block| Current::Rare(number, block))
            }
        };
        Some(())
    }

    fn put_rare_back(&mut self) {
        if let Current::Rare(number, block) = std::mem::take(&mut self.current) {
            self.queue_rare(number, block);
        }
    }

    fn queue_rare(&mut self, number: u64, block: RareBlock) {
        match block.tick() {
            Some(tick) => {
                self.rare.insert(number, block);
                self.heads.push(Reverse(Head { tick, source: Source::Rare(number) }));
            }
            None => self.spent.payloads.push(block.into_payload()),
        }
    }
}
