//! Ending the file of a process that could not: what it left in its rings goes behind what it has written.

use bytehound_format::EndCause;
use bytehound_format::v2::batch::{Decoder, Node, State};
use bytehound_format::v2::{
    BatchStart, BlockFlags, BlockKind, Caller, ClockPair, Complete, End, NodeEncoder, seal,
};

use crate::drain::{Drain, Extent, Round, Sink};
use crate::region::Region;
use crate::tick::Tick;

/// Bytes of nodes after which a block is full.
const STACKS_LEN: usize = 256 * 1024;

/// Where blocks are put: behind what the file holds already.
pub trait Blocks {
    /// What can go wrong with it.
    type Error;

    /// Cuts off what the file has beyond `len` bytes: half a block, perhaps. Everything is put there.
    fn cut(&mut self, len: u64) -> Result<(), Self::Error>;

    /// Writes bytes, part after part.
    fn put(&mut self, parts: &[&[u8]]) -> Result<(), Self::Error>;
}

/// What was added to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Events that were not in the file before.
    pub events: u64,
    /// Events that could not be kept while the program ran.
    pub lost: u64,
}

/// Writes what is left in a region, and the end. Nobody writes to the region any more.
pub fn finish<B: Blocks>(
    region: &Region,
    cause: EndCause,
    now: ClockPair,
    blocks: &mut B,
) -> Result<Finished, B::Error> {
    let mut drain = Drain::new(region);
    let committed = drain.committed();
    blocks.cut(committed.len)?;
    let mut rest = Rest { blocks, count: committed.blocks, now, events: 0 };
    drain.round(Tick(now.tick), Extent::Last, &mut rest)?;
    let lost = drain.lost();
    let end = End { tick: now.tick, cause, dropped: lost };
    rest.block(BlockKind::End, &[&end.to_bytes()])?;
    Ok(Finished { events: rest.events, lost })
}

/// Blocks that are made of what is left.
struct Rest<'a, B> {
    blocks: &'a mut B,
    /// Blocks that the file has.
    count: u64,
    now: ClockPair,
    events: u64,
}

impl<B: Blocks> Rest<'_, B> {
    fn block(&mut self, kind: BlockKind, parts: &[&[u8]]) -> Result<(), B::Error> {
        let header = seal(kind, BlockFlags::PLAIN, self.count, parts);
        self.count += 1;
        self.blocks.put(&[&header])?;
        self.blocks.put(parts)
    }
}

impl<B: Blocks> Sink for Rest<'_, B> {
    type Error = B::Error;

    fn stacks(
        &mut self,
        first: Node,
        nodes: &mut dyn Iterator<Item = (Caller, u64)>,
    ) -> Result<(), B::Error> {
        let mut nodes = nodes.peekable();
        let mut next = first;
        let mut bytes = Vec::with_capacity(STACKS_LEN + NodeEncoder::NODE_LEN_MAX);
        while nodes.peek().is_some() {
            bytes.clear();
            let mut encoder = NodeEncoder::new(next, &mut bytes);
            while bytes.len() < STACKS_LEN
                && let Some((caller, address)) = nodes.next()
            {
                encoder.put(caller, address, &mut bytes);
                next.0 += 1;
            }
            self.block(BlockKind::Stacks, &[&bytes])?;
        }
        Ok(())
    }

    fn batch(&mut self, ring: u32, state: &State, [a, b]: [&[u8]; 2]) -> Result<(), B::Error> {
        let mut start = Vec::with_capacity(BatchStart::LEN);
        BatchStart { ring, state: *state }.put(&mut start);
        self.events += Decoder::new(&[a, b].concat(), *state).count() as u64;
        self.block(BlockKind::Events, &[&start, a, b])
    }

    fn complete(&mut self, round: &Round) -> Result<(), B::Error> {
        let complete = Complete { before: round.before.0, pair: self.now, dropped: round.lost };
        self.block(BlockKind::Complete, &[&complete.to_bytes()])
    }
}
