//! The stream of events: what its start says, and whole files in it.

use core::ops::ControlFlow;
use std::ffi::CString;

use bytehound_format::limits::BLOCK_LEN;
use bytehound_format::v2::{self, BlockFlags, BlockKind, ClockPair};
use bytehound_format::{BLOCK_SCRATCH_LEN, BlockWriter, DataId, Event, HeaderBody, Timestamp};
use bytehound_settings::{Format, Settings};

use super::blocks::Blocks;
use super::container::Container;
use super::output::Output;
use crate::clock::{self, Pair, Tick};
use crate::lifecycle::{self, Start};
use crate::memory::zeroed;
use crate::streaming;
use crate::sys::{self, Descriptor, Errno, Open, Result};
use crate::unwind::FRAMES_MAX;
use crate::{arch, glob};

/// Pieces in which files are copied.
const PIECE: usize = 64 * 1024;
/// So much is kept of a file that does not say how long it is.
const SHORT_LEN_MAX: usize = 1 << 20;
/// Longest command line that is kept.
const COMMAND_LEN_MAX: usize = 128 * 1024;
/// Tag of `File64` in the stream.
const FILE_64: u32 = 23;

/// Events on their way into the file.
pub(super) struct Stream {
    container: Container,
    /// When the rare events of now happen.
    tick: Tick,
    /// When what is told early happens: all heap events of before were told. None if what is told stays in its order.
    early: Option<Tick>,
}

impl Stream {
    pub(super) fn new(output: Output, settings: &Settings, moment: Pair) -> Result<Self> {
        let container = match settings.format {
            Format::V0_11 => Container::V0_11(Box::new(block_writer(output).ok_or(Errno(libc::ENOMEM))?)),
            Format::V2 => {
                let blocks = Blocks::new(output, rare_flags(settings))?;
                Container::V2 { blocks, start: Some(start(moment)), scratch: Vec::with_capacity(PIECE) }
            }
        };
        Ok(Self { container, tick: moment.tick, early: None })
    }

    #[inline]
    pub(super) fn event(&mut self, event: &Event<'_>) -> Result<()> {
        self.container.event(self.tick, event)
    }

    /// Adds an event that happens at `tick`. Rare events stand in one order: after one of later, it counts as of then.
    pub(super) fn event_at(&mut self, tick: Tick, event: &Event<'_>) -> Result<()> {
        self.advance(tick);
        self.container.event(self.tick, event)
    }

    /// Adds an event of 0.11 that is encoded already.
    #[inline]
    pub(super) fn encoded(&mut self, event: &[u8]) -> Result<()> {
        match &mut self.container {
            Container::V0_11(blocks) => blocks.write_encoded(event),
            container => container.begin_event(self.tick, event).and_then(|()| container.end_event()),
        }
    }

    /// Adds a block of version 2; another file has none.
    pub(super) fn block(&mut self, kind: BlockKind, parts: [&[u8]; 3]) -> Result<()> {
        match &mut self.container {
            Container::V2 { blocks, .. } => blocks.put(kind, parts),
            Container::V0_11(_) => Ok(()),
        }
    }

    /// All heap events of earlier ticks than this one were told; those that are told from here on may refer to what is told
    /// early.
    pub(super) fn mark(&mut self, before: Tick) {
        // The first mark may be one of before the start, if a thread was within a hook then.
        self.early = self.early.max(Some(before));
        self.advance(before);
    }

    /// Tells what heap events that are told later may refer to, though they happened before rare events that were told
    /// already: what was seen of the program's mappings was seen while it went on. It happens since `since`, if that is known.
    pub(super) fn tell_early<T>(
        &mut self,
        since: Option<Tick>,
        tell: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let Some(early) = self.early else { return tell(self) };
        // Ticks of one block do not go back.
        self.flush()?;
        let now = core::mem::replace(&mut self.tick, since.map_or(early, |since| since.max(early)));
        let told = tell(self);
        self.advance(now);
        told
    }

    /// Rare events happen at `tick` from here on.
    pub(super) fn advance(&mut self, tick: Tick) {
        self.tick = self.tick.max(tick);
    }

    /// Length of a file of version 2, and how many blocks it has.
    pub(super) fn written(&self) -> (u64, u64) {
        match &self.container {
            Container::V2 { blocks, .. } => blocks.written(),
            Container::V0_11(_) => (0, 0),
        }
    }

    /// Writes what is collected to the file.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.container.flush()
    }

    /// Writes what stands at the start of every capture: who, when, and its labels.
    pub(super) fn begin(
        &mut self,
        start: &Start,
        executable: &[u8],
        capture: Option<Descriptor>,
    ) -> Result<()> {
        let mut buffer = zeroed(COMMAND_LEN_MAX).unwrap_or_default();
        let command = sys::read_file(c"/proc/thread-self/cmdline", &mut buffer).unwrap_or_default();
        let timestamp = Timestamp(clock::nanoseconds() / 1000);
        let (seconds, nanoseconds) = wall_clock();
        let mut id = [0; 16];
        sys::random(&mut id);
        let header = HeaderBody {
            id: data_id(id, start),
            initial_timestamp: Timestamp(start.moment.nanoseconds / 1000),
            timestamp,
            wall_clock_secs: seconds,
            wall_clock_nsecs: nanoseconds,
            pid: start.process,
            cmdline: command.into(),
            executable: executable.into(),
            arch: arch::NAME.into(),
            flags: u64::from(cfg!(target_endian = "little")),
            pointer_size: size_of::<usize>() as u8,
        };
        streaming::start(&start.settings, &header, capture);
        self.event(&Event::Header(header))?;
        self.event(&Event::WallClock { timestamp, sec: seconds, nsec: nanoseconds })?;
        let mut uptime = [0; 64];
        if let Ok(contents) = sys::read_file(c"/proc/uptime", &mut uptime) {
            self.file(timestamp, "/proc/uptime", contents)?;
        }
        if let Some(labels) = &start.settings.labels {
            self.file(timestamp, "bytehound/labels", &labels.0)?;
        }
        let warnings: Vec<_> = lifecycle::warnings().collect();
        if !warnings.is_empty() {
            self.file(timestamp, "bytehound/warnings", warnings.join("\n").as_bytes())?;
        }
        self.container.end_start()?;
        self.included_files(start, timestamp)
    }

    /// Adds the files that the settings name.
    fn included_files(&mut self, start: &Start, timestamp: Timestamp) -> Result<()> {
        let Some(pattern) = &start.settings.include_file else { return Ok(()) };
        let added = glob::for_each_file(pattern, &mut |path| {
            let path = String::from_utf8_lossy(path);
            match self.file_from_disk(timestamp, &path) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(error),
            }
        });
        added.break_value().map_or(Ok(()), Err)
    }

    /// Adds a file that is in memory.
    pub(super) fn file(&mut self, timestamp: Timestamp, path: &str, contents: &[u8]) -> Result<()> {
        self.event(&Event::File64 { timestamp, path: path.into(), contents: contents.into() })
    }

    /// Copies a file from disk, piece by piece. One that can't be read is left out.
    pub(super) fn file_from_disk(&mut self, timestamp: Timestamp, path: &str) -> Result<()> {
        let Ok(name) = CString::new(path) else { return Ok(()) };
        let Ok(file) = sys::open(&name, Open::Read) else { return Ok(()) };
        let result = match sys::file_len(file) {
            // Files of the kernel do not say how long they are.
            Ok(0) | Err(_) => self.short_file(timestamp, path, file),
            Ok(len) => self.copy(timestamp, path, len, |piece| sys::read_full(file, piece)),
        };
        sys::close(file);
        result
    }

    fn short_file(&mut self, timestamp: Timestamp, path: &str, file: Descriptor) -> Result<()> {
        let mut contents = zeroed(SHORT_LEN_MAX).unwrap_or_default();
        let len = sys::read_full(file, &mut contents).unwrap_or(0);
        self.file(timestamp, path, contents.get(..len).unwrap_or_default())
    }

    fn copy(
        &mut self,
        timestamp: Timestamp,
        path: &str,
        len: u64,
        mut read: impl FnMut(&mut [u8]) -> Result<usize>,
    ) -> Result<()> {
        let Some(mut piece) = zeroed(PIECE) else { return Ok(()) };
        let path_len = (path.len() as u32).to_le_bytes();
        let head: [&[u8]; 5] = [
            &FILE_64.to_le_bytes(),
            &timestamp.0.to_le_bytes(),
            &path_len,
            path.as_bytes(),
            &len.to_le_bytes(),
        ];
        self.container.begin_event(self.tick, &head.concat())?;
        let mut left = len;
        while left > 0 {
            let want = left.min(piece.len() as u64) as usize;
            let part = piece.get_mut(..want).unwrap_or_default();
            // The length is promised: a file that has become shorter is filled up.
            let got = read(part).unwrap_or(0);
            part.get_mut(got..).unwrap_or_default().fill(0);
            self.container.put(part)?;
            left -= want as u64;
        }
        self.container.end_event()
    }
}

fn block_writer(output: Output) -> Option<BlockWriter<Vec<u8>, Output>> {
    BlockWriter::new(zeroed(BLOCK_LEN)?, zeroed(BLOCK_SCRATCH_LEN)?, output)
}

/// What the block at the start of a file of version 2 starts with.
fn start(moment: Pair) -> Vec<u8> {
    let pair = ClockPair { tick: moment.tick.0, nanoseconds: moment.nanoseconds };
    let mut payload = Vec::with_capacity(PIECE);
    v2::Start { pair, rate: clock::known_rate(), frames_max: FRAMES_MAX as u32 }.put(&mut payload);
    payload
}

/// What is culled is told by events of 0.11, with backtraces as it has them.
fn rare_flags(settings: &Settings) -> BlockFlags {
    if settings.cull_temporary_allocations { BlockFlags::OWN_BACKTRACES } else { BlockFlags::PLAIN }
}

fn wall_clock() -> (u64, u64) {
    let now = sys::clock(libc::CLOCK_REALTIME);
    (now / 1_000_000_000, now % 1_000_000_000)
}

/// Random where the kernel has randomness to give; else made of what distinguishes this process.
fn data_id(random: [u8; 16], start: &Start) -> DataId {
    let id = u128::from_le_bytes(random);
    let salt = u128::from(start.moment.nanoseconds) << 64 | u128::from(start.process);
    let id = if id == 0 { salt } else { id };
    DataId { a: (id >> 64) as u64, b: id as u64 }
}

/// Why the file could not be written, in words.
pub(super) fn reason(Errno(number): Errno) -> &'static str {
    match number {
        libc::ENOSPC | libc::EDQUOT => "no space is left",
        libc::EFBIG => "the file would become larger than allowed",
        libc::EPIPE => "nobody reads it any more",
        _ => "it can't be written",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytehound_format::Reader;
    use std::fs::File;

    fn header() -> Event<'static> {
        Event::Header(HeaderBody {
            id: DataId { a: 1, b: 2 },
            initial_timestamp: Timestamp(0),
            timestamp: Timestamp(0),
            wall_clock_secs: 0,
            wall_clock_nsecs: 0,
            pid: 1,
            cmdline: b"program".into(),
            executable: b"program".into(),
            arch: arch::NAME.into(),
            flags: 1,
            pointer_size: 8,
        })
    }

    #[test]
    fn what_is_told_early_comes_before_what_was_seen_meanwhile() {
        let path = std::env::temp_dir().join(format!("bytehound-early-{}.dat", std::process::id()));
        let name = CString::new(path.to_str().unwrap()).unwrap();
        let output = Output::to(sys::open(&name, Open::Create).unwrap());
        let moment = Pair { tick: Tick(10), nanoseconds: 10 };
        let mut stream = Stream::new(output, &Settings::default(), moment).unwrap();
        stream.event(&header()).unwrap();
        stream.container.end_start().unwrap();
        let file = |path: &'static str| Event::File64 {
            timestamp: Timestamp(0),
            path: path.into(),
            contents: b"".into(),
        };
        stream.mark(Tick(100));
        stream.event_at(Tick(500), &file("seen at 500")).unwrap();
        stream.tell_early(None, |stream| stream.event(&file("early"))).unwrap();
        stream.event(&file("after that")).unwrap();
        stream.tell_early(Some(Tick(300)), |stream| stream.event(&file("since 300"))).unwrap();
        stream.mark(Tick(400));
        stream.tell_early(Some(Tick(300)), |stream| stream.event(&file("since the mark"))).unwrap();
        stream.mark(Tick(0));
        stream.tell_early(None, |stream| stream.event(&file("since the latest mark"))).unwrap();
        stream.flush().unwrap();

        let mut reader = Reader::new(File::open(&path).unwrap()).unwrap();
        let mut told = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            if let Event::File64 { path, .. } = event {
                told.push(path.into_owned());
            }
        }
        sys::unlink(&name).unwrap();
        let early = ["early", "since 300", "since the mark", "since the latest mark"];
        assert_eq!(told, [&early[..], &["seen at 500", "after that"]].concat());
    }
}
