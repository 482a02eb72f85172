//! A server of the test's own, and short ways to talk to it.

use actix_web::rt::System;
use bytehound_actors::{Options, Service};
use bytehound_api::{ApiOptions, server};
use bytehound_format::{DataId, Event, HeaderBody, Timestamp};
use bytehound_store::{Scope, Store, Tokens};
use serde_json::Value;
use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use ureq::Agent;
use ureq::http::{HeaderMap, Response};

/// A running server on an empty data directory; both end when this is dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    tokens: Tokens,
    agent: Agent,
    handle: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn content_type(&self) -> &str {
        self.header("content-type")
    }
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(ApiOptions::default())
    }

    pub(crate) fn with(options: ApiOptions) -> Self {
        Self::on(|| Store::temporary().unwrap(), options, Options::default())
    }

    /// On a store that `open` gives, with limits of its own.
    pub(crate) fn on(
        open: impl FnOnce() -> Store + Send + 'static,
        options: ApiOptions,
        limits: Options,
    ) -> Self {
        let options = ApiOptions { port: 0, ..options };
        let (started, start) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async move {
                let service = Service::start(open(), limits);
                let tokens = service.tokens().clone();
                let (server, address) = server(service, options).unwrap();
                started.send((address, tokens, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, tokens, handle) = start.recv().unwrap();
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Self { address, tokens, agent, handle, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(self.url(path)).call().unwrap())
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.agent.get(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(request.call().unwrap())
    }

    /// A new token that allows this: its id, and the header that shows it.
    pub(crate) fn token(&self, scopes: &[Scope]) -> (String, String) {
        let (secret, token) = self.tokens.create("a test", scopes.iter().copied().collect()).unwrap();
        (token.id, format!("Bearer {secret}"))
    }

    pub(crate) fn revoke(&self, id: &str) {
        self.tokens.revoke(id).unwrap();
    }

    pub(crate) fn patch_json(&self, path: &str, body: &Value) -> Answer {
        answer(self.agent.patch(self.url(path)).send(body.to_string()).unwrap())
    }

    pub(crate) fn patch(&self, path: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        let request = self.agent.patch(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(request.send(body).unwrap())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(self.url(path)).call().unwrap())
    }

    pub(crate) fn post(&self, path: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        let request = self.agent.post(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(request.send(body).unwrap())
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, body.to_string().as_bytes(), &[("content-type", "application/json")])
    }

    /// Any method, with a body of a media type.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Answer {
        self.request_with(method, path, body, &[])
    }

    pub(crate) fn request_with(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &[u8])>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let request =
            ureq::http::Request::builder().method(method.to_ascii_uppercase().as_str()).uri(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (media, body) = body.unwrap_or(("text/plain", b""));
        let request = request.header("content-type", media).body(body).unwrap();
        answer(self.agent.run(request).unwrap())
    }

    /// Uploads a golden capture, and follows it until it is ready; gives its id.
    pub(crate) fn upload(&self, capture: &str) -> String {
        self.upload_bytes(&golden(capture))
    }

    /// The same with a capture of the test's own.
    pub(crate) fn upload_bytes(&self, capture: &[u8]) -> String {
        let received = self.post("/v1/profiles", capture, &[]);
        assert!(matches!(received.status, 200 | 201), "{}", received.text());
        let id = received.json()["id"].as_str().unwrap().to_owned();
        let events = self.events(&id);
        assert_eq!(events.last().unwrap().0, "done", "{events:?}");
        id
    }

    /// All events of a profile until there are no more.
    pub(crate) fn events(&self, id: &str) -> Vec<(String, Value)> {
        let response = self.agent.get(self.url(&format!("/v1/profiles/{id}/events"))).call().unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Vec::new();
        let mut name = String::new();
        for line in BufReader::new(response.into_body().into_reader()).lines().map(Result::unwrap) {
            match line.split_once(": ") {
                Some(("event", event)) => name = event.to_owned(),
                Some(("data", data)) => events.push((name.clone(), serde_json::from_str(data).unwrap())),
                _ => {}
            }
        }
        events
    }

    pub(crate) fn profiles(&self) -> Vec<Value> {
        self.get("/v1/profiles").json()["profiles"].as_array().unwrap().clone()
    }

    /// Sends a request that asks for the connection to be closed, as it is; gives what is answered until then.
    pub(crate) fn raw(&self, request: &[u8]) -> String {
        self.exchange(request, false)
    }

    /// Sends bytes as they are, and hangs up; gives what the server still says.
    pub(crate) fn cut_off(&self, request: &[u8]) -> String {
        self.exchange(request, true)
    }

    fn exchange(&self, request: &[u8], hangs_up: bool) -> String {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.write_all(request).unwrap();
        if hangs_up {
            socket.shutdown(Shutdown::Write).unwrap();
        }
        let mut answer = Vec::new();
        // A server that hangs up with bytes unread resets the connection: what it said before counts.
        drop(socket.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Monotonic time at which written captures begin, in µs; the wall clock is a million seconds ahead.
pub(crate) const START: u64 = 1000;

/// What a written capture begins with.
pub(crate) fn header(executable: &str, arguments: &[&str]) -> Event<'static> {
    let cmdline = [&[executable], arguments].concat().join("\0") + "\0";
    Event::Header(HeaderBody {
        id: DataId { a: 1, b: 2 },
        initial_timestamp: Timestamp(START),
        timestamp: Timestamp(START),
        wall_clock_secs: 1_000_000,
        wall_clock_nsecs: START * 1000,
        pid: 42,
        cmdline: Cow::Owned(cmdline.into_bytes()),
        executable: Cow::Owned(executable.as_bytes().to_vec()),
        arch: Cow::Borrowed("x86_64"),
        flags: 1,
        pointer_size: 8,
    })
}

/// A text as a value in a query string.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// A golden file; it may be kept compressed.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/../tests/data/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| {
        let compressed = std::fs::read(format!("{path}.zst")).unwrap_or_else(|_| panic!("{path}: {error}"));
        zstd::decode_all(compressed.as_slice()).unwrap()
    })
}

fn answer(mut response: Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
    Answer { status, headers, body }
}
