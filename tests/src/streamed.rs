//! A program whose capture is streamed, and a client of it that takes the protocol at its word.

use crate::library;
use anyhow::{Context, Result, bail, ensure};
use bytehound_format::protocol::{Request, Response};
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

/// A program under the capture library, with the server on. It is killed when dropped.
pub struct Streamed {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
    /// Where its server listens.
    pub port: u16,
}

impl Streamed {
    /// Starts a program; its capture goes to a file. An empty path asks for none.
    pub fn start(command: &mut Command, capture: &Path) -> Result<Self> {
        command.env("LD_PRELOAD", library()).env("MEMORY_PROFILER_OUTPUT", capture);
        command.env("MEMORY_PROFILER_ENABLE_SERVER", "1").env("MEMORY_PROFILER_LOG", "info");
        if !command.get_envs().any(|(name, _)| name == "MEMORY_PROFILER_BASE_SERVER_PORT") {
            // Tests run side by side: the kernel knows a free one.
            command.env("MEMORY_PROFILER_BASE_SERVER_PORT", "0");
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let said = BufReader::new(child.stdout.take().context("no output")?).lines();
        let log = BufReader::new(child.stderr.take().context("no log")?).lines();
        let mut streamed = Self { child, said, log, port: 0 };
        streamed.port = streamed.next_port()?;
        Ok(streamed)
    }

    /// The port that the log names next: that of the program, then that of one which it executes.
    pub fn next_port(&mut self) -> Result<u16> {
        for line in self.log.by_ref() {
            let line = line?;
            if let Some((_, address)) = line.split_once("streaming on `") {
                let (_, port) = address.trim_end_matches('`').rsplit_once(':').context("no port")?;
                return Ok(port.parse()?);
            }
        }
        bail!("the program ended without saying where it streams")
    }

    /// Writes a line to the program, and returns when it has answered.
    pub fn tell(&mut self, line: &str) -> Result<String> {
        self.write(line)?;
        self.said.next().context("the program has ended")?.context("no answer")
    }

    /// Writes a line to the program.
    pub fn write(&mut self, line: &str) -> Result<()> {
        Ok(writeln!(self.child.stdin.as_mut().context("no input")?, "{line}")?)
    }

    /// Ends the program's input, and waits for it to end.
    pub fn end(&mut self) -> Result<ExitStatus> {
        drop(self.child.stdin.take());
        Ok(self.child.wait()?)
    }

    /// Kills the program as nothing can be prepared for.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        // It has ended already where a test has gone well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A client of a program's server.
pub struct Client {
    stream: TcpStream,
    arrived: Vec<u8>,
    /// What has come of the capture.
    pub data: Vec<u8>,
}

/// A message without a payload, or the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// What was recorded before the client came has been sent.
    HasHistory,
    /// The answer to a ping.
    Pong,
    /// The capture is complete.
    Finished,
    /// The program has closed the connection.
    Closed,
}

impl Client {
    /// Connects, takes the greeting, and asks for the capture.
    pub fn connect(port: u16) -> Result<Self> {
        let mut client = Self::greeted(port)?;
        client.ask(Request::StartStreaming)?;
        Ok(client)
    }

    /// Connects, and takes the greeting.
    pub fn greeted(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        let mut client = Self { stream, arrived: Vec::new(), data: Vec::new() };
        loop {
            if let Some((message, used)) = Response::decode(&client.arrived)? {
                let Response::Start(header) = message else { bail!("the greeting is {message:?}") };
                ensure!(header.listener_port == port, "the greeting names port {}", header.listener_port);
                client.arrived.drain(..used);
                return Ok(client);
            }
            ensure!(client.read()? != 0, "the connection was closed before the greeting");
        }
    }

    /// Sends a request.
    pub fn ask(&mut self, request: Request) -> Result<()> {
        self.send(&request.encode())
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Collects the capture up to the next other message.
    pub fn message(&mut self) -> Result<Message> {
        loop {
            while let Some((message, used)) = Response::decode(&self.arrived)? {
                let message = match message {
                    Response::Data(payload) => {
                        self.data.extend_from_slice(&payload);
                        None
                    }
                    Response::FinishedInitialStreaming => Some(Message::HasHistory),
                    Response::Pong => Some(Message::Pong),
                    Response::Finished => Some(Message::Finished),
                    Response::Start(_) => bail!("a second greeting"),
                };
                self.arrived.drain(..used);
                if let Some(message) = message {
                    return Ok(message);
                }
            }
            if self.read()? == 0 {
                return Ok(Message::Closed);
            }
        }
    }

    /// Collects the capture to its end; gives the messages on the way.
    pub fn finish(mut self) -> Result<(Vec<u8>, Vec<Message>)> {
        let mut messages = Vec::new();
        while !matches!(messages.last(), Some(Message::Finished | Message::Closed)) {
            messages.push(self.message()?);
        }
        Ok((self.data, messages))
    }

    fn read(&mut self) -> Result<usize> {
        let filled = self.arrived.len();
        self.arrived.resize(filled + 64 * 1024, 0);
        let read = self.stream.read(&mut self.arrived[filled..]);
        self.arrived.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read {
            // A process that is killed resets its connections.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(0),
            read => Ok(read?),
        }
    }
}
