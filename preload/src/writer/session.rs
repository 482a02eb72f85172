//! One capture, from its first byte to its last.

use core::time::Duration;

use bytehound_format::Timestamp;

use super::FlushRequest;
use super::events::Events;
use super::log_output::LogOutput;
use super::merge::{Merge, Source};
use super::modules::Modules;
use super::output::Output;
use super::progress::Progress;
use super::stream::{self, Stream};
use crate::clock::{Conversion, Pair, Tick};
use crate::lifecycle::{self, Start};
use crate::log::{self, Level};
use crate::maps::Watch;
use crate::placeholders::Placeholders;
use crate::record::{self, Record};
use crate::sys::{self, Errno, Result};
use crate::thread::{self, Thread};
use crate::{calls, capture, clock, signal, thread_end};

/// How long the writer sleeps when nobody wakes it.
const REST: Duration = Duration::from_millis(200);
/// A round that reads fewer records is followed by a nap: going through all rings has its price.
const BUSY: u64 = 8192;
const NAP: Duration = Duration::from_micros(300);
/// Between two writes to the file, in ns, even if a block is not full: a killed program loses no more.
const FLUSH_EVERY: u64 = 700_000_000;

/// A ring, and how far it was read.
struct Feed {
    thread: &'static Thread,
    progress: Progress,
    at: u64,
    head: u64,
    /// Kernel id of the thread that speaks in the ring now.
    id: u32,
}

impl Source for Feed {
    #[inline]
    fn tick(&self) -> Option<Tick> {
        (self.at < self.head).then(|| record::tick(self.thread.ring.load(self.at)))
    }
}

pub(super) struct Session {
    events: Events,
    log: LogOutput,
    feeds: Vec<Feed>,
    /// The newest record in `feeds`: in the list of all, newer ones stand before it.
    newest: Option<&'static Thread>,
    merge: Merge,
    maps: Watch,
    /// Before this moment all threads of then are in `feeds`.
    looked: Tick,
    flushed: u64,
    lost: u64,
    /// Records read in the last round.
    taken: u64,
}

impl Session {
    /// Opens the files and writes the start of the stream. None if nothing can be recorded.
    pub(super) fn open(start: &'static Start) -> Option<Self> {
        let mut link = [0; 4096];
        let executable = sys::read_link(c"/proc/thread-self/exe", &mut link).unwrap_or_default();
        let placeholders = Placeholders {
            process: start.process,
            seconds: sys::clock(libc::CLOCK_REALTIME) / 1_000_000_000,
            executable: executable.rsplit(|&byte| byte == b'/').next().unwrap_or_default(),
        };
        let mut log = LogOutput::open(start, &placeholders);
        let output = Output::create(start, &placeholders);
        log.flush();
        let output = output?;
        keep_only(log.descriptor(), output.descriptor());
        let capture = output.descriptor();
        let mut stream = Stream::new(output)?;
        let begun = stream.begin(start, executable, capture);
        let modules = Modules::new(start.settings.write_binaries_to_output);
        let mut session = Self {
            events: Events::new(stream, Conversion::new(start.moment), modules),
            log,
            feeds: Vec::with_capacity(64),
            newest: None,
            merge: Merge::default(),
            maps: Watch::new(start.settings.gathers_maps()),
            looked: Tick(0),
            flushed: 0,
            lost: 0,
            taken: 0,
        };
        let now = Timestamp(clock::nanoseconds() / 1000);
        let opened = begun.and_then(|()| session.events.write_modules(now)).and_then(|()| session.flush());
        session.check(opened).then_some(session)
    }

    /// Reads the rings until the program ends or the file can't be written.
    pub(super) fn run(mut self) {
        loop {
            let wakes = signal::wakes();
            let request = FlushRequest::pending();
            let last = lifecycle::is_finishing();
            let answered = self.round(last, request);
            self.feeds.iter().for_each(|feed| feed.thread.offer_room());
            self.log.flush();
            if !self.check(answered.map(drop)) || last {
                break;
            }
            if let Ok(Some(request)) = answered {
                request.answer();
            } else if let Some(status) = self.status_of_dead_program() {
                super::thread::end_with(status);
                lifecycle::begin_finish();
            } else if !lifecycle::is_finishing() {
                self.rest(wakes);
            }
        }
        if self.lost != 0 {
            log::say(Level::Warn, format_args!("{} events were lost: the file was too slow", self.lost));
        }
        self.log.flush();
    }

    /// Asked when nothing happens.
    fn status_of_dead_program(&self) -> Option<i32> {
        (self.taken == 0)
            .then(|| thread_end::status_if_only_ours_are_left(super::thread::count() as u64))
            .flatten()
    }

    /// Sleeps until there is something to do.
    fn rest(&self, wakes: u32) {
        if self.taken < BUSY {
            // What is in the rings is mostly too young to be read yet.
            signal::pause(NAP);
        }
        if FlushRequest::pending().is_none() {
            signal::wait_for_wake(wakes, REST);
        }
    }

    /// Reads what is complete; everything, if it is the last time. Gives the request back if that is enough for
    /// it: then all of it is in the file.
    fn round(&mut self, last: bool, request: Option<FlushRequest>) -> Result<Option<FlushRequest>> {
        let end = self.look(last);
        let pair = Pair::now();
        self.events.conversion.advance(pair);
        let events = &mut self.events;
        self.maps.round(end, last, events)?;
        let mut result = Ok(());
        let mut taken = 0;
        self.merge.run(&mut self.feeds, end, |feed| {
            taken += 1;
            if let Err(error) = feed.take(events) {
                result = Err(error);
            }
        });
        self.taken = taken;
        self.lost += self.feeds.iter().map(|feed| feed.thread.take_lost()).sum::<u64>() + calls::take_lost();
        result?;
        let answered = request.filter(|_| end > FlushRequest::moment());
        if last || answered.is_some() || pair.nanoseconds.saturating_sub(self.flushed) > FLUSH_EVERY {
            self.flushed = pair.nanoseconds;
            self.flush()?;
        }
        Ok(answered)
    }

    /// Finds the rings and how far they may be read; says before which moment all events are known.
    fn look(&mut self, all: bool) -> Tick {
        let now = clock::after();
        let alone = self.feeds.len() == 1;
        self.feeds.iter_mut().for_each(Feed::look);
        // A single thread's ring is in order by itself. Another one's events of the same time can't be missing:
        // its record would be in the list before its first stamp, and the list is read after the ring's head.
        let known = self.feeds.len();
        self.find_new();
        if all || (alone && self.feeds.len() == known) {
            self.looked = now;
            return Tick(u64::MAX);
        }
        let complete = |feed: &mut Feed| {
            let waiting = feed.thread.waits_with();
            let complete = feed.progress.look(feed.thread.sequence(), waiting, now);
            // What was added until the sequence was read belongs to the past that is complete.
            feed.look();
            complete
        };
        let end = self.feeds.iter_mut().map(complete).min().unwrap_or(now);
        self.looked = now;
        end
    }

    fn find_new(&mut self) {
        let newest = self.newest;
        let is_known = |thread: &&Thread| newest.is_some_and(|newest| core::ptr::eq(newest, *thread));
        self.newest = thread::all().next();
        // From the same newest record on, so that none is missed between two looks at the list.
        for thread in thread::from(self.newest).take_while(|thread| !is_known(thread)) {
            let progress = Progress::new(self.looked);
            let (at, head) = (thread.ring.tail(), thread.ring.head());
            self.feeds.push(Feed { thread, progress, at, head, id: 0 });
        }
    }

    fn flush(&mut self) -> Result<()> {
        self.events.stream.flush()
    }

    /// Ends recording, once and for all, if there was an error.
    fn check(&mut self, result: Result<()>) -> bool {
        if let Err(errno @ Errno(number)) = result {
            let reason = stream::reason(errno);
            log::say(Level::Error, format_args!("the capture ends here: {reason} (error {number})"));
            capture::silence();
        }
        self.log.flush();
        result.is_ok()
    }
}

impl Feed {
    fn look(&mut self) {
        self.head = self.thread.ring.head();
    }

    #[inline]
    fn take(&mut self, events: &mut Events) -> Result<()> {
        let ring = &self.thread.ring;
        let first = self.at;
        let Some((record, len)) = record::read(|word| ring.load(first.wrapping_add(word))) else {
            // Not a record: nothing behind it can be understood.
            self.at = self.head;
            return Ok(());
        };
        let tick = record::tick(ring.load(first));
        if let Record::Thread { id } = record {
            self.id = id;
        }
        self.at += len;
        // Give room back in steps: the producer's cache line is left alone meanwhile.
        if self.at == self.head || self.at / RELEASE_EVERY != first / RELEASE_EVERY {
            ring.release(self.at);
        }
        events.write(self.id, tick, record)
    }
}

/// Words after which room is given back.
const RELEASE_EVERY: u64 = 4096;

/// Closes the copies of the program's descriptors that the writer was born with.
fn keep_only(one: Option<sys::Descriptor>, other: Option<sys::Descriptor>) {
    let mut kept = [one, other].map(|kept| kept.map_or(-1, |descriptor| descriptor.0));
    kept.sort_unstable();
    let [low, high] = kept;
    sys::close_between(-1, low);
    sys::close_between(low, high);
    sys::close_between(high, i32::MAX);
}
