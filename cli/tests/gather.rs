//! `bytehound gather` and a program that says what a program should not. Real ones are gathered from end to end.
#![expect(clippy::unwrap_used, reason = "the tests' own functions fail by panicking, too")]

use bytehound_format::protocol::{BroadcastHeader, Request, Response};
use bytehound_format::{DataId, Timestamp};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::{TempDir, tempdir};

fn header() -> BroadcastHeader<'static> {
    BroadcastHeader {
        id: DataId { a: 1, b: 2 },
        initial_timestamp: Timestamp(5_000_000),
        timestamp: Timestamp(15_000_000),
        wall_clock_secs: 1_000_000_010,
        wall_clock_nsecs: 0,
        pid: 42,
        cmdline: b"./program\0--its argument\0"[..].into(),
        executable: b"/usr/bin/program"[..].into(),
        arch: "x86_64".into(),
        listener_port: 0,
        protocol_version: 2,
    }
}

fn bytes(message: &Response<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

fn data(payload: &[u8]) -> Vec<u8> {
    bytes(&Response::Data(payload.into()))
}

/// What came of gathering.
struct Gathered {
    folder: TempDir,
    output: Output,
}

impl Gathered {
    /// From a program that says this first, and then does that.
    fn from(first: Vec<u8>, then: impl FnOnce(&mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let program = std::thread::spawn(move || {
            let mut client = listener.accept().unwrap().0;
            client.write_all(&first).unwrap();
            then(&mut client);
        });
        let folder = tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bytehound"));
        command.arg("gather").arg(target).arg("--output-dir").arg(folder.path());
        let output = command.output().unwrap();
        program.join().unwrap();
        Self { folder, output }
    }

    /// From a program that greets as it should, is asked for its capture, and says this.
    fn after_greeting(rest: Vec<u8>) -> Self {
        Self::from(bytes(&Response::Start(header())), move |client| {
            assert_eq!(request(client), Request::StartStreaming);
            client.write_all(&rest).unwrap();
        })
    }

    fn says(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("20010909_014640_00042_program.dat")
    }

    fn fails_with(&self, reason: &str) {
        assert_eq!(self.output.status.code(), Some(1));
        assert!(self.says().contains(reason), "{}", self.says());
    }
}

fn request(client: &mut TcpStream) -> Request {
    let mut bytes = [0; Request::LEN];
    client.read_exact(&mut bytes).unwrap();
    Request::decode(bytes).unwrap()
}

#[test]
fn a_capture_goes_to_a_file_whose_path_is_printed() {
    let rest =
        [data(b"one "), bytes(&Response::FinishedInitialStreaming), data(b"two"), bytes(&Response::Finished)];
    let gathered = Gathered::after_greeting(rest.concat());
    assert!(gathered.output.status.success());
    assert_eq!(std::fs::read(gathered.file()).unwrap(), b"one two");
    let printed = String::from_utf8(gathered.output.stdout.clone()).unwrap();
    assert_eq!(printed, format!("{}\n", gathered.file().display()));
    assert!(gathered.says().contains("`./program --its argument`, process 42, x86_64, captured for 10 s"));
}

#[test]
fn a_program_that_goes_away_is_no_error() {
    let gathered = Gathered::after_greeting([data(b"one"), data(b"two")[..9].to_vec()].concat());
    assert!(gathered.output.status.success());
    assert_eq!(std::fs::read(gathered.file()).unwrap(), b"one");
    assert!(gathered.says().contains("went away"), "{}", gathered.says());
}

#[test]
fn a_program_of_which_nothing_comes_leaves_no_file() {
    let gathered = Gathered::after_greeting(bytes(&Response::Finished));
    assert!(gathered.output.status.success());
    assert_eq!(std::fs::read_dir(gathered.folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_no_message_ends_the_download_and_what_came_is_kept() {
    let gathered = Gathered::after_greeting([data(b"one"), b"\x09\0\0\0".to_vec()].concat());
    gathered.fails_with("what came before is in");
    gathered.fails_with("no message with tag 9");
    assert_eq!(std::fs::read(gathered.file()).unwrap(), b"one");
    let gathered = Gathered::after_greeting(b"\x01\0\0\0\xff\xff\xff\xff".to_vec());
    gathered.fails_with("4294967295 bytes of data");
}

#[test]
fn what_is_no_program_under_bytehound_is_told_from_one() {
    Gathered::from(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), |_| {}).fails_with("no message with tag");
    Gathered::from(bytes(&Response::Finished), |_| {}).fails_with("is it a program under Bytehound?");
    Gathered::from(Vec::new(), |_| {}).fails_with("is it a program under Bytehound?");
    let newer = BroadcastHeader { protocol_version: 3, ..header() };
    Gathered::from(bytes(&Response::Start(newer)), |_| {}).fails_with("version 3 of the protocol");
}

#[test]
fn a_program_that_is_silent_is_asked_whether_it_is_there() {
    let gathered = Gathered::from(bytes(&Response::Start(header())), |client| {
        assert_eq!(request(client), Request::StartStreaming);
        assert_eq!(request(client), Request::Ping);
        let rest = [bytes(&Response::Pong), data(b"one"), bytes(&Response::Finished)];
        client.write_all(&rest.concat()).unwrap();
    });
    assert!(gathered.output.status.success());
    assert_eq!(std::fs::read(gathered.file()).unwrap(), b"one");
}

#[test]
fn what_a_program_says_of_itself_disturbs_neither_terminal_nor_folder() {
    let hostile = BroadcastHeader {
        cmdline: b"\x1b[2J\0\xff\r\0"[..].into(),
        executable: b"/bin/..\x1b[31m"[..].into(),
        arch: "\u{7}\n".into(),
        wall_clock_secs: u64::MAX,
        ..header()
    };
    let rest = [data(b"one"), bytes(&Response::Finished)].concat();
    let gathered = Gathered::from(bytes(&Response::Start(hostile)), move |client| {
        assert_eq!(request(client), Request::StartStreaming);
        client.write_all(&rest).unwrap();
    });
    assert!(gathered.output.status.success());
    assert!(!gathered.says().chars().any(|c| c.is_control() && c != '\n'), "{:?}", gathered.says());
    assert_eq!(gathered.says().lines().count(), 2, "{}", gathered.says());
    let file = std::fs::read_dir(gathered.folder.path()).unwrap().next().unwrap().unwrap();
    assert!(file.file_name().into_string().unwrap().ends_with("_00042_____31m.dat"), "{file:?}");
}
