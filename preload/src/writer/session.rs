//! One capture, from its first byte to its last.

use core::time::Duration;

use bytehound_rings::{Drain, Extent, Tick};

use super::FlushRequest;
use super::log_output::LogOutput;
use super::output::Output;
use super::pipeline::Pipeline;
use super::stream::{self, Stream};
use super::thread;
use crate::clock::Pair;
use crate::lifecycle::{self, Start};
use crate::log::{self, Level};
use crate::placeholders::Placeholders;
use crate::sys::{self, Errno, Result};
use crate::thread_end::status_if_only_ours_are_left;
use crate::unwind::{self, Checks};
use crate::{calls, capture, handover, region, signal};

/// How long the writer sleeps when nobody wakes it.
const REST: Duration = Duration::from_millis(200);
/// How long it waits while somebody waits for events that are too young to be put in order.
const NAP: Duration = Duration::from_micros(300);
/// Between two marks of what is complete, in ns: a killed program loses no more.
const MARK_EVERY: u64 = 700_000_000;
/// Bytes between two marks: a reader holds them all.
const MARK_LEN: u64 = 4 << 20;

pub(super) struct Session {
    drain: Drain<'static>,
    pipeline: Pipeline,
    log: LogOutput,
    /// When the last mark was set, in ns.
    marked: u64,
    /// What is known up to the last mark.
    settled: Settled,
}

/// Up to when all events are in the file.
#[derive(Clone, Copy, Default)]
struct Settled {
    before: Tick,
    all: bool,
}

impl Session {
    /// Opens the files and writes the start of the stream. None if nothing can be recorded.
    pub(super) fn open(start: &'static Start) -> Option<Self> {
        let region = region::get()?;
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
        let capture = output.descriptor();
        keep_only([log.descriptor(), capture, handover::descriptor()]);
        let opened = Stream::new(output, &start.settings, start.moment).and_then(|mut stream| {
            stream.begin(start, executable, capture)?;
            let mut pipeline = Pipeline::new(start, stream);
            let drain = begin(&mut pipeline, Drain::new(region), capture)?;
            Ok((drain, pipeline))
        });
        let opened = checked(opened);
        log.flush();
        let (drain, pipeline) = opened?;
        Some(Self { drain, pipeline, log, marked: 0, settled: Settled::default() })
    }

    /// Empties the rings until the program ends or the file can't be written.
    pub(super) fn run(mut self) {
        loop {
            let wakes = signal::wakes();
            let request = FlushRequest::pending();
            let last = lifecycle::is_finishing();
            let moment = FlushRequest::moment();
            let round = checked(self.round(last, request.is_some()));
            self.log.flush();
            if round.is_none() || last {
                break;
            }
            match request {
                Some(request) if self.settled.all || self.settled.before > moment => request.answer(),
                Some(_) => signal::pause(NAP),
                None => self.rest(wakes),
            }
        }
        let lost = self.lost();
        if lost != 0 {
            log::say(Level::Warn, format_args!("{lost} events were lost: the file was too slow"));
        }
        if let Some(Checks { checked, mismatched }) = unwind::checks() {
            let level = if mismatched == 0 { Level::Info } else { Level::Warn };
            log::say(level, format_args!("{mismatched} of {checked} checked backtraces differed"));
        }
        self.log.flush();
    }

    /// Sleeps until there is something to do, or the program turns out to be dead.
    fn rest(&self, wakes: u32) {
        let status = (self.drain.taken() == 0).then(|| status_if_only_ours_are_left(thread::count() as u64));
        if let Some(status) = status.flatten() {
            lifecycle::note_status(status);
            thread::end_with(status);
            lifecycle::begin_finish();
        } else if !lifecycle::is_finishing() {
            signal::wait_for_wake(wakes, REST);
        }
    }

    /// Events that could not be kept.
    fn lost(&self) -> u64 {
        self.drain.lost() + calls::lost()
    }

    fn round(&mut self, last: bool, requested: bool) -> Result<()> {
        let now = Pair::now();
        let due = now.nanoseconds.saturating_sub(self.marked) > MARK_EVERY;
        let extent = match (last, requested || due || self.drain.unmarked() > MARK_LEN) {
            (true, _) => Extent::Last,
            (false, true) => Extent::All,
            (false, false) => Extent::Full,
        };
        self.pipeline.advance(now);
        self.pipeline.set_awaited(requested);
        let round = self.drain.round(now.tick, extent, &mut self.pipeline)?;
        if let Some(round) = round {
            self.marked = now.nanoseconds;
            self.settled = Settled { before: round.before, all: round.is_settled };
            self.pipeline.flush()?;
        } else {
            self.pipeline.look_at_maps(false)?;
        }
        if last {
            self.pipeline.end(self.lost())?;
            handover::close();
        }
        self.drain.commit(self.pipeline.written());
        self.drain.offer_room(sys::futex_wake);
        self.drain.needed_soon().for_each(sys::make_pages);
        Ok(())
    }
}

/// Writes what the file says before the first event.
fn begin(
    pipeline: &mut Pipeline,
    mut drain: Drain<'static>,
    capture: Option<sys::Descriptor>,
) -> Result<Drain<'static>> {
    let now = Pair::now();
    let map = pipeline.write_map(now)?;
    pipeline.flush()?;
    drain.commit(pipeline.written());
    // From here on another process can go on, with what is still in the rings.
    handover::open(capture.filter(|_| pipeline.can_be_handed_over()));
    pipeline.write_binaries(&map, now)?;
    pipeline.flush()?;
    drain.commit(pipeline.written());
    Ok(drain)
}

/// Ends recording, once and for all, if there was an error.
fn checked<T>(result: Result<T>) -> Option<T> {
    result
        .inspect_err(|&errno| {
            let (reason, Errno(number)) = (stream::reason(errno), errno);
            log::say(Level::Error, format_args!("the capture ends here: {reason} (error {number})"));
            capture::silence();
            handover::close();
        })
        .ok()
}

/// Closes the copies of the program's descriptors that the writer was born with.
fn keep_only(kept: [Option<sys::Descriptor>; 3]) {
    let mut kept = kept.map(|kept| kept.map_or(-1, |descriptor| descriptor.0));
    kept.sort_unstable();
    let end = kept.into_iter().fold(-1, |below, above| {
        sys::close_between(below, above);
        above
    });
    sys::close_between(end, i32::MAX);
}
