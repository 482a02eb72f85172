//! What the server tells of the program: to each client, and once a second to everybody who listens.

use core::net::Ipv4Addr;

use bytehound_format::protocol::{BROADCAST_PORT, BroadcastHeader, PROTOCOL_VERSION, Response};
use bytehound_format::{DataId, HeaderBody, SliceOutput, Timestamp};

use super::client::Client;
use super::socket;
use crate::arch;
use crate::sys;

/// Bytes of the command line that are told: an announcement should fit into one packet.
const COMMAND_LEN_MAX: usize = 512;
/// Bytes that an announcement may have: the kernel's longest path, and all the rest.
const LEN_MAX: usize = 8 * 1024;
/// Between two broadcasts, in ns.
const INTERVAL: u64 = 1_000_000_000;

/// The facts that are told.
#[derive(Debug)]
pub(super) struct Announcement {
    id: DataId,
    begun: Timestamp,
    process: u32,
    command: Vec<u8>,
    executable: Vec<u8>,
    port: u16,
}

impl Announcement {
    pub(super) fn new(header: &HeaderBody<'_>, port: u16) -> Self {
        let command = header.cmdline.get(..COMMAND_LEN_MAX).unwrap_or(&header.cmdline);
        Self {
            id: header.id,
            begun: header.initial_timestamp,
            process: header.pid,
            command: command.to_vec(),
            executable: header.executable.to_vec(),
            port,
        }
    }

    /// Greets a new client; says whether it could be.
    pub(super) fn greet(&self, client: &Client) -> bool {
        let mut memory = [0; LEN_MAX];
        let mut out = SliceOutput::new(&mut memory);
        Response::Start(self.header()).encode(&mut out);
        out.finish().is_some_and(|message| client.greet(message))
    }

    fn header(&self) -> BroadcastHeader<'_> {
        let now = sys::clock(libc::CLOCK_REALTIME);
        BroadcastHeader {
            id: self.id,
            initial_timestamp: self.begun,
            timestamp: Timestamp(sys::clock(libc::CLOCK_MONOTONIC) / 1000),
            wall_clock_secs: now / 1_000_000_000,
            wall_clock_nsecs: now % 1_000_000_000,
            pid: self.process,
            cmdline: (&*self.command).into(),
            executable: (&*self.executable).into(),
            arch: arch::NAME.into(),
            listener_port: self.port,
            protocol_version: PROTOCOL_VERSION,
        }
    }
}

/// Tells everybody who can reach the server that it is there.
#[derive(Debug)]
pub(super) struct Broadcast {
    /// Where the server listens.
    interface: Ipv4Addr,
    due: u64,
}

impl Broadcast {
    pub(super) fn new(interface: Ipv4Addr) -> Self {
        Self { interface, due: 0 }
    }

    /// Sends the announcement if it is time again.
    pub(super) fn send_if_due(&mut self, announcement: &Announcement, now: u64) {
        if now < self.due {
            return;
        }
        self.due = now + INTERVAL;
        let mut memory = [0; LEN_MAX];
        let mut out = SliceOutput::new(&mut memory);
        announcement.header().encode(&mut out);
        let Some(datagram) = out.finish() else { return };
        let send = |from| {
            // An interface that can't broadcast is no reason not to try the others, or again.
            let _ = socket::broadcast(from, BROADCAST_PORT, datagram);
        };
        send(self.interface);
        if self.interface.is_unspecified() {
            socket::for_each_address(send);
        }
    }
}
