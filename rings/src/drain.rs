//! The writer's side: in rounds, it takes out of the rings what is there, and says up to when nothing is missing.

use core::ops::Range;
use core::sync::atomic::AtomicU32;

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::{Node, State};

use crate::commit::Commit;
use crate::feed::Feed;
use crate::region::Region;
use crate::thread::Thread;
use crate::tick::Tick;

/// Where the contents of the rings go.
pub trait Sink {
    /// What can go wrong with it.
    type Error;

    /// Takes nodes with consecutive numbers from `first` on; events refer only to nodes that came before them.
    fn stacks(
        &mut self,
        first: Node,
        nodes: &mut dyn Iterator<Item = (Caller, u64)>,
    ) -> Result<(), Self::Error>;

    /// Takes a batch of the ring `ring`: the bytes in two parts, one after the other, and the state before them.
    fn batch(&mut self, ring: u32, state: &State, bytes: [&[u8]; 2]) -> Result<(), Self::Error>;

    /// Learns that a round ends after which nothing before some tick is missing.
    fn complete(&mut self, round: &Round) -> Result<(), Self::Error>;
}

/// How much a round takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What fills a good part of a ring.
    Full,
    /// All that is there.
    All,
    /// All, and no thread will add anything.
    Last,
}

/// What a round that took everything says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// All events of earlier ticks were taken.
    pub before: Tick,
    /// Whatever comes later belongs behind everything that was taken.
    pub is_settled: bool,
    /// Events that could not be kept, from the start on.
    pub lost: u64,
}

/// Takes out of the rings of a region what threads put in.
pub struct Drain<'a> {
    region: &'a Region,
    feeds: Vec<Feed<'a>>,
    /// The newest record in `feeds`: in the list of all, newer ones stand before it.
    newest: u32,
    /// Before this moment all threads of then are in `feeds`.
    looked: Tick,
    /// Nodes from here on were not given to a sink.
    next_node: Node,
    /// Nodes before `next_node` that were not whole yet.
    holes: Vec<Node>,
    /// Bytes taken since the last round that took everything, and in the last one.
    unmarked: u64,
    taken: u64,
}

impl<'a> Drain<'a> {
    /// Goes on where the last commit in the region ends.
    pub fn new(region: &'a Region) -> Self {
        let (_, next_node) = region.commits.last();
        Self {
            region,
            feeds: Vec::with_capacity(64),
            newest: 0,
            looked: Tick(0),
            next_node,
            holes: Vec::new(),
            unmarked: 0,
            taken: 0,
        }
    }

    /// What the last commit says.
    pub fn committed(&self) -> Commit {
        self.region.commits.last().0
    }

    /// Bytes that were taken since a round said what is complete.
    pub fn unmarked(&self) -> u64 {
        self.unmarked
    }

    /// Bytes that were taken in the last round.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes what is there at `now` and gives it to `sink`; unless it took only full rings, says what is complete.
    ///
    /// What was taken is given back to the producers by [`Drain::commit`].
    pub fn round<S: Sink>(
        &mut self,
        now: Tick,
        extent: Extent,
        sink: &mut S,
    ) -> Result<Option<Round>, S::Error> {
        let round = self.look(now, extent);
        // After the rings were cut, so that the nodes of all events are among them.
        self.give_stacks(sink)?;
        self.taken = 0;
        for feed in &self.feeds {
            if let Some((state, bytes)) = feed.taken() {
                self.taken += bytes.iter().map(|part| part.len() as u64).sum::<u64>();
                sink.batch(feed.thread.number(), state, bytes)?;
            }
        }
        self.unmarked += self.taken;
        if extent == Extent::Full {
            return Ok(None);
        }
        self.unmarked = 0;
        sink.complete(&round)?;
        Ok(Some(round))
    }

    /// Notes that the file holds what was taken, and gives it back to the producers.
    pub fn commit(&mut self, commit: Commit) {
        let epoch = self.region.commits.epoch() + 1;
        self.feeds.iter().for_each(|feed| feed.set_mark(epoch));
        let nodes = self.holes.iter().copied().min().unwrap_or(self.next_node);
        self.region.commits.add(commit, nodes);
        self.feeds.iter_mut().for_each(Feed::release);
    }

    /// Addresses of memory that the program's threads will soon need.
    pub fn needed_soon(&self) -> impl Iterator<Item = Range<usize>> {
        self.region.stacks().needed_soon(self.region)
    }

    /// Calls `wake` for every thread that waits for room and has it now.
    pub fn offer_room(&self, wake: impl Fn(&AtomicU32)) {
        let waiting = self.feeds.iter().map(|feed| feed.thread).filter(|thread| thread.takes_offer());
        waiting.for_each(|thread| wake(thread.room_wanted()));
    }

    /// Cuts the rings, and finds out up to when they are complete.
    fn look(&mut self, now: Tick, extent: Extent) -> Round {
        // A single thread's ring is in order by itself. Another one's events of the same time can't be missing:
        // its record would be in the list before its first stamp, and the list is read after the ring's head.
        let known = self.feeds.len();
        if known == 1 {
            self.feeds.iter_mut().for_each(|feed| feed.cut(extent));
        }
        self.find_new();
        let alone = known == 1 && self.feeds.len() == 1;
        let complete = |feed: &mut Feed<'_>| {
            let complete = feed.look(now);
            // What was added until the sequence was read belongs to the past that is complete.
            if !alone {
                feed.cut(extent);
            }
            complete
        };
        let complete = self.feeds.iter_mut().map(complete).min().unwrap_or(now);
        let before = match (extent, alone) {
            (Extent::Last, _) => Tick(u64::MAX),
            (_, true) => self.feeds.iter().map(Feed::end).max().unwrap_or(complete).max(complete),
            (_, false) => complete,
        };
        self.looked = now;
        Round { before, is_settled: alone || extent == Extent::Last, lost: self.lost() }
    }

    fn find_new(&mut self) {
        let Some(newest) = Thread::newest(self.region) else { return };
        let epoch = self.region.commits.epoch();
        // From the same newest record on, so that none is missed between two looks at the list.
        for thread in newest.and_older(self.region).take_while(|thread| thread.number() > self.newest) {
            self.feeds.push(Feed::new(thread, self.looked, epoch));
        }
        self.newest = newest.number();
    }

    /// Events that could not be kept, from the start on.
    pub fn lost(&self) -> u64 {
        self.region.lost() + self.feeds.iter().map(|feed| feed.thread.lost()).sum::<u64>()
    }

    /// Callers come before those they called: a node that was being added when it was passed is given late, but before
    /// the first that refers to it.
    fn give_stacks<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        let (region, stacks) = (self.region, self.region.stacks());
        self.give_holes(sink)?;
        let end = stacks.next();
        while self.next_node < end {
            let first = self.next_node;
            let holes = &self.holes;
            let is_ready = |(caller, _): &(Caller, u64)| !matches!(caller, Caller::Node(caller) if holes.contains(caller));
            let mut taken = 0;
            let mut nodes = (first.0..end.0)
                .map_while(|number| stacks.get(region, Node(number)).filter(is_ready))
                // However often it is asked: behind a node that is not ready others may be.
                .fuse()
                .inspect(|_| taken += 1)
                .peekable();
            if nodes.peek().is_some() {
                sink.stacks(first, &mut nodes)?;
            }
            drop(nodes);
            self.next_node = Node(first.0 + taken);
            if self.next_node < end {
                match stacks.get(region, self.next_node) {
                    Some(whole) => {
                        self.give_holes(sink)?;
                        sink.stacks(self.next_node, &mut core::iter::once(whole))?;
                    }
                    // A thread is just adding it.
                    None => self.holes.push(self.next_node),
                }
                self.next_node.0 += 1;
            }
        }
        Ok(())
    }

    fn give_holes<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        for node in core::mem::take(&mut self.holes) {
            match self.region.stacks().get(self.region, node) {
                Some(whole) => sink.stacks(node, &mut core::iter::once(whole))?,
                None => self.holes.push(node),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::region::tests::region;

    /// Asks on when there is nothing more, as whoever fills blocks does.
    #[derive(Default)]
    struct Asking(Vec<(Node, Caller, u64)>);

    impl Sink for Asking {
        type Error = Infallible;

        fn stacks(
            &mut self,
            first: Node,
            nodes: &mut dyn Iterator<Item = (Caller, u64)>,
        ) -> Result<(), Infallible> {
            let mut ask = || core::iter::from_fn(|| nodes.next()).collect::<Vec<_>>();
            let asked = [ask(), ask()].concat();
            let numbered = (first.0..).zip(asked);
            self.0.extend(numbered.map(|(number, (caller, address))| (Node(number), caller, address)));
            Ok(())
        }

        fn batch(&mut self, _: u32, _: &State, _: [&[u8]; 2]) -> Result<(), Infallible> {
            Ok(())
        }

        fn complete(&mut self, _: &Round) -> Result<(), Infallible> {
            Ok(())
        }
    }

    #[test]
    fn nodes_keep_their_numbers_and_come_behind_their_callers_while_others_are_being_added() {
        let region = region(8 << 20);
        let add = |caller, address| region.stacks().add_frame(region, caller, address);
        let outermost = Caller::None { generation: 0 };
        let first = add(outermost, 0x10);
        let (late, entry) = region.stacks().reserve(region).unwrap();
        let beside = add(Caller::Node(first), 0x30);
        let mut drain = Drain::new(region);
        let mut round = || {
            let mut sink = Asking::default();
            let Ok(_) = drain.round(Tick(1), Extent::All, &mut sink);
            sink.0
        };
        let (one, two) = ((first, outermost, 0x10), (beside, Caller::Node(first), 0x30));
        assert_eq!(round(), [one, two]);
        entry.set(first.0, 0x20);
        let inside = add(Caller::Node(late), 0x40);
        assert_eq!(round(), [(late, Caller::Node(first), 0x20), (inside, Caller::Node(late), 0x40)]);
        assert_eq!(round(), []);
    }
}
