//! A server that answers as a test wants.

use crate::client::{Client, Server};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// Answers a request's first line and body with a status and a body.
type Answers = dyn Fn(&str, &[u8]) -> (u16, String) + Send;

/// One connection, one request, one answer at a time; it ends when dropped.
pub(crate) struct FakeServer {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeServer {
    pub(crate) fn start(answers: impl Fn(&str, &[u8]) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, ends) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stop) = (requests.clone(), ends.clone());
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                counter.fetch_add(1, Ordering::SeqCst);
                serve(connection.unwrap(), &answers);
            }
        });
        Self { address, requests, ends, thread: Some(thread) }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&Server::parse(&format!("http://{}", self.address)).unwrap())
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes it from waiting for a connection.
        drop(TcpStream::connect(self.address));
        self.thread.take().map(JoinHandle::join).unwrap().unwrap();
    }
}

fn serve(connection: TcpStream, answers: &Answers) {
    let mut reader = BufReader::new(&connection);
    let head: Vec<_> =
        reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
    let headers = head.iter().filter_map(|line| line.split_once(": "));
    let mut lengths = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, text) = answers(&head[0], &body);
    let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", text.len());
    (&connection).write_all((head + &text).as_bytes()).unwrap();
}
