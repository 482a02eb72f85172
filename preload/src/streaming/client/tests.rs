use std::io::{Read, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;

use super::super::capture_file::spool;
use super::*;

const SECOND: u64 = 1_000_000_000;

/// A client, its other end, and a capture that grows.
struct Setting {
    client: Client,
    peer: UnixStream,
    written: Descriptor,
    capture: CaptureFile,
    contents: Vec<u8>,
    moment: Moment,
    received: Vec<u8>,
}

impl Setting {
    fn new() -> Self {
        let (socket, peer) = UnixStream::pair().unwrap();
        peer.set_nonblocking(true).unwrap();
        let written = spool().unwrap();
        Self {
            client: Client::new(Descriptor(socket.into_raw_fd()), 0),
            peer,
            written,
            capture: CaptureFile::open(written).unwrap(),
            contents: Vec::new(),
            moment: Moment { asked: 0, len: 0, complete: false, now: 0 },
            received: Vec::new(),
        }
    }

    fn add(&mut self, len: usize) {
        let start = self.contents.len();
        let piece: Vec<u8> = (start..start + len).map(|at| (at % 251) as u8).collect();
        sys::write_all(self.written, &piece).unwrap();
        self.contents.extend(piece);
        self.moment.len = self.capture.len();
    }

    fn ask(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.peer.write_all(bytes).unwrap();
        self.client.receive(self.moment)
    }

    fn serve(&mut self) -> Result<(), Gone> {
        self.client.serve(&self.capture, self.moment, &mut vec![0; PIECE_LEN])
    }

    /// Serves the client while the other end takes at most `step` bytes at a time, until nothing comes any more.
    fn stream(&mut self, step: usize) {
        let mut taken = vec![0; step];
        loop {
            self.serve().unwrap();
            match self.peer.read(&mut taken) {
                Ok(len) if len != 0 => self.received.extend_from_slice(&taken[..len]),
                _ => return,
            }
        }
    }

    /// What has arrived: the capture, and the other messages with the length of it before them.
    fn arrived(&self) -> (Vec<u8>, Vec<(usize, Response<'_>)>) {
        let (mut data, mut others, mut rest) = (Vec::new(), Vec::new(), &self.received[..]);
        while let Some((message, used)) = Response::decode(rest).unwrap() {
            match message {
                Response::Data(payload) => data.extend_from_slice(&payload),
                other => others.push((data.len(), other)),
            }
            rest = &rest[used..];
        }
        assert!(rest.is_empty(), "a message is incomplete");
        (data, others)
    }
}

#[test]
fn a_client_gets_the_file_and_then_what_is_added() {
    let mut setting = Setting::new();
    setting.add(200_000);
    setting.ask(&Request::StartStreaming.encode()).unwrap();
    setting.stream(777);
    setting.add(5);
    setting.stream(777);
    setting.moment.complete = true;
    setting.stream(777);
    let (data, others) = setting.arrived();
    assert!(data == setting.contents);
    assert_eq!(others, [(200_000, Response::FinishedInitialStreaming), (200_005, Response::Finished)]);
}

#[test]
fn nothing_is_sent_before_it_is_asked_for() {
    let mut setting = Setting::new();
    setting.add(1000);
    setting.moment.complete = true;
    setting.stream(4096);
    assert!(setting.received.is_empty());
}

#[test]
fn requests_may_come_in_pieces_and_twice() {
    let mut setting = Setting::new();
    setting.add(1000);
    for byte in Request::StartStreaming.encode() {
        setting.ask(&[byte]).unwrap();
    }
    setting.stream(4096);
    setting.ask(&Request::StartStreaming.encode()).unwrap();
    setting.stream(4096);
    assert!(setting.arrived().0 == setting.contents);
}

#[test]
fn pings_are_answered_between_the_pieces() {
    let mut setting = Setting::new();
    setting.add(300_000);
    setting.ask(&Request::Ping.encode()).unwrap();
    setting.ask(&Request::StartStreaming.encode()).unwrap();
    setting.serve().unwrap();
    setting.ask(&Request::Ping.encode()).unwrap();
    setting.stream(4096);
    let (data, others) = setting.arrived();
    assert!(data == setting.contents);
    assert_eq!(others.iter().filter(|(_, message)| *message == Response::Pong).count(), 2);
}

#[test]
fn a_client_with_open_questions_is_not_heard() {
    let mut setting = Setting::new();
    setting.ask(&Request::Ping.encode()).unwrap();
    assert_eq!(setting.client.waits_for(setting.moment).events, libc::POLLOUT);
    setting.serve().unwrap();
    assert_eq!(setting.client.waits_for(setting.moment).events, libc::POLLIN);
}

#[test]
fn a_memory_dump_is_not_made_and_does_no_harm() {
    let mut setting = Setting::new();
    setting.add(1000);
    setting.ask(&Request::TriggerMemoryDump.encode()).unwrap();
    setting.ask(&Request::StartStreaming.encode()).unwrap();
    setting.stream(4096);
    assert!(setting.arrived().0 == setting.contents);
}

#[test]
fn who_speaks_another_language_is_left() {
    assert_eq!(Setting::new().ask(b"GET / HTTP/1.1\r\n\r\n"), Err(Gone));
}

#[test]
fn who_has_gone_is_left() {
    let mut setting = Setting::new();
    setting.add(1000);
    setting.ask(&Request::StartStreaming.encode()).unwrap();
    setting.peer.shutdown(std::net::Shutdown::Both).unwrap();
    assert_eq!(setting.client.receive(setting.moment), Err(Gone));
    assert_eq!(setting.serve(), Err(Gone));
}

#[test]
fn who_takes_nothing_is_stalled_and_goes_on_later() {
    let mut setting = Setting::new();
    setting.add(4_000_000);
    setting.ask(&Request::StartStreaming.encode()).unwrap();
    setting.serve().unwrap();
    setting.serve().unwrap();
    assert!(!setting.client.is_stalled(SECOND));
    setting.moment.now = 3 * SECOND;
    setting.serve().unwrap();
    assert!(setting.client.is_stalled(setting.moment.now));
    assert!(!setting.client.has(setting.moment.len));
    setting.stream(100_000);
    assert!(!setting.client.is_stalled(setting.moment.now));
    assert!(setting.client.has(setting.moment.len));
    assert!(setting.arrived().0 == setting.contents);
}
