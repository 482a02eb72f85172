//! Events to a file of either version.

use std::io::{self, Write};

use crate::convert::Container;
use crate::event::{Event, HeaderBody};
use crate::v2;
use crate::writer::Writer;

/// Writes events as a capture file of a version that is chosen at run time.
pub struct CaptureWriter<W: Write>(Version<W>);

enum Version<W: Write> {
    V0_11(Box<Writer<W>>),
    V2(Box<v2::Writer<W>>),
}

impl<W: Write> CaptureWriter<W> {
    /// Starts a file.
    pub fn new(container: Container, output: W, header: &HeaderBody<'_>) -> io::Result<Self> {
        Ok(Self(match container {
            Container::V0_11 => {
                let mut writer = Writer::new(output);
                writer.write(&Event::Header(header.clone()))?;
                Version::V0_11(Box::new(writer))
            }
            Container::V2 => Version::V2(Box::new(v2::Writer::new(output, header)?)),
        }))
    }

    /// Adds one event.
    pub fn write(&mut self, event: &Event<'_>) -> io::Result<()> {
        match &mut self.0 {
            Version::V0_11(writer) => writer.write(event),
            Version::V2(writer) => writer.write(event),
        }
    }

    /// Writes out the rest and gives the output back. If all events are there, a file of version 2 says so.
    pub fn finish(self, is_complete: bool) -> io::Result<W> {
        match self.0 {
            Version::V0_11(writer) => writer.finish(),
            Version::V2(writer) if is_complete => writer.finish_complete(),
            Version::V2(writer) => writer.finish(),
        }
    }
}
