//! What the stream has no events for, as small files beside them: the memory of the whole process, and which maps'
//! numbers are apportioned.

use bytehound_format::Event;

use super::book::Sink;
use super::regions::MapId;
use crate::clock::Tick;
use crate::sys::{self, Result};

/// Lines of `/proc/PID/status` that are kept.
const LINES: [&[u8]; 8] =
    [b"VmPeak:", b"VmSize:", b"VmHWM:", b"VmRSS:", b"RssAnon:", b"RssFile:", b"RssShmem:", b"VmSwap:"];

/// Tells how much memory the process has now.
pub(super) fn tell<S: Sink>(tick: Tick, sink: &mut S) -> Result<()> {
    let mut buffer = [0; 4096];
    let Ok(status) = sys::read_file(c"/proc/thread-self/status", &mut buffer) else { return Ok(()) };
    let mut kept = [0; 512];
    let mut len = 0;
    for line in status.split_inclusive(|&byte| byte == b'\n') {
        let is_kept = LINES.iter().any(|start| line.starts_with(start));
        if let Some(room) = kept.get_mut(len..len + line.len()).filter(|_| is_kept) {
            room.copy_from_slice(line);
            len += line.len();
        }
    }
    file("bytehound/memory", kept.get(..len).unwrap_or_default(), tick, sink)
}

/// Tells which maps share a mapping of the kernel with others, so that kinds of their memory are apportioned.
pub(super) fn tell_apportioned<S: Sink>(maps: &[MapId], tick: Tick, sink: &mut S) -> Result<()> {
    // In pieces, so that no memory is needed for the text.
    for maps in maps.chunks(16) {
        let mut text = [0; 16 * 21];
        let mut len = 0;
        for map in maps {
            len += write_line(text.get_mut(len..).unwrap_or_default(), map.0);
        }
        file("bytehound/apportioned-maps", text.get(..len).unwrap_or_default(), tick, sink)?;
    }
    Ok(())
}

/// Writes a number and the end of a line; returns how many bytes that took.
fn write_line(mut to: &mut [u8], number: u64) -> usize {
    let room = to.len();
    // A number of 64 bits has at most 20 digits.
    match std::io::Write::write_fmt(&mut to, format_args!("{number}\n")) {
        Ok(()) => room - to.len(),
        Err(_) => 0,
    }
}

fn file<S: Sink>(path: &str, contents: &[u8], tick: Tick, sink: &mut S) -> Result<()> {
    let timestamp = sink.time(tick);
    sink.event(tick, &Event::File64 { timestamp, path: path.into(), contents: contents.into() })
}
