//! One client: how far it is, and what it gets next.

use bytehound_format::SliceOutput;
use bytehound_format::protocol::{Request, Response, data_head};

use super::capture_file::CaptureFile;
use super::socket::{self, Follows};
use crate::log::{self, Level};
use crate::sys::{self, Descriptor, Errno};

/// Bytes of the capture that go into one message.
pub(super) const PIECE_LEN: usize = 64 * 1024;
/// Sends for one client before it is the next one's turn.
const SENDS_A_ROUND: u32 = 32;
/// A client that takes nothing for so long, in ns, is not waited for.
const STALLED_AFTER: u64 = 2_000_000_000;

/// The capture at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Number of the newest request that all clients catch up.
    pub(super) asked: u32,
    /// Bytes in the file.
    pub(super) len: u64,
    /// Whether no more will come.
    pub(super) complete: bool,
    /// The monotonic clock, in ns.
    pub(super) now: u64,
}

/// The client has gone, or speaks another language.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has asked for nothing.
    Idle,
    /// It gets what was in the file when it asked, which ends here.
    CatchingUp { until: u64 },
    /// It gets what is added.
    Live,
    /// It was told that this is all.
    Finished,
}

/// A short message, of which some bytes were sent.
#[derive(Debug, Default)]
struct Head {
    bytes: [u8; 8],
    len: usize,
    sent: usize,
}

impl Head {
    fn new(response: &Response<'_>) -> Self {
        let mut head = Self::default();
        let mut out = SliceOutput::new(&mut head.bytes);
        response.encode(&mut out);
        head.len = out.finish().map_or(0, <[u8]>::len);
        head
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.sent..self.len).unwrap_or_default()
    }
}

#[derive(Debug)]
pub(super) struct Client {
    socket: Descriptor,
    phase: Phase,
    head: Head,
    /// Bytes of the capture that are promised after the head.
    payload: usize,
    /// The next byte of the capture to be sent.
    position: u64,
    request: [u8; Request::LEN],
    request_len: usize,
    /// Pings that are not answered.
    pings: u32,
    unacknowledged: u32,
    /// When the client took something last.
    moved: u64,
}

impl Client {
    /// A client that has come, and is not greeted yet.
    pub(super) fn new(socket: Descriptor, now: u64) -> Self {
        Self {
            socket,
            phase: Phase::Idle,
            head: Head::default(),
            payload: 0,
            position: 0,
            request: [0; Request::LEN],
            request_len: 0,
            pings: 0,
            unacknowledged: 0,
            moved: now,
        }
    }

    /// Sends the client its first message; says whether there was room for it, as there always is.
    pub(super) fn greet(&self, message: &[u8]) -> bool {
        socket::send(self.socket, message, Follows::Nothing) == Ok(message.len())
    }

    /// Sends what the client has room for, up to a limit.
    pub(super) fn serve(
        &mut self,
        capture: &CaptureFile,
        moment: Moment,
        buffer: &mut [u8],
    ) -> Result<(), Gone> {
        for _ in 0..SENDS_A_ROUND {
            let took = if !self.head.rest().is_empty() {
                self.send_head()?
            } else if self.payload != 0 {
                self.send_payload(capture, buffer)?
            } else {
                self.begin_message(moment)
            };
            if !took {
                break;
            }
            self.moved = moment.now;
        }
        let unacknowledged = socket::unacknowledged(self.socket);
        if unacknowledged < self.unacknowledged {
            self.moved = moment.now;
        }
        self.unacknowledged = unacknowledged;
        Ok(())
    }

    /// Decides what comes next; says whether there is something.
    fn begin_message(&mut self, moment: Moment) -> bool {
        let left = moment.len.saturating_sub(self.position);
        let message = match self.phase {
            Phase::Finished => return false,
            _ if self.pings != 0 => {
                self.pings -= 1;
                Response::Pong
            }
            Phase::Idle => return false,
            Phase::CatchingUp { until } if self.position >= until => {
                self.phase = Phase::Live;
                Response::FinishedInitialStreaming
            }
            _ if left != 0 => {
                self.payload = left.min(PIECE_LEN as u64) as usize;
                let bytes = data_head(self.payload as u32);
                self.head = Head { bytes, len: bytes.len(), sent: 0 };
                return true;
            }
            _ if moment.complete => {
                self.phase = Phase::Finished;
                Response::Finished
            }
            _ => return false,
        };
        self.head = Head::new(&message);
        true
    }

    fn send_head(&mut self) -> Result<bool, Gone> {
        let follows = if self.payload == 0 { Follows::Nothing } else { Follows::More };
        let sent = self.send(self.head.rest(), follows)?;
        self.head.sent += sent;
        if self.phase == Phase::Finished && self.head.rest().is_empty() {
            socket::end(self.socket);
        }
        Ok(sent != 0)
    }

    fn send_payload(&mut self, capture: &CaptureFile, buffer: &mut [u8]) -> Result<bool, Gone> {
        let piece = buffer.get_mut(..self.payload).ok_or(Gone)?;
        let read = capture.read_at(self.position, piece).map_err(|_| Gone)?;
        if read == 0 {
            log::say(
                Level::Warn,
                format_args!("the capture's file has become shorter: a client can't be served"),
            );
            return Err(Gone);
        }
        let sent = self.send(piece.get(..read).unwrap_or_default(), Follows::Nothing)?;
        self.payload -= sent;
        self.position += sent as u64;
        Ok(sent != 0)
    }

    /// Sends as many bytes as there is room for.
    fn send(&self, bytes: &[u8], follows: Follows) -> Result<usize, Gone> {
        match socket::send(self.socket, bytes, follows) {
            Ok(sent) => Ok(sent),
            Err(Errno(libc::EAGAIN | libc::EINTR)) => Ok(0),
            Err(_) => Err(Gone),
        }
    }

    /// Takes what the client has to say.
    pub(super) fn receive(&mut self, moment: Moment) -> Result<(), Gone> {
        let mut bytes = [0; 64];
        let received = match socket::receive(self.socket, &mut bytes) {
            Ok(0) => return Err(Gone),
            Ok(received) => received,
            Err(Errno(libc::EAGAIN | libc::EINTR)) => return Ok(()),
            Err(_) => return Err(Gone),
        };
        for &byte in bytes.iter().take(received) {
            if let Some(place) = self.request.get_mut(self.request_len) {
                *place = byte;
            }
            self.request_len += 1;
            if self.request_len == Request::LEN {
                self.request_len = 0;
                self.take(moment)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, moment: Moment) -> Result<(), Gone> {
        match Request::decode(self.request).map_err(|_| Gone)? {
            Request::StartStreaming if self.phase == Phase::Idle => {
                self.phase = Phase::CatchingUp { until: moment.len };
            }
            Request::StartStreaming => {}
            Request::Ping => self.pings += 1,
            Request::TriggerMemoryDump => {
                log::say(
                    Level::Warn,
                    format_args!("a client has asked for a memory dump, which is not made"),
                );
            }
        }
        Ok(())
    }

    /// What has to happen before the client can go on.
    pub(super) fn waits_for(&self, moment: Moment) -> libc::pollfd {
        let streams = matches!(self.phase, Phase::CatchingUp { .. } | Phase::Live);
        let sends = !self.head.rest().is_empty()
            || self.payload != 0
            || self.pings != 0
            || (streams && self.position < moment.len)
            || matches!(self.phase, Phase::CatchingUp { until } if self.position >= until);
        let out = if sends { libc::POLLOUT } else { 0 };
        // Who does not take answers may not ask more.
        let questions = if self.pings == 0 { libc::POLLIN } else { 0 };
        libc::pollfd { fd: self.socket.0, events: out | questions, revents: 0 }
    }

    /// Whether the client has confirmed everything before `position`.
    pub(super) fn has(&self, position: u64) -> bool {
        self.position >= position && self.unacknowledged == 0
    }

    /// Whether the client has taken nothing for a while.
    pub(super) fn is_stalled(&self, now: u64) -> bool {
        now.saturating_sub(self.moved) > STALLED_AFTER
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        sys::close(self.socket);
    }
}

#[cfg(test)]
mod tests;
