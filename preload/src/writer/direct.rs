//! Version 2, straight from the rings: what hooks have encoded goes into blocks as it is.

use bytehound_format::v2::batch::{Node, State};
use bytehound_format::v2::{BatchStart, BlockKind, Caller, NodeEncoder};
use bytehound_format::{Event, Timestamp};
use bytehound_rings::{Commit, Round, Sink};

use super::modules::Modules;
use super::stream::Stream;
use super::thread_names::ThreadNames;
use crate::clock::{Conversion, Pair, Tick};
use crate::maps;
use crate::sys::{Errno, Result};

/// Bytes of nodes after which a block is full.
const STACKS_LEN: usize = 256 * 1024;

pub(super) struct Direct {
    pub(super) stream: Stream,
    modules: Modules,
    threads: ThreadNames,
    conversion: Conversion,
    /// The last moment that was read from both clocks.
    now: Pair,
    nodes: Vec<u8>,
}

impl Direct {
    pub(super) fn new(stream: Stream, conversion: Conversion, modules: Modules) -> Self {
        let now = Pair::now();
        Self {
            stream,
            modules,
            threads: ThreadNames::default(),
            conversion,
            now,
            nodes: Vec::with_capacity(STACKS_LEN + NodeEncoder::NODE_LEN_MAX),
        }
    }

    /// Takes the moment at which a round begins.
    pub(super) fn advance(&mut self, now: Pair) {
        self.now = now;
        self.conversion.advance(now);
        self.modules.take_earlier();
    }

    /// Writes the memory map; gives its text.
    pub(super) fn write_map(&mut self) -> Result<Vec<u8>> {
        self.modules.write_first(&mut self.stream, timestamp(self.now))
    }

    /// Writes the files of the map.
    pub(super) fn write_binaries(&mut self, map: &[u8]) -> Result<()> {
        self.modules.write_binaries(map, &mut self.stream, timestamp(self.now))
    }

    /// Writes the names of generated code and of threads that are new.
    pub(super) fn write_names(&mut self, last: bool) -> Result<()> {
        let now = timestamp(self.now);
        self.modules.write_generated(last, &mut self.stream, now)?;
        self.threads.write(last, &mut self.stream, now)
    }

    /// What the file holds.
    pub(super) fn written(&self) -> Commit {
        let (len, blocks) = self.stream.written();
        Commit { len, blocks }
    }
}

impl Sink for Direct {
    type Error = Errno;

    fn stacks(&mut self, first: Node, nodes: &mut dyn Iterator<Item = (Caller, u64)>) -> Result<()> {
        let mut nodes = nodes.peekable();
        let mut next = first;
        while nodes.peek().is_some() {
            self.nodes.clear();
            let mut encoder = NodeEncoder::new(next, &mut self.nodes);
            while self.nodes.len() < STACKS_LEN
                && let Some((caller, address)) = nodes.next()
            {
                let generation = if let Caller::None { generation } = caller { generation } else { 0 };
                // The map that an address has its meaning from belongs before the first event with it.
                self.modules.cover(next, generation, &[address], &mut self.stream, timestamp(self.now))?;
                encoder.put(caller, address, &mut self.nodes);
                next.0 += 1;
            }
            self.stream.block(BlockKind::Stacks, [&self.nodes, &[], &[]])?;
        }
        Ok(())
    }

    fn batch(&mut self, ring: u32, state: &State, [a, b]: [&[u8]; 2]) -> Result<()> {
        let mut start = Vec::with_capacity(BatchStart::LEN);
        BatchStart { ring, state: *state }.put(&mut start);
        self.stream.block(BlockKind::Events, [&start, a, b])
    }

    fn complete(&mut self, _: &Round) -> Result<()> {
        Ok(())
    }
}

impl maps::Sink for Direct {
    fn time(&self, tick: Tick) -> Timestamp {
        Timestamp(self.conversion.at(tick))
    }

    fn event(&mut self, tick: Tick, event: &Event<'_>) -> Result<()> {
        self.stream.event_at(tick, event)
    }
}

fn timestamp(now: Pair) -> Timestamp {
    Timestamp(now.nanoseconds / 1000)
}
