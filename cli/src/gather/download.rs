//! One connection, from the program's greeting to its last byte.

use super::file;
use super::report::Report;
use crate::arguments::LiveArguments;
use crate::interrupt;
use crate::live::Live;
use anyhow::{Context, Result, bail, ensure};
use bytehound_format::DataId;
use bytehound_format::protocol::{BroadcastHeader, PROTOCOL_VERSION, Request, Response};
use indicatif::ProgressBar;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a connection may take to stand, and the greeting to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// A program that is silent for so long is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(5);
/// How often a silent connection is left to look whether an end was asked for.
const LOOK: Duration = Duration::from_millis(200);
/// Bytes that are read at a time.
const READ_LEN: usize = 256 * 1024;

/// A connection to a program that has said who it is.
pub(super) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    header: BroadcastHeader<'static>,
    /// Bytes that have arrived and were not taken.
    arrived: Vec<u8>,
    /// When something was heard or asked last.
    quiet_since: Instant,
}

/// What reading brought.
#[derive(PartialEq, Eq)]
enum Heard {
    Something,
    Nothing,
    End,
}

impl Connection {
    /// Connects to the first of these addresses that answers.
    pub(super) fn to_first(addresses: &[SocketAddr]) -> Result<Self> {
        let mut result = Err(anyhow::anyhow!("it has no address"));
        for address in addresses {
            result = Self::to(*address);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn to(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(explained)?;
        stream.set_read_timeout(Some(LOOK))?;
        let mut arrived = Vec::with_capacity(2 * READ_LEN);
        let begun = Instant::now();
        let header = loop {
            match read(&stream, &mut arrived)? {
                Heard::End => {
                    bail!("it closed the connection without a word: is it a program under Bytehound?")
                }
                Heard::Nothing => ensure!(
                    begun.elapsed() < PATIENCE && !interrupt::is_stopped(),
                    "it says nothing: is it a program under Bytehound?"
                ),
                Heard::Something => {}
            }
            if let Some((Response::Start(header), used)) = Response::decode(&arrived)? {
                let header = header.into_owned();
                arrived.drain(..used);
                break header;
            }
            ensure!(
                matches!(Response::decode(&arrived), Ok(None)),
                "it begins with another message: is it a program under Bytehound?"
            );
        };
        let version = header.protocol_version;
        ensure!(
            version <= PROTOCOL_VERSION,
            "it speaks version {version} of the protocol: update this program"
        );
        Ok(Self { stream, peer: address, header, arrived, quiet_since: Instant::now() })
    }

    /// Which capture it is.
    pub(super) fn id(&self) -> DataId {
        self.header.id
    }

    /// Reads on; asks whether the program is there if it has been silent for long.
    fn hear(&mut self) -> Result<Heard> {
        let heard = read(&self.stream, &mut self.arrived)?;
        if heard == Heard::Something {
            self.quiet_since = Instant::now();
        } else if heard == Heard::Nothing && self.quiet_since.elapsed() >= SILENCE {
            self.ask(Request::Ping)?;
            self.quiet_since = Instant::now();
        }
        Ok(heard)
    }

    fn ask(&mut self, request: Request) -> Result<()> {
        Ok(self.stream.write_all(&request.encode())?)
    }
}

fn explained(error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::ConnectionRefused => anyhow::anyhow!(
            "nobody listens there: start the program with MEMORY_PROFILER_ENABLE_SERVER=1, and for other machines \
             with MEMORY_PROFILER_SERVER_INTERFACE=0.0.0.0"
        ),
        _ => error.into(),
    }
}

fn read(mut stream: &TcpStream, arrived: &mut Vec<u8>) -> Result<Heard> {
    let filled = arrived.len();
    arrived.resize(filled + READ_LEN, 0);
    let read = stream.read(arrived.get_mut(filled..).unwrap_or_default());
    arrived.truncate(filled + read.as_ref().copied().unwrap_or_default());
    match read {
        Ok(0) => Ok(Heard::End),
        Ok(_) => Ok(Heard::Something),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
            ) =>
        {
            Ok(Heard::Nothing)
        }
        Err(error) => Err(error).context("the connection broke"),
    }
}

/// How a download ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The capture is complete.
    Finished,
    /// The program has gone.
    Closed,
    /// The user has had enough.
    Stopped,
}

/// What a download brought.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The file; none if not a byte came.
    pub(super) path: Option<PathBuf>,
    /// Its size.
    pub(super) bytes: u64,
    pub(super) end: End,
    /// The profile that it is, if it was to go to a server.
    pub(super) sent: Option<Result<String>>,
}

/// How far a download is, for those who wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Milestone {
    /// It goes on.
    GoesOn,
    /// What was recorded before has come.
    HasHistory,
}

/// Where captures go.
#[derive(Clone, Copy)]
pub(super) struct Destination<'a> {
    pub(super) folder: &'a Path,
    /// Who gets them, too.
    pub(super) live: &'a LiveArguments,
}

/// A capture on its way into a file.
pub(super) struct Download<'a> {
    connection: Connection,
    destination: Destination<'a>,
    file: Option<(File, PathBuf)>,
    live: Option<Live>,
    bytes: u64,
    bar: ProgressBar,
}

impl<'a> Download<'a> {
    /// Asks for the capture.
    pub(super) fn begin(
        mut connection: Connection,
        destination: Destination<'a>,
        report: &Report,
    ) -> Result<Self> {
        let bar = report.connected(connection.peer, &connection.header);
        connection.ask(Request::StartStreaming)?;
        Ok(Self { connection, destination, file: None, live: None, bytes: 0, bar })
    }

    /// Takes the capture to its end; tells `passed` how far it is, now and then.
    pub(super) fn run(mut self, mut passed: impl FnMut(Milestone)) -> Result<Outcome> {
        let end = self.take_all(&mut passed);
        self.bar.finish_and_clear();
        let sent = self.live.map(Live::end).into_iter().flatten().map(|(_, sent)| sent).next();
        let path = self.file.map(|(_, path)| path);
        let end = match (end, &path) {
            (Err(error), Some(path)) => {
                return Err(error.context(format!("what came before is in `{}`", path.display())));
            }
            (end, _) => end?,
        };
        Ok(Outcome { path, bytes: self.bytes, end, sent })
    }

    fn take_all(&mut self, passed: &mut impl FnMut(Milestone)) -> Result<End> {
        loop {
            if let Some(end) = self.take_arrived(passed)? {
                return Ok(end);
            }
            if interrupt::is_stopped() {
                return Ok(End::Stopped);
            }
            passed(Milestone::GoesOn);
            if self.connection.hear()? == Heard::End {
                return Ok(End::Closed);
            }
        }
    }

    /// Takes the messages that have arrived whole.
    fn take_arrived(&mut self, passed: &mut impl FnMut(Milestone)) -> Result<Option<End>> {
        let arrived = std::mem::take(&mut self.connection.arrived);
        let mut rest = &*arrived;
        let mut end = None;
        while let Some((message, used)) = Response::decode(rest)? {
            rest = rest.get(used..).unwrap_or_default();
            match message {
                Response::Data(payload) => self.keep(&payload)?,
                Response::FinishedInitialStreaming => {
                    self.bar.set_message("what it records now");
                    passed(Milestone::HasHistory);
                }
                Response::Start(_) | Response::Pong => {}
                Response::Finished => {
                    end = Some(End::Finished);
                    break;
                }
            }
        }
        let taken = arrived.len() - rest.len();
        self.connection.arrived = arrived;
        self.connection.arrived.drain(..taken);
        Ok(end)
    }

    fn keep(&mut self, payload: &[u8]) -> Result<()> {
        let (file, path) = match &mut self.file {
            Some(open) => open,
            none => {
                let created = file::create(self.destination.folder, &self.connection.header)?;
                let path = created.1.clone();
                let find = move || vec![path.clone()];
                self.live = Live::begin_if_wanted(self.destination.live, find);
                none.insert(created)
            }
        };
        file.write_all(payload).with_context(|| format!("cannot write to `{}`", path.display()))?;
        self.bytes += payload.len() as u64;
        self.bar.set_position(self.bytes);
        Ok(())
    }
}
