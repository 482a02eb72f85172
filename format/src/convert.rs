//! From one version of the container to the other.

use std::io::{self, Read, Write};

use crate::capture_writer::CaptureWriter;
use crate::ending::Ending;
use crate::reader::Reader;

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
    let mut writer = CaptureWriter::new(container, output, reader.header())?;
    let mut events = 0_u64;
    while let Some(event) = reader.next_event()? {
        writer.write(&event)?;
        events += 1;
        if events.is_multiple_of(REPORT_EVERY) {
            progress(reader.file_offset());
        }
    }
    progress(reader.file_offset());
    writer.finish(reader.ending().is_some_and(Ending::is_clean))
}
