//! The server's thread: it waits for clients, and serves each from the file.

use core::net::SocketAddrV4;
use core::sync::atomic::Ordering;
use core::time::Duration;

use bytehound_format::HeaderBody;
use bytehound_format::protocol::SERVER_PORTS_MORE;

use super::announcement::{Announcement, Broadcast};
use super::capture_file::CaptureFile;
use super::client::{Client, Moment, PIECE_LEN};
use super::{ASKED, CLIENTS, COMPLETE, MET, socket};
use crate::clock;
use crate::log::{self, Level};
use crate::memory::zeroed;
use crate::settings::Settings;
use crate::sys::{self, Descriptor, Errno, Result};

/// Clients at a time. Others have to wait.
const CLIENTS_MAX: usize = 16;
/// How long the file may have grown before clients get the new part.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// How long the server sleeps without clients: between two broadcasts.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Server {
    listener: Descriptor,
    capture: CaptureFile,
    announcement: Announcement,
    broadcast: Option<Broadcast>,
    clients: [Option<Client>; CLIENTS_MAX],
    buffer: Vec<u8>,
    /// The request to catch up that was seen last, and where the file ended then.
    asked: u32,
    asked_for: u64,
    /// When new clients are accepted again, in ns.
    accepts_from: u64,
}

impl Server {
    /// Opens the capture for reading and a port for clients. If one can't be had, the log says so.
    pub(super) fn open(settings: &Settings, header: &HeaderBody<'_>, capture: Descriptor) -> Option<Self> {
        let capture = match CaptureFile::open(capture) {
            Ok(capture) => capture,
            Err(Errno(number)) => {
                let why = format_args!(
                    "the capture is no file that can be read (error {number}): it is not streamed"
                );
                log::say(Level::Error, why);
                return None;
            }
        };
        let first = SocketAddrV4::new(settings.server_interface, settings.base_server_port);
        let (listener, port) = match listen(first) {
            Ok(open) => open,
            Err(Errno(number)) => {
                let why = format_args!(
                    "cannot listen on `{first}` or the next ports (error {number}): the capture is not streamed"
                );
                log::say(Level::Error, why);
                return None;
            }
        };
        log::say(Level::Info, format_args!("streaming on `{}:{port}`", first.ip()));
        Some(Self {
            listener,
            capture,
            announcement: Announcement::new(header, port),
            broadcast: settings.enable_broadcast.then(|| Broadcast::new(*first.ip())),
            clients: [const { None }; CLIENTS_MAX],
            buffer: zeroed(PIECE_LEN)?,
            asked: 0,
            asked_for: 0,
            accepts_from: 0,
        })
    }

    pub(super) fn listener(&self) -> Descriptor {
        self.listener
    }

    /// Serves clients until the capture is complete and they have it.
    pub(super) fn run(mut self) {
        loop {
            let moment = self.moment();
            let connected = self.serve(moment);
            self.answer(moment);
            if moment.complete && connected == 0 {
                return;
            }
            if let Some(broadcast) = &mut self.broadcast
                && !moment.complete
            {
                broadcast.send_if_due(&self.announcement, moment.now);
            }
            // Where waiting is forbidden, nothing can be done.
            if self.wait(moment, connected).is_err() {
                return;
            }
        }
    }

    fn moment(&self) -> Moment {
        // In this order: what is asked for is in the file by then, and what is complete does not grow any more.
        let asked = ASKED.load(Ordering::Acquire);
        let complete = COMPLETE.load(Ordering::Acquire);
        Moment { asked, complete, len: self.capture.len(), now: clock::nanoseconds() }
    }

    /// Gives every client what it has room for; says how many there are.
    fn serve(&mut self, moment: Moment) -> u32 {
        for place in &mut self.clients {
            let Some(client) = place else { continue };
            let served = client.serve(&self.capture, moment, &mut self.buffer);
            if served.is_err() || (moment.complete && client.is_stalled(moment.now)) {
                *place = None;
            }
        }
        let connected = self.clients.iter().flatten().count() as u32;
        CLIENTS.store(connected, Ordering::Release);
        connected
    }

    /// Answers a request that all clients catch up, when they have or will not.
    fn answer(&mut self, moment: Moment) {
        if moment.asked != self.asked {
            self.asked = moment.asked;
            self.asked_for = moment.len;
        }
        let wanted = self.asked_for;
        let goes_on = |client: &Client| client.has(wanted) || client.is_stalled(moment.now);
        if self.asked != MET.load(Ordering::Relaxed) && self.clients.iter().flatten().all(goes_on) {
            MET.store(self.asked, Ordering::Release);
            sys::futex_wake(&MET);
        }
    }

    /// Waits until a socket is ready or it is time to look at the file again.
    fn wait(&mut self, moment: Moment, connected: u32) -> Result<()> {
        let nobody = libc::pollfd { fd: -1, events: 0, revents: 0 };
        let mut ready = [nobody; CLIENTS_MAX + 1];
        let [listener, others @ ..] = &mut ready;
        if !moment.complete && moment.now >= self.accepts_from {
            *listener = libc::pollfd { fd: self.listener.0, events: libc::POLLIN, revents: 0 };
        }
        for (place, client) in others.iter_mut().zip(&self.clients) {
            if let Some(client) = client {
                *place = client.waits_for(moment);
            }
        }
        socket::poll(&mut ready, if connected == 0 { IDLE } else { TICK })?;
        let [listener, others @ ..] = ready;
        for (place, ready) in self.clients.iter_mut().zip(others) {
            if let Some(client) = place
                && ready.revents & !libc::POLLOUT != 0
                && client.receive(moment).is_err()
            {
                *place = None;
            }
        }
        if listener.revents != 0 {
            self.accept(moment);
        }
        Ok(())
    }

    fn accept(&mut self, moment: Moment) {
        let client = match socket::accept(self.listener) {
            Ok(socket) => Client::new(socket, moment.now),
            Err(Errno(libc::EAGAIN | libc::EINTR | libc::ECONNABORTED)) => return,
            // Descriptors may have run out. The client goes on waiting, and so must we, but not in circles.
            Err(_) => {
                self.accepts_from = moment.now + IDLE.as_nanos() as u64;
                return;
            }
        };
        // One that is not kept is disconnected.
        if let Some(place) = self.clients.iter_mut().find(|place| place.is_none()) {
            *place = Some(client).filter(|client| self.announcement.greet(client));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        sys::close(self.listener);
    }
}

/// Listens on the first port that is free.
fn listen(first: SocketAddrV4) -> Result<(Descriptor, u16)> {
    let last = first.port().saturating_add(SERVER_PORTS_MORE);
    let mut result = Err(Errno(libc::EADDRINUSE));
    for port in first.port()..=last {
        result = socket::listen(SocketAddrV4::new(*first.ip(), port));
        if result != Err(Errno(libc::EADDRINUSE)) {
            break;
        }
    }
    let listener = result?;
    Ok((listener, socket::port(listener)?))
}
