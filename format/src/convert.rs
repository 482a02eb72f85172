//! From one version of the container to the other.

use std::io::{self, Read, Write};

use crate::ending::Ending;
use crate::event::Event;
use crate::reader::Reader;
use crate::v2;
use crate::writer::Writer;

/// A version of the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// What Bytehound 0.11 reads and writes.
    V0_11,
    /// Checksummed blocks: see [`crate::v2`].
    V2,
}

/// Events after which the progress is told.
const REPORT_EVERY: u64 = 1 << 16;

/// Writes all events of `reader` to `output`, and gives it back. `progress` is told the bytes of the source that were
/// read.
///
/// Whether the source was whole, its [`Reader::ending`] tells afterwards. A file of version 2 has an end mark if its
/// source was whole.
pub fn convert<R: Read, W: Write>(
    reader: &mut Reader<R>,
    container: Container,
    output: W,
    mut progress: impl FnMut(u64),
) -> io::Result<W> {
    let header = reader.header().clone();
    let mut sink = match container {
        Container::V0_11 => {
            let mut writer = Writer::new(output);
            writer.write(&Event::Header(header))?;
            Sink::V0_11(Box::new(writer))
        }
        Container::V2 => Sink::V2(Box::new(v2::Writer::new(output, &header)?)),
    };
    let mut events = 0_u64;
    while let Some(event) = reader.next_event()? {
        sink.write(&event)?;
        events += 1;
        if events.is_multiple_of(REPORT_EVERY) {
            progress(reader.file_offset());
        }
    }
    progress(reader.file_offset());
    match sink {
        Sink::V0_11(writer) => writer.finish(),
        Sink::V2(writer) if reader.ending().is_some_and(Ending::is_clean) => writer.finish_complete(),
        Sink::V2(writer) => writer.finish(),
    }
}

enum Sink<W: Write> {
    V0_11(Box<Writer<W>>),
    V2(Box<v2::Writer<W>>),
}

impl<W: Write> Sink<W> {
    fn write(&mut self, event: &Event<'_>) -> io::Result<()> {
        match self {
            Self::V0_11(writer) => writer.write(event),
            Self::V2(writer) => writer.write(event),
        }
    }
}
