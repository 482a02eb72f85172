//! A file of version 2 as one sequence of events.

use std::io::{self, Read};

use super::batch::Node;
use super::batch_start::BatchStart;
use super::block::{BlockFlags, BlockKind};
use super::block_reader::{Block, BlockReader};
use super::clock::Clock;
use super::marks::{Complete, End, Start};
use super::merge::{Merge, Next};
use super::rare_block::{Pieces, RareBlock};
use super::telling::{AtOnce, Telling, Told};
use crate::decode::{Outcome, decode_rare};
use crate::end_cause::EndCause;
use crate::ending::{Defect, Ending};
use crate::event::{AllocationId, Event, HeaderBody};
use crate::heap_events::HeapEvents;
use crate::input::Input;
use crate::losses::Losses;
use crate::open_error::OpenError;
use crate::reader::ReaderOptions;
use crate::references;
use crate::stream::Skipped;

/// The events of a file, one at a time.
#[derive(Debug)]
pub(crate) struct Stream<R> {
    blocks: BlockReader<Input<R>>,
    options: ReaderOptions,
    frames_max: u32,
    clock: Clock,
    merge: Merge,
    telling: Telling,
    pieces: Pieces,
    /// Whether there may be events that need not wait.
    is_merging: bool,
    /// All events of earlier ticks can be told.
    before: u64,
    /// Bytes of the batches and rare blocks that are held.
    held: usize,
    latest: u64,
    dropped: u64,
    dropped_told: u64,
    end: Option<End>,
    second_header: Option<HeaderBody<'static>>,
    is_at_end: bool,
    /// Bytes of the rare event that was told last.
    rare_used: usize,
    losses: Losses,
    skipped: Skipped,
    ending: Option<Ending>,
    /// The input failed.
    is_failed: bool,
}

impl<R: Read> Stream<R> {
    /// Opens a file: reads its first block.
    pub(crate) fn open(
        input: Input<R>,
        options: ReaderOptions,
    ) -> Result<(HeaderBody<'static>, Self), OpenError> {
        let mut blocks = BlockReader::new(input)?;
        let mut losses = Losses::default();
        let block = blocks.read(&mut losses)?;
        let Some(Block { payload, .. }) = block.filter(|block| block.header.kind == BlockKind::Start) else {
            return Err(match losses.cut {
                Some(missing) if losses.damaged_places == 0 => OpenError::Truncated { missing },
                _ if blocks.offset() <= super::MAGIC.len() as u64 => OpenError::Truncated { missing: 1 },
                _ => OpenError::Damaged(Defect::NoStart),
            });
        };
        let no_start = || OpenError::Damaged(Defect::NoStart);
        let (start, events) = Start::take(&payload).ok_or_else(no_start)?;
        let (body, rest) = take_header(events).ok_or_else(no_start)?;
        let mut stream = Self {
            blocks,
            options,
            frames_max: start.frames_max,
            clock: Clock::new(&start),
            merge: Merge::default(),
            telling: Telling::default(),
            pieces: Pieces::default(),
            is_merging: false,
            before: 0,
            held: 0,
            latest: 0,
            dropped: 0,
            dropped_told: 0,
            end: None,
            second_header: None,
            is_at_end: false,
            rare_used: 0,
            losses,
            skipped: Skipped::default(),
            ending: None,
            is_failed: false,
        };
        stream.queue_start(rest);
        Ok((body, stream))
    }

    /// See [`crate::Reader::frames_max`]; what is made from another format has none.
    pub(crate) fn frames_max(&self) -> Option<u32> {
        Some(self.frames_max).filter(|&max| max > 0)
    }

    #[inline]
    pub(crate) fn next_event(&mut self) -> io::Result<Option<Event<'_>>> {
        match self.next_at_once() {
            Some(event) => Ok(Some(event)),
            None => self.next_in_general(),
        }
    }

    /// The next event, if it is one of those that make up nearly all of a capture, and nothing else is due before it.
    #[inline(always)]
    fn next_at_once(&mut self) -> Option<Event<'static>> {
        let id = AllocationId::UNTRACKED;
        Some(match self.take_at_once()? {
            AtOnce::Alloc { timestamp, allocation } => Event::AllocEx { id, timestamp, allocation },
            AtOnce::Free { timestamp, pointer, backtrace, thread } => {
                Event::FreeEx { id, timestamp, pointer, backtrace, thread }
            }
        })
    }

    #[inline(always)]
    fn take_at_once(&mut self) -> Option<AtOnce> {
        let lane = self.merge.current()?;
        let (told, tick) = self.telling.at_once(lane, &mut self.clock)?;
        lane.advance();
        self.pass(tick);
        Some(told)
    }

    pub(crate) fn tell_heap(&mut self, len: usize, heap: &mut impl HeapEvents) -> usize {
        let id = AllocationId::UNTRACKED;
        let mut told = 0;
        while told < len {
            match self.take_at_once() {
                Some(AtOnce::Alloc { timestamp, allocation }) => heap.allocated(id, timestamp, &allocation),
                Some(AtOnce::Free { timestamp, pointer, backtrace, thread }) => {
                    heap.freed(id, timestamp, pointer, backtrace, thread);
                }
                None if self.turns_to_lane() => continue,
                None => break,
            }
            told += 1;
        }
        told
    }

    /// Whether another lane, or what is decoded next of this one, has the next event.
    #[inline(never)]
    fn turns_to_lane(&mut self) -> bool {
        self.is_merging && self.merge.current().is_none() && self.merge.turns_to_lane()
    }

    #[inline(never)]
    fn next_in_general(&mut self) -> io::Result<Option<Event<'_>>> {
        let told = match self.telling.pop() {
            Some(told) => Some(told),
            None => self.find()?,
        };
        let Some(told) = told else { return Ok(None) };
        let id = AllocationId::UNTRACKED;
        Ok(Some(match told {
            Told::Alloc { timestamp, allocation } => Event::AllocEx { id, timestamp, allocation },
            Told::Free { timestamp, pointer, backtrace, thread } => {
                Event::FreeEx { id, timestamp, pointer, backtrace, thread }
            }
            Told::Realloc { timestamp, old_pointer, allocation } => {
                Event::ReallocEx { id, timestamp, old_pointer, allocation }
            }
            Told::Marker { value } => Event::Marker { value },
            Told::Backtrace(node) => self.telling.backtrace(node),
            Told::Rare => return Ok(self.tell_rare()),
            Told::Dropped { events } => Event::Dropped { events },
            Told::Header => return Ok(self.second_header.take().map(Event::Header)),
            Told::End { timestamp, cause } => Event::End { timestamp, cause },
        }))
    }

    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    pub(crate) fn file_offset(&self) -> u64 {
        self.blocks.offset()
    }

    pub(crate) fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Reads and merges until there is something to tell; none at the end.
    fn find(&mut self) -> io::Result<Option<Told>> {
        loop {
            if self.is_merging {
                let found = match self.merge.next() {
                    Some(Next::Event { lane: index, stamped }) => {
                        self.pass(stamped.tick);
                        let lane = self.merge.lane(index);
                        lane.and_then(|lane| self.telling.take(index, lane, &stamped, &mut self.clock))
                    }
                    Some(Next::Rare { tick }) => self.take_rare(tick),
                    None => self.end_window(),
                };
                if found.is_some() {
                    return Ok(found);
                }
            } else if self.ending.is_some() || self.is_failed {
                return Ok(None);
            } else if self.is_at_end {
                return Ok(self.finish());
            } else {
                self.read_block()?;
                if let Some(told) = self.telling.pop() {
                    return Ok(Some(told));
                }
            }
        }
    }

    #[inline]
    fn pass(&mut self, tick: u64) {
        if tick < self.latest {
            self.losses.late_events += 1;
        } else {
            self.latest = tick;
        }
    }

    fn read_block(&mut self) -> io::Result<()> {
        let missing = self.losses.missing_blocks;
        let block = self.blocks.read(&mut self.losses).inspect_err(|_| self.is_failed = true)?;
        if self.losses.missing_blocks > missing {
            self.losses.broken_pieces += u64::from(self.pieces.give_up());
        }
        let Some(Block { header, payload }) = block else {
            self.losses.broken_pieces += u64::from(self.pieces.give_up());
            self.is_at_end = true;
            self.release(u64::MAX);
            return Ok(());
        };
        match header.kind {
            BlockKind::Events => self.take_batch(payload),
            BlockKind::Rare => self.take_rare_block(payload, header.flags),
            kind => {
                let is_sound = match kind {
                    BlockKind::Stacks => self.telling.nodes.add(&payload),
                    BlockKind::Complete => Complete::take(&payload).map(|mark| self.mark(&mark)).is_some(),
                    BlockKind::End => End::take(&payload).map(|end| self.take_end(end)).is_some(),
                    _ => self.take_start(&payload),
                };
                self.losses.broken_pieces += u64::from(!is_sound);
                self.blocks.recycle(payload);
            }
        }
        if self.held > self.options.held_len_max {
            self.release(u64::MAX);
        }
        Ok(())
    }

    fn take_batch(&mut self, payload: Vec<u8>) {
        let Some((start, _)) = BatchStart::take(&payload) else {
            self.losses.broken_pieces += 1;
            return;
        };
        self.held += payload.len();
        self.merge.push(start.ring, payload);
    }

    fn take_rare_block(&mut self, payload: Vec<u8>, flags: BlockFlags) {
        self.held += payload.len();
        let joined = self.pieces.add(payload, flags, self.options.contents_len_max);
        self.losses.broken_pieces += u64::from(joined.broken);
        if let Some(bytes) = joined.skipped {
            self.skip(bytes);
        }
        joined.blocks.into_iter().for_each(|block| self.merge.push_rare(block));
    }

    fn skip(&mut self, bytes: u64) {
        self.skipped.events += 1;
        self.skipped.bytes = self.skipped.bytes.saturating_add(bytes);
    }

    fn mark(&mut self, mark: &Complete) {
        self.clock.add(mark.pair);
        self.dropped = self.dropped.max(mark.dropped);
        self.release(mark.before);
    }

    fn take_end(&mut self, end: End) {
        self.dropped = self.dropped.max(end.dropped);
        self.end = Some(end);
    }

    /// A second start: the stream was joined late, or two files were put together.
    fn take_start(&mut self, payload: &[u8]) -> bool {
        let header = Start::take(payload).and_then(|(_, events)| take_header(events));
        let Some((header, _)) = header else { return false };
        self.second_header = Some(header);
        self.telling.push(Told::Header);
        true
    }

    /// The events behind the header come before all others.
    fn queue_start(&mut self, events: &[u8]) {
        let mut rest = events;
        let mut rare = Vec::new();
        while let Outcome::Event { used, .. } = decode_rare(rest, u64::MAX) {
            let (event, others) = rest.split_at(used.min(rest.len()));
            rare.extend([0; RareBlock::TICK_LEN]);
            rare.extend(event);
            rest = others;
        }
        self.losses.broken_pieces += u64::from(!rest.is_empty());
        self.merge.push_rare(RareBlock::new(rare, BlockFlags::PLAIN));
    }

    fn release(&mut self, before: u64) {
        self.before = before;
        self.merge.release(before);
        self.is_merging = true;
    }

    /// Everything before the mark was told.
    #[cold]
    fn end_window(&mut self) -> Option<Told> {
        self.is_merging = false;
        self.clock.forget_before(self.before.min(self.latest));
        let spent = &mut self.merge.spent;
        self.losses.broken_pieces += std::mem::take(&mut spent.broken);
        for payload in spent.payloads.drain(..) {
            self.held = self.held.saturating_sub(payload.len());
            self.blocks.recycle(payload);
        }
        let more = self.dropped > self.dropped_told;
        self.dropped_told = self.dropped;
        more.then_some(Told::Dropped { events: self.dropped })
    }

    #[cold]
    fn finish(&mut self) -> Option<Told> {
        self.losses.unfinished = self.end.is_none();
        self.losses.unknown_stacks = self.telling.unknown_stacks;
        self.ending = Some(match self.losses.is_none() {
            true => Ending::Clean,
            false => Ending::Partial(self.losses.clone()),
        });
        let end = self.end.filter(|end| end.cause != EndCause::Unknown)?;
        Some(Told::End { timestamp: self.clock.time(end.tick), cause: end.cause })
    }

    /// Looks at the rare event that is next, for the backtraces that must be told before it.
    fn take_rare(&mut self, tick: u64) -> Option<Told> {
        self.pass(tick);
        let rare = self.merge.rare()?;
        let Some(mut next) = rare.event(self.options.contents_len_max) else {
            rare.give_up();
            self.losses.broken_pieces += 1;
            return None;
        };
        self.rare_used = next.used;
        if !rare.own_backtraces {
            references::visit(&mut next.event, |id| {
                self.telling.refer(node(*id));
            });
        }
        if let Some(bytes) = next.skipped {
            self.skip(bytes);
        }
        self.telling.push(Told::Rare);
        self.telling.pop()
    }

    /// The rare event that was looked at.
    fn tell_rare(&mut self) -> Option<Event<'_>> {
        let nodes = &self.telling.nodes;
        let rare = self.merge.rare()?;
        let own_backtraces = rare.own_backtraces;
        let mut event = rare.take_event(self.rare_used, self.options.contents_len_max)?;
        if !own_backtraces {
            references::visit(&mut event, |id| {
                if !nodes.is_told(node(*id)) {
                    *id = Node::UNKNOWN.0.into();
                }
            });
        }
        Some(event)
    }
}

/// The node of an id in an event.
fn node(id: u64) -> Node {
    Node(u32::try_from(id).unwrap_or(u32::MAX))
}

/// The header at the start of a `Start` block's events, and what follows it.
fn take_header(events: &[u8]) -> Option<(HeaderBody<'static>, &[u8])> {
    match decode_rare(events, 0) {
        Outcome::Event { event: Event::Header(header), used } => {
            Some((header.into_owned(), events.get(used..)?))
        }
        _ => None,
    }
}
