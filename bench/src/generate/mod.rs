//! Captures of any size with known answers, in memory that depends on the live blocks and the stacks alone.

mod answers;
mod dwarf;
mod elf;
mod heap;
mod program;
mod scenario;
mod shape;
mod stacks;

pub use answers::{Answers, Group, Moment, Sums};
pub use shape::{Shape, Version};

use anyhow::Result;
use bytehound_format::{CaptureWriter, DataId, Event, HeaderBody, Timestamp, region_flags};
use fastrand::Rng;
use heap::Heap;
use program::Program;
use scenario::{FIRST_THREAD, START_US, Scenario};
use stacks::Stacks;
use std::borrow::Cow;
use std::io::Write;

/// Writes a capture of this shape, and tells what is to be known of it.
///
/// # Errors
/// When the shape is impossible, or the output can't be written.
pub fn generate<W: Write>(shape: &Shape, output: W) -> Result<Answers> {
    shape.check()?;
    let mut random = Rng::with_seed(shape.seed);
    let program = Program::for_stacks(shape.stacks);
    let stacks = Stacks::new(&program, shape.stacks, &mut random);
    let mut capture = CaptureWriter::new(shape.format.container(), output, &header(shape))?;
    write_program(&program, &mut capture)?;
    let heap = Heap::new(shape.stacks);
    for (map_id, place) in (1..).zip(heap::regions(shape.live)) {
        capture.write(&region(map_id, place))?;
    }
    let thread = FIRST_THREAD;
    let scenario = Scenario { shape, stacks: &stacks, random, heap, capture: &mut capture, seen: 0, thread };
    let heap = scenario.run()?;
    capture.finish(true)?;
    Ok(heap.answers(&stacks))
}

fn write_program<W: Write>(program: &Program, capture: &mut CaptureWriter<W>) -> Result<()> {
    for module in &program.modules {
        write_file(module.path, &module.elf(), capture)?;
    }
    write_file("/proc/self/maps", program.maps().as_bytes(), capture)
}

fn write_file<W: Write>(path: &str, contents: &[u8], capture: &mut CaptureWriter<W>) -> Result<()> {
    let file = Event::File64 {
        timestamp: Timestamp(START_US),
        path: Cow::Borrowed(path),
        contents: Cow::Borrowed(contents),
    };
    Ok(capture.write(&file)?)
}

/// A part of the heap, as the kernel lists it.
fn region(map_id: u64, place: std::ops::Range<u64>) -> Event<'static> {
    Event::AddRegion {
        timestamp: Timestamp(START_US),
        map_id,
        address: place.start,
        length: place.end - place.start,
        file_offset: 0,
        inode: 0,
        major: 0,
        minor: 0,
        flags: region_flags::READABLE | region_flags::WRITABLE,
        name: Cow::Borrowed("[heap]"),
    }
}

fn header(shape: &Shape) -> HeaderBody<'static> {
    HeaderBody {
        id: DataId { a: shape.seed, b: shape.events },
        initial_timestamp: Timestamp(START_US),
        timestamp: Timestamp(START_US),
        wall_clock_secs: 1_700_000_000,
        wall_clock_nsecs: 0,
        pid: FIRST_THREAD,
        cmdline: Cow::Borrowed(b"shop\0--serve\0"),
        executable: Cow::Borrowed(b"/opt/shop/bin/shop"),
        arch: Cow::Borrowed("x86_64"),
        flags: 1,
        pointer_size: 8,
    }
}
