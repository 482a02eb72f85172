//! Captures that are streamed while they are made: every client gets all of it, and none gets in the program's way.

use anyhow::{Context, Result, ensure};
use bytehound_format::Reader;
use bytehound_format::protocol::Request;
use bytehound_tests::{Client, Message, Streamed, allocations_of, bytehound, compile};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::{TempDir, tempdir};

/// A folder with the program, and a place for its capture.
struct Setting {
    folder: TempDir,
    program: PathBuf,
    capture: PathBuf,
}

impl Setting {
    fn new() -> Result<Self> {
        let folder = tempdir()?;
        let program = compile("on_command.c", folder.path())?;
        let capture = folder.path().join("capture.dat");
        Ok(Self { folder, program, capture })
    }

    fn start(&self) -> Result<Streamed> {
        Streamed::start(&mut Command::new(&self.program), &self.capture)
    }

    fn captured(&self) -> Result<Vec<u8>> {
        Ok(std::fs::read(&self.capture)?)
    }
}

/// Collects what comes for a client, whatever the test does meanwhile.
fn in_background(client: Client) -> std::thread::JoinHandle<Result<(Vec<u8>, Vec<Message>)>> {
    std::thread::spawn(move || client.finish())
}

fn result<T>(thread: std::thread::JoinHandle<Result<T>>) -> Result<T> {
    thread.join().map_err(|_| anyhow::anyhow!("the client panicked"))?
}

#[test]
fn the_first_the_second_and_a_late_client_each_get_the_whole_capture() -> Result<()> {
    let setting = Setting::new()?;
    let mut program = setting.start()?;
    let first = in_background(Client::connect(program.port)?);
    program.tell("100000")?;
    let second = in_background(Client::connect(program.port)?);
    program.tell("100000")?;
    let mut late = Client::connect(program.port)?;
    assert_eq!(late.message()?, Message::HasHistory);
    let late = in_background(late);
    assert!(program.end()?.success());
    let captured = setting.captured()?;
    assert!(allocations_of(&setting.capture)? >= 200_000);
    for (client, messages) in [
        (first, &[Message::HasHistory, Message::Finished][..]),
        (second, &[Message::HasHistory, Message::Finished]),
        (late, &[Message::Finished]),
    ] {
        let (data, got) = result(client)?;
        assert!(data == captured, "{} of {} bytes", data.len(), captured.len());
        assert_eq!(got, messages);
    }
    Ok(())
}

#[test]
fn what_is_recorded_comes_while_the_program_waits() -> Result<()> {
    let setting = Setting::new()?;
    let mut program = setting.start()?;
    let mut client = Client::connect(program.port)?;
    assert_eq!(client.message()?, Message::HasHistory);
    let before = client.data.len();
    program.tell("100000")?;
    // Each answer comes in its turn with the data: that they come at all is what is to be seen.
    while client.data.len() < before + 100_000 {
        client.ask(Request::Ping)?;
        assert_eq!(client.message()?, Message::Pong);
    }
    assert!(program.end()?.success());
    Ok(())
}

#[test]
fn a_client_that_never_reads_holds_up_neither_the_program_nor_another_client() -> Result<()> {
    let setting = Setting::new()?;
    let mut program = setting.start()?;
    let stalled = Client::connect(program.port)?;
    let other = in_background(Client::connect(program.port)?);
    // Far more than the kernel keeps for a connection.
    for _ in 0..4 {
        program.tell("400000")?;
    }
    assert!(program.end()?.success());
    let (data, messages) = result(other)?;
    assert!(data == setting.captured()?);
    assert_eq!(messages.last(), Some(&Message::Finished));
    assert!(allocations_of(&setting.capture)? >= 1_600_000);
    let (data, _) = stalled.finish()?;
    assert!(setting.captured()?.starts_with(&data) && data.len() < setting.captured()?.len());
    Ok(())
}

#[test]
fn clients_that_go_and_requests_that_are_none_do_no_harm() -> Result<()> {
    let setting = Setting::new()?;
    let mut program = setting.start()?;
    drop(Client::connect(program.port)?);
    drop(Client::greeted(program.port)?);
    let mut browser = Client::greeted(program.port)?;
    browser.send(b"GET / HTTP/1.1\r\n\r\n")?;
    assert_eq!(browser.message()?, Message::Closed);
    let mut dumping = Client::greeted(program.port)?;
    dumping.ask(Request::TriggerMemoryDump)?;
    dumping.ask(Request::StartStreaming)?;
    let dumping = in_background(dumping);
    program.tell("100000")?;
    assert!(program.end()?.success());
    assert!(result(dumping)?.0 == setting.captured()?);
    Ok(())
}

#[test]
fn one_client_too_many_is_turned_away_until_another_leaves() -> Result<()> {
    let setting = Setting::new()?;
    let mut program = setting.start()?;
    let mut clients: Vec<_> = (0..16).map(|_| Client::greeted(program.port)).collect::<Result<_>>()?;
    assert!(Client::greeted(program.port).is_err());
    drop(clients.pop());
    // The program has to hear of it first.
    let last = std::iter::repeat_with(|| Client::greeted(program.port)).find_map(Result::ok);
    let mut last = last.context("nobody is let in")?;
    last.ask(Request::StartStreaming)?;
    let last = in_background(last);
    assert!(program.end()?.success());
    assert!(result(last)?.0 == setting.captured()?);
    Ok(())
}

#[test]
fn a_program_that_is_killed_leaves_its_clients_a_capture_that_can_be_read() -> Result<()> {
    let setting = Setting::new()?;
    let mut program = setting.start()?;
    let mut client = Client::connect(program.port)?;
    assert_eq!(client.message()?, Message::HasHistory);
    program.tell("200000")?;
    program.kill()?;
    let (data, messages) = client.finish()?;
    assert_eq!(messages, [Message::Closed]);
    assert!(setting.captured()?.starts_with(&data));
    assert!(Reader::new(&data[..]).is_ok());
    Ok(())
}

#[test]
fn without_a_file_clients_get_the_whole_capture_too() -> Result<()> {
    let setting = Setting::new()?;
    let mut command = Command::new(&setting.program);
    let mut program = Streamed::start(command.current_dir(setting.folder.path()), Path::new(""))?;
    program.tell("100000")?;
    let client = in_background(Client::connect(program.port)?);
    program.tell("100000")?;
    assert!(program.end()?.success());
    std::fs::write(&setting.capture, result(client)?.0)?;
    assert!(allocations_of(&setting.capture)? >= 200_000);
    let left = std::fs::read_dir(setting.folder.path())?.count();
    assert_eq!(left, 2, "the program and what was gathered are all that is there");
    Ok(())
}

#[test]
fn a_capture_for_bytehound_0_11_is_streamed_as_one() -> Result<()> {
    let setting = Setting::new()?;
    let mut command = Command::new(&setting.program);
    command.env("MEMORY_PROFILER_FORMAT", "0.11");
    let mut program = Streamed::start(&mut command, &setting.capture)?;
    let client = in_background(Client::connect(program.port)?);
    program.tell("100000")?;
    assert!(program.end()?.success());
    let (data, _) = result(client)?;
    assert!(data == setting.captured()?);
    // A block of the old container, and in it a header.
    assert_eq!(data.first(), Some(&1));
    assert!(Reader::new(&data[..]).is_ok());
    Ok(())
}

#[test]
fn an_executed_program_streams_on_its_own() -> Result<()> {
    let setting = Setting::new()?;
    let script = format!("read line; exec {}", setting.program.display());
    let mut program = Streamed::start(Command::new("bash").args(["-c", &script]), &setting.capture)?;
    let shell = in_background(Client::connect(program.port)?);
    program.write("go")?;
    let port = program.next_port()?;
    let (data, messages) = result(shell)?;
    // A mark may have come into the file after the last look at it.
    assert!(setting.captured()?.starts_with(&data));
    let streamed = setting.folder.path().join("streamed.dat");
    std::fs::write(&streamed, &data)?;
    assert_eq!(allocations_of(&streamed)?, allocations_of(&setting.capture)?);
    assert_eq!(messages.last(), Some(&Message::Closed));
    let client = in_background(Client::connect(port)?);
    program.tell("1000")?;
    assert!(program.end()?.success());
    assert!(result(client)?.0 == std::fs::read(setting.folder.path().join("capture-1.dat"))?);
    Ok(())
}

#[test]
fn the_program_and_its_children_see_no_socket() -> Result<()> {
    let setting = Setting::new()?;
    let script = "read line; ls -l /proc/self/fd /proc/$$/fd | grep -c socket:; read line";
    let mut program = Streamed::start(Command::new("bash").args(["-c", script]), &setting.capture)?;
    let client = in_background(Client::connect(program.port)?);
    assert_eq!(program.tell("go")?, "0");
    program.end()?;
    assert_eq!(result(client)?.1.last(), Some(&Message::Finished));
    Ok(())
}

#[test]
fn programs_that_shut_themselves_in_end_as_they_do_without_a_server() -> Result<()> {
    let setting = Setting::new()?;
    let sandboxed = compile("sandboxed.c", setting.folder.path())?;
    for how in ["prctl", "seccomp", "all_threads", "strict"] {
        let mut program = Streamed::start(Command::new(&sandboxed).arg(how), &setting.capture)?;
        assert_eq!(program.end()?.code(), Some(3), "{how}");
        assert!(allocations_of(&setting.capture)? >= 20_000, "{how}");
    }
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_passed_over() -> Result<()> {
    let setting = Setting::new()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let base = taken.local_addr()?.port();
    let mut command = Command::new(&setting.program);
    command.env("MEMORY_PROFILER_BASE_SERVER_PORT", base.to_string());
    let mut program = Streamed::start(&mut command, &setting.capture)?;
    assert!((1..=100).contains(&(program.port - base)), "{} after {base}", program.port);
    assert!(program.end()?.success());
    Ok(())
}

#[test]
fn the_port_of_a_program_that_has_ended_is_free_for_the_next() -> Result<()> {
    let setting = Setting::new()?;
    let mut program = setting.start()?;
    let client = in_background(Client::connect(program.port)?);
    let port = program.port;
    program.end()?;
    // The program closed the connection first: for a minute, its address is remembered.
    assert_eq!(result(client)?.1.last(), Some(&Message::Finished));
    let mut command = Command::new(&setting.program);
    command.env("MEMORY_PROFILER_BASE_SERVER_PORT", port.to_string());
    assert_eq!(Streamed::start(&mut command, &setting.capture)?.port, port);
    Ok(())
}

#[test]
fn only_this_machine_is_let_in_unless_another_address_is_named() -> Result<()> {
    let setting = Setting::new()?;
    let elsewhere = |port| TcpStream::connect(("127.0.0.2", port));
    assert!(elsewhere(setting.start()?.port).is_err());
    let mut command = Command::new(&setting.program);
    command.env("MEMORY_PROFILER_SERVER_INTERFACE", "0.0.0.0");
    let open = Streamed::start(&mut command, &setting.capture)?;
    assert!(elsewhere(open.port).is_ok());
    Ok(())
}

/// A running `bytehound gather`.
struct Gather {
    child: Child,
    messages: BufReader<std::process::ChildStderr>,
}

impl Gather {
    /// Starts it, and returns when it has said this.
    fn start<S: AsRef<OsStr>>(arguments: &[S], folder: &Path, said: &str) -> Result<Self> {
        let mut command = Command::new(bytehound());
        command.arg("gather").args(arguments).arg("--output-dir").arg(folder);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let messages = BufReader::new(child.stderr.take().context("no messages")?);
        let mut gather = Self { child, messages };
        gather.wait_for(said)?;
        Ok(gather)
    }

    fn wait_for(&mut self, said: &str) -> Result<()> {
        let mut line = String::new();
        while !line.contains(said) {
            line.clear();
            ensure!(self.messages.read_line(&mut line)? != 0, "it ended without saying `{said}`");
        }
        Ok(())
    }

    /// Waits for its end; gives the paths that it printed.
    fn end(mut self) -> Result<Vec<PathBuf>> {
        let mut printed = String::new();
        self.child.stdout.take().context("no output")?.read_to_string(&mut printed)?;
        ensure!(self.child.wait()?.success(), "gathering failed");
        Ok(printed.lines().map(PathBuf::from).collect())
    }

    fn interrupt(&self) -> Result<()> {
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-INT", &pid]).status()?.success(), "it has gone");
        Ok(())
    }
}

#[test]
fn gather_takes_the_capture_of_a_program() -> Result<()> {
    let setting = Setting::new()?;
    let mut program = setting.start()?;
    program.tell("100000")?;
    let target = format!("127.0.0.1:{}", program.port);
    let gather = Gather::start(&[target], &setting.folder.path().join("new"), "connected to")?;
    program.tell("100000")?;
    assert!(program.end()?.success());
    let [path] = &gather.end()?[..] else { panic!("one path is printed") };
    assert!(std::fs::read(path)? == setting.captured()?);
    let name = path.file_name().and_then(OsStr::to_str).context("no name")?;
    assert!(
        name.ends_with("_on_command.dat") && name.len() == "YYYYMMDD_HHMMSS_PPPPP_on_command.dat".len(),
        "{name}"
    );
    Ok(())
}

#[test]
fn gather_finds_programs_that_announce_themselves() -> Result<()> {
    let setting = Setting::new()?;
    let folder = setting.folder.path().join("found");
    let mut gather = Gather::start::<&str>(&[], &folder, "listening")?;
    let mut command = Command::new(&setting.program);
    command.env("MEMORY_PROFILER_ENABLE_BROADCAST", "1");
    let mut program = Streamed::start(&mut command, &setting.capture)?;
    gather.wait_for("on_command")?;
    program.tell("100000")?;
    assert!(program.end()?.success());
    gather.wait_for("is complete")?;
    gather.interrupt()?;
    let [path] = &gather.end()?[..] else { panic!("one path is printed") };
    assert!(std::fs::read(path)? == setting.captured()?);
    Ok(())
}

#[test]
fn gathering_that_is_stopped_leaves_a_capture_that_can_be_read() -> Result<()> {
    let setting = Setting::new()?;
    let mut program = setting.start()?;
    let target = format!("127.0.0.1:{}", program.port);
    let folder = setting.folder.path().join("new");
    let gather = Gather::start(&[target], &folder, "connected to")?;
    program.tell("100000")?;
    let mut client = Client::greeted(program.port)?;
    while std::fs::read_dir(&folder)?.next().is_none() {
        client.ask(Request::Ping)?;
        assert_eq!(client.message()?, Message::Pong);
    }
    gather.interrupt()?;
    let [path] = &gather.end()?[..] else { panic!("one path is printed") };
    let gathered = std::fs::read(path)?;
    assert!(setting.captured()?.starts_with(&gathered));
    assert!(Reader::new(&gathered[..]).is_ok());
    assert!(program.end()?.success());
    Ok(())
}

#[test]
fn gather_says_what_is_wrong_with_a_target() -> Result<()> {
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let ended = bytehound_tests::run(Command::new(bytehound()).args(["gather", &closed]))?;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("MEMORY_PROFILER_ENABLE_SERVER=1"), "{}", ended.stderr);
    let ended = bytehound_tests::run(Command::new(bytehound()).args(["gather", "no.such.host.invalid:1"]))?;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("no.such.host.invalid"), "{}", ended.stderr);
    Ok(())
}
