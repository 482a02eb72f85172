//! Events to rows: one pass over the capture, in memory bounded by a budget for live blocks, its distinct stacks and what it
//! tells of mapped memory.

mod deeds;
mod mapped;

use std::io::Read;
use std::thread;

use bytehound_format::{
    AllocationId, EndCause, Event, HeaderBody, HeapEvents, Reader, ReaderOptions, Timestamp,
};
use bytehound_store::{Scratch, Store};
use rustc_hash::FxHashMap;

use super::clock::Clock;
use super::culled::Culled;
use super::defects::Defects;
use super::feed::Feed;
use super::generated;
use super::live::LiveBudget;
use super::mappings::Mappings;
use super::modules::Modules;
use super::observer::{Observer, Phase, Progress, REPORT_EVERY, report};
use super::rows::{FinishedRows, Rows};
use super::stacks::{Backtraces, DecodedFrame, Stacks};
use super::thread_names::ThreadNames;
use crate::IndexError;
use crate::layout::MalloptRecord;
use deeds::Deeds;

const MAPS_PATH: &str = "/proc/self/maps";
/// An embedded file of `key=value` lines.
const LABELS_PATH: &str = "bytehound/labels";
/// An embedded file of sentences, a line each: what the capture library found odd about its settings.
const WARNINGS_PATH: &str = "bytehound/warnings";
/// More and longer labels than that say nothing any more.
const LABELS_MAX: usize = 48;
const LABEL_LEN_MAX: usize = 256;
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// A capture that was read: rows and operations on disk, stacks whose addresses have no names yet.
pub struct Loaded {
    pub(super) scratch: Scratch,
    pub(super) header: HeaderBody<'static>,
    pub(super) frames_max: Option<u32>,
    pub(super) rows: FinishedRows,
    pub(super) backtraces: Backtraces,
    pub(super) modules: Modules,
    /// Names of generated code, as the program told them last.
    pub(super) generated: String,
    pub(super) strings: FxHashMap<u32, String>,
    pub(super) culled: Vec<Culled>,
    pub(super) mappings: Mappings,
    /// Their backtraces are as rows refer to them.
    pub(super) mallopts: Vec<MalloptRecord>,
    pub(super) thread_names: ThreadNames,
    pub(super) labels: Vec<(String, String)>,
    pub(super) start_us: u64,
    pub(super) end_us: u64,
    pub(super) events: u64,
    pub(super) defects: Vec<String>,
}

/// Reads a capture of `size` bytes. A damaged one gives what it holds, and says so in the manifest's defects;
/// an input that is no capture at all is an error.
pub fn load(
    input: impl Read + Send + 'static,
    size: u64,
    store: &Store,
    budget: LiveBudget,
    observer: &dyn Observer,
) -> Result<Loaded, IndexError> {
    let mut reader = Reader::read_ahead(input, ReaderOptions::default())?;
    let scratch = store.scratch()?;
    let rows = Rows::new(&scratch, budget)?;
    thread::scope(|scope| {
        let (feed, matching) = Feed::start(scope, rows);
        let mut loader = Loader::new(reader.header().clone(), store, scratch);
        let read = loader.read(&mut reader, feed, size, observer);
        // While the last rows are matched.
        let backtraces = loader.finish_stacks();
        // When the matching failed, the reading did so only because of that.
        let (rows, defects) = matching.finish()?;
        loader.defects.add_matching(&defects);
        Ok(loader.finish(rows, backtraces, reader.frames_max(), read?))
    })
}

struct Loader<'a> {
    store: &'a Store,
    scratch: Scratch,
    header: HeaderBody<'static>,
    clock: Clock,
    start_us: u64,
    /// The latest moment that anything happened at; 0 while nothing did.
    end_us: u64,
    stacks: Stacks,
    modules: Modules,
    generated: String,
    strings: FxHashMap<u32, String>,
    culled: Vec<Culled>,
    mappings: Mappings,
    mallopts: Vec<MalloptRecord>,
    thread_names: ThreadNames,
    labels: Vec<(String, String)>,
    defects: Defects,
}

impl<'a> Loader<'a> {
    fn new(header: HeaderBody<'static>, store: &'a Store, scratch: Scratch) -> Self {
        let clock = Clock::new(header.timestamp, header.wall_clock_secs, header.wall_clock_nsecs);
        let start_us = clock.wall_us(header.initial_timestamp);
        Self {
            store,
            modules: Modules::new(scratch.clone()),
            scratch,
            header,
            clock,
            start_us,
            end_us: 0,
            stacks: Stacks::new(),
            generated: String::new(),
            strings: FxHashMap::default(),
            culled: Vec::new(),
            mappings: Mappings::new(),
            mallopts: Vec::new(),
            thread_names: ThreadNames::new(),
            labels: Vec::new(),
            defects: Defects::default(),
        }
    }

    /// Reads all there is, and hands over what was done to blocks; gives the number of events.
    fn read<R: Read>(
        &mut self,
        reader: &mut Reader<R>,
        mut feed: Feed,
        size: u64,
        observer: &dyn Observer,
    ) -> Result<u64, IndexError> {
        // The header is one.
        let (mut events, mut told) = (1, 0);
        loop {
            events += reader.tell_heap(feed.room(), &mut self.deeds(&mut feed)) as u64;
            if !feed.send_if_full(&mut self.stacks)? {
                let Some(event) = reader.next_event()? else { break };
                self.take(event, &mut feed)?;
                events += 1;
            }
            if events - told >= REPORT_EVERY as u64 {
                told = events;
                let bytes = reader.file_offset();
                report(observer, Progress { phase: Phase::Load, bytes, bytes_total: size, events })?;
            }
        }
        feed.finish(&mut self.stacks)?;
        if let Some(ending) = reader.ending().filter(|ending| !ending.is_clean()) {
            self.defects.note(&ending.to_string());
        }
        let skipped = reader.skipped();
        if skipped.events > 0 {
            self.defects.note(&format!("{} embedded files are too large to be looked into", skipped.events));
        }
        let bytes = reader.file_offset();
        report(observer, Progress { phase: Phase::Load, bytes, bytes_total: size, events })?;
        Ok(events)
    }

    fn deeds<'f>(&'f mut self, feed: &'f mut Feed) -> Deeds<'f> {
        Deeds { clock: &self.clock, end_us: &mut self.end_us, batch: feed.batch() }
    }

    fn take(&mut self, event: Event<'_>, feed: &mut Feed) -> Result<(), IndexError> {
        // In the oldest captures blocks have no ids.
        let untracked = AllocationId::UNTRACKED;
        let mut deeds = self.deeds(feed);
        match event {
            Event::AllocEx { id, timestamp, allocation } => deeds.allocated(id, timestamp, &allocation),
            Event::FreeEx { id, timestamp, pointer, backtrace, thread } => {
                deeds.freed(id, timestamp, pointer, backtrace, thread);
            }
            Event::ReallocEx { id, timestamp, old_pointer, allocation } => {
                deeds.reallocated(id, timestamp, old_pointer, &allocation);
            }
            Event::Alloc { timestamp, allocation } => deeds.allocated(untracked, timestamp, &allocation),
            Event::Free { timestamp, pointer, backtrace, thread } => {
                deeds.freed(untracked, timestamp, pointer, backtrace, thread);
            }
            Event::Realloc { timestamp, old_pointer, allocation } => {
                deeds.reallocated(untracked, timestamp, old_pointer, &allocation);
            }
            Event::Marker { value } => deeds.mark(value),
            other => {
                feed.resolve(&mut self.stacks);
                return self.take_rare(other);
            }
        }
        feed.send_if_full(&mut self.stacks).map(drop)
    }

    fn take_rare(&mut self, event: Event<'_>) -> Result<(), IndexError> {
        match event {
            Event::Backtrace { id, addresses } | Event::Backtrace32 { id, addresses } => {
                self.stacks.define(id, &addresses, &mut self.modules);
            }
            Event::PartialBacktrace { id, thread, frames_invalidated, addresses }
            | Event::PartialBacktrace32 { id, thread, frames_invalidated, addresses } => {
                self.stacks.define_partial(id, thread, frames_invalidated, &addresses, &mut self.modules);
            }
            Event::String { id, string } => {
                self.strings.insert(id, string.into_owned());
            }
            Event::DecodedFrame {
                address,
                library,
                raw_function,
                function,
                source,
                line,
                column,
                is_inline,
            } => {
                self.stacks.add_decoded_frame(DecodedFrame {
                    address,
                    library,
                    raw_function,
                    function,
                    source,
                    line,
                    column,
                    is_inline,
                });
            }
            Event::DecodedBacktrace { frames } => {
                self.stacks.add_decoded_backtrace(frames.iter(), &mut self.defects);
            }
            Event::File { path, contents, .. } | Event::File64 { path, contents, .. } => {
                self.take_file(&path, &contents)?;
            }
            other => self.take_moment(other),
        }
        Ok(())
    }

    /// Events that say when something was, and little more here.
    fn take_moment(&mut self, event: Event<'_>) {
        match event {
            Event::WallClock { timestamp, sec, nsec } => self.set_clock(Clock::new(timestamp, sec, nsec)),
            Event::GroupStatistics {
                backtrace,
                first_allocation,
                last_allocation,
                free_count,
                free_size,
                min_size,
                max_size,
            } => {
                let backtrace = self.stacks.refer(backtrace);
                let last_us = self.see(last_allocation);
                let first_us = self.clock.wall_us(first_allocation);
                self.culled.push(Culled {
                    backtrace,
                    first_us,
                    last_us,
                    count: free_count,
                    bytes: free_size,
                    min_size,
                    max_size,
                });
            }
            Event::Mallopt { timestamp, backtrace, thread, param, value, result } => {
                self.mallopts.push(MalloptRecord {
                    time: self.clock.wall_us(timestamp),
                    backtrace: self.stacks.find(backtrace),
                    thread,
                    param,
                    value,
                    result,
                    reserved: 0,
                });
            }
            Event::ThreadName { timestamp, thread, name } => {
                self.thread_names.tell(self.clock.wall_us(timestamp), thread, &name);
            }
            Event::Label { key, value } => self.add_label(&key, &value),
            Event::Warning { message } => self.take_warning(&message),
            Event::Dropped { events } => self.defects.dropped_events = events,
            Event::End { cause: cause @ EndCause::Failed { .. }, .. } => {
                self.defects.note(&cause.to_string())
            }
            Event::Header(header) if header.id != self.header.id => self.defects.foreign_headers += 1,
            other => self.take_mapping(other),
        }
    }

    /// A better pair than that of the header, or the wall clock was set. What came before stays as it is; when nothing
    /// did, the start moves too.
    fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
        if self.end_us == 0 {
            self.start_us = self.clock.wall_us(self.header.initial_timestamp);
        }
    }

    /// To wall clock; the capture lasts until the latest moment it speaks of.
    fn see(&mut self, timestamp: Timestamp) -> u64 {
        let time = self.clock.wall_us(timestamp);
        self.end_us = self.end_us.max(time);
        time
    }

    fn take_file(&mut self, path: &str, contents: &[u8]) -> Result<(), IndexError> {
        if path == MAPS_PATH {
            self.stacks.settle(&mut self.modules);
            self.modules.set_maps(&String::from_utf8_lossy(contents));
        } else if generated::is_list(path, self.header.pid) {
            self.generated = String::from_utf8_lossy(contents).into_owned();
        } else if path == LABELS_PATH {
            let text = String::from_utf8_lossy(contents);
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.for_each(|(key, value)| self.add_label(key, value));
        } else if path == WARNINGS_PATH {
            let warnings = String::from_utf8_lossy(contents);
            warnings.lines().for_each(|line| self.take_warning(line));
        } else if contents.starts_with(ELF_MAGIC) {
            self.modules.add_binary(path, contents, self.store, &mut self.defects)?;
        }
        Ok(())
    }

    fn add_label(&mut self, key: &str, value: &str) {
        if self.labels.len() < LABELS_MAX && key.len() + value.len() < LABEL_LEN_MAX {
            self.labels.push((key.to_owned(), value.to_owned()));
        }
    }

    fn take_warning(&mut self, message: &str) {
        self.defects.note(&format!("when it was captured: {message}"));
    }

    /// All stacks; there are none afterwards.
    fn finish_stacks(&mut self) -> Backtraces {
        std::mem::replace(&mut self.stacks, Stacks::new()).finish(&mut self.modules, &mut self.defects)
    }

    fn finish(
        self,
        rows: FinishedRows,
        backtraces: Backtraces,
        frames_max: Option<u32>,
        events: u64,
    ) -> Loaded {
        Loaded {
            scratch: self.scratch,
            header: self.header,
            frames_max,
            rows,
            backtraces,
            modules: self.modules,
            generated: self.generated,
            strings: self.strings,
            culled: self.culled,
            mappings: self.mappings,
            mallopts: self.mallopts,
            thread_names: self.thread_names,
            labels: self.labels,
            start_us: self.start_us,
            end_us: self.end_us.max(self.start_us),
            events,
            defects: self.defects.sentences(),
        }
    }
}
