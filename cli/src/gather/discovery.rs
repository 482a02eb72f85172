//! Programs that announce themselves, and a download from each.

use super::download::{Connection, Destination, Download, Milestone};
use super::gates::{Gates, Pass};
use super::report::Report;
use crate::interrupt;
use anyhow::{Context, Result};
use bytehound_format::DataId;
use bytehound_format::protocol::{BROADCAST_PORT, BroadcastHeader, PROTOCOL_VERSION};
use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a silent socket is left to look whether an end was asked for.
const LOOK: Duration = Duration::from_millis(100);
/// Longest datagram.
const DATAGRAM_LEN_MAX: usize = 64 * 1024;
/// Captures that are gathered at a time. A network full of announcements costs no more than this.
const DOWNLOADS_MAX: usize = 256;
/// Captures of which it is said that they can't be had.
const LAMENTS_MAX: usize = 1000;
/// How long an initial download may keep others of the same machine waiting.
const INITIAL_MAX: Duration = Duration::from_secs(60);

/// Gathers from every program that is heard, until an end is asked for.
pub(super) fn gather_all(destination: Destination<'_>, report: &Report) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, BROADCAST_PORT)).with_context(|| {
        format!(
            "cannot listen for announcements on UDP port {BROADCAST_PORT}; does another `bytehound gather` run? \
             `bytehound gather HOST:PORT` needs no announcement"
        )
    })?;
    socket.set_read_timeout(Some(LOOK))?;
    report.say(&format!("listening for programs on UDP port {BROADCAST_PORT}; Ctrl-C ends"));
    let gathering = Gathering { destination, report, gates: Gates::default(), known: Mutex::default() };
    std::thread::scope(|scope| {
        let mut datagram = vec![0; DATAGRAM_LEN_MAX];
        while !interrupt::is_stopped() {
            let (len, from) = match socket.recv_from(&mut datagram) {
                Ok(received) => received,
                Err(error) if is_quiet(error.kind()) => continue,
                Err(error) => return Err(error).context("cannot listen for announcements any more"),
            };
            // Anybody can send anything here.
            let heard = datagram.get(..len).unwrap_or_default();
            let Ok(header) = BroadcastHeader::decode(heard) else { continue };
            if header.protocol_version > PROTOCOL_VERSION {
                gathering.refuse(&header, from.ip());
            } else if gathering.is_new(header.id) {
                let (id, port) = (header.id, header.listener_port);
                let gathering = &gathering;
                scope.spawn(move || gathering.gather(id, from.ip(), port));
            }
        }
        Ok(())
    })
}

fn is_quiet(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// What all downloads share.
struct Gathering<'a> {
    destination: Destination<'a>,
    report: &'a Report,
    gates: Gates,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Captures whose download goes on, or has begun at some time.
    ids: HashSet<DataId>,
    going_on: usize,
    /// Captures that could not be had, which was said.
    lamented: HashSet<DataId>,
}

impl Gathering<'_> {
    /// Whether this capture is to be downloaded now; it counts as known from then on.
    fn is_new(&self, id: DataId) -> bool {
        let mut known = self.known();
        let is_new = known.going_on < DOWNLOADS_MAX && known.ids.insert(id);
        known.going_on += usize::from(is_new);
        is_new
    }

    /// A download is over. One that did not even begin is tried again at the next announcement.
    fn is_over(&self, id: DataId, had_begun: bool) {
        let mut known = self.known();
        known.going_on -= 1;
        if !had_begun {
            known.ids.remove(&id);
        }
    }

    fn gather(&self, id: DataId, machine: IpAddr, port: u16) {
        let pass = self.gates.enter(machine);
        let connection = pass.as_ref().and_then(|_| self.connect(id, machine, port));
        let had_begun = connection.is_some();
        if let Some(connection) = connection {
            self.download(connection, pass);
        }
        self.is_over(id, had_begun);
    }

    fn connect(&self, id: DataId, machine: IpAddr, port: u16) -> Option<Connection> {
        let addresses: Vec<_> = routes(machine).into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        match Connection::to_first(&addresses) {
            // Another program may have the port by now: that one announces itself, too.
            Ok(connection) => (connection.id() == id).then_some(connection),
            Err(error) => {
                if !interrupt::is_stopped() && self.may_lament(id) {
                    self.report.say(&format!("cannot gather from {machine}:{port}: {error:#}"));
                }
                None
            }
        }
    }

    fn download(&self, connection: Connection, mut pass: Option<Pass<'_>>) {
        let begun = Instant::now();
        let outcome = Download::begin(connection, self.destination, self.report).and_then(|download| {
            download.run(|milestone| {
                if milestone == Milestone::HasHistory || begun.elapsed() > INITIAL_MAX {
                    pass = None;
                }
            })
        });
        match outcome {
            Ok(outcome) => self.report.outcome(&outcome),
            Err(error) => self.report.say(&format!("error: {error:#}")),
        }
    }

    fn refuse(&self, header: &BroadcastHeader<'_>, machine: IpAddr) {
        if self.may_lament(header.id) {
            let version = header.protocol_version;
            let text = format!(
                "a program on {machine} speaks version {version} of the protocol: update this program"
            );
            self.report.say(&text);
        }
    }

    /// Whether to say that a capture can't be had: once, though it is announced every second.
    fn may_lament(&self, id: DataId) -> bool {
        let mut known = self.known();
        known.lamented.len() < LAMENTS_MAX && known.lamented.insert(id)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The addresses to reach a machine at. A program of this one may listen to this one alone.
fn routes(machine: IpAddr) -> Vec<IpAddr> {
    let is_ours = UdpSocket::bind((machine, 0)).is_ok();
    let loopback = is_ours.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut routes: Vec<_> = loopback.into_iter().chain([machine]).collect();
    routes.dedup();
    routes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_is_reached_over_loopback() {
        let ours = IpAddr::from([127, 0, 0, 2]);
        assert_eq!(routes(ours), [IpAddr::V4(Ipv4Addr::LOCALHOST), ours]);
        assert_eq!(routes(Ipv4Addr::LOCALHOST.into()), [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        let other = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(routes(other), [other]);
    }
}
