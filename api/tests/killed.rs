//! The service against `kill -9` while captures come in. It needs a process of its own, so this file has its own `main`:
//! it starts itself again as the server that is killed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use bytehound_actors::{Options, Service};
use bytehound_api::{ApiOptions, server};
use bytehound_store::Store;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use ureq::Agent;

const UPLOADS: u32 = 100;
const SENDERS: u32 = 4;
/// Uploads that are acknowledged before each kill.
const ACKNOWLEDGED: usize = 13;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => serve(Path::new(&arguments[2])),
        _ => {
            a_killed_server_has_lost_no_capture_that_it_acknowledged();
            println!("a_killed_server_has_lost_no_capture_that_it_acknowledged ... ok");
            println!("1 passed, 0 failed");
        }
    }
}

fn serve(dir: &Path) {
    actix_web::rt::System::new().block_on(async {
        let service = Service::start(Store::open(dir).unwrap(), Options::default());
        let options = ApiOptions { port: 0, ..ApiOptions::default() };
        let (server, address) = server(service, options).unwrap();
        println!("{address}");
        server.await.unwrap();
    });
}

/// A server on a data directory, killed when it is dropped.
struct Killed {
    process: Child,
    url: String,
    agent: Agent,
}

impl Killed {
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command.arg("serve").arg(dir).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Self { process, url: format!("http://{}", address.trim()), agent }
    }

    /// The id of a capture, if the server said that it has it.
    fn upload(&self, capture: &[u8]) -> Option<String> {
        let mut answer = self.agent.post(format!("{}/v1/profiles", self.url)).send(capture).ok()?;
        let answer: Value = answer.body_mut().read_json().ok()?;
        Some(answer["id"].as_str()?.to_owned())
    }

    fn profiles(&self) -> Vec<Value> {
        let mut answer = self.agent.get(format!("{}/v1/profiles", self.url)).call().unwrap();
        answer.body_mut().read_json::<Value>().unwrap()["profiles"].as_array().unwrap().clone()
    }

    fn data(&self, id: &str) -> Vec<u8> {
        let mut answer = self.agent.get(format!("{}/v1/profiles/{id}/data", self.url)).call().unwrap();
        answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap()
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may be dead already.
        drop(self.process.kill());
        self.process.wait().unwrap();
    }
}

/// What follows the end of a capture is passed over, and makes each one of its own.
fn capture(number: u32) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden/realloc.raw.dat.zst");
    let plain = path.strip_suffix(".zst").unwrap();
    let bytes = std::fs::read(plain)
        .unwrap_or_else(|_| zstd::decode_all(std::fs::read(path).unwrap().as_slice()).unwrap());
    [bytes, number.to_le_bytes().to_vec()].concat()
}

fn a_killed_server_has_lost_no_capture_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let next = AtomicU32::new(0);
    let acknowledged: Mutex<BTreeMap<String, u32>> = Mutex::default();
    let mut kills = 0;
    while next.load(Ordering::Relaxed) < UPLOADS {
        send_until_killed(&Killed::start(dir.path()), &next, &acknowledged);
        kills += 1;
        check(&Killed::start(dir.path()), &acknowledged.lock().unwrap());
    }
    assert!(kills > 3, "{kills}");
}

/// Several senders at once; the server dies in the middle of what they send.
fn send_until_killed(server: &Killed, next: &AtomicU32, acknowledged: &Mutex<BTreeMap<String, u32>>) {
    let before = acknowledged.lock().unwrap().len();
    let send = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= UPLOADS {
                return;
            }
            let Some(id) = server.upload(&capture(number)) else { return };
            acknowledged.lock().unwrap().insert(id, number);
        }
    };
    std::thread::scope(|scope| {
        (0..SENDERS).for_each(|_| drop(scope.spawn(send)));
        let is_done = || next.load(Ordering::Relaxed) >= UPLOADS;
        while acknowledged.lock().unwrap().len() < before + ACKNOWLEDGED && !is_done() {
            std::thread::yield_now();
        }
        kill(server);
    });
}

/// `kill -9`, while others still hold it.
fn kill(server: &Killed) {
    let killed = Command::new("kill").args(["-9", &server.process.id().to_string()]).status();
    assert!(killed.unwrap().success());
}

/// All that was acknowledged is there, byte by byte; and nothing is there by halves.
fn check(server: &Killed, acknowledged: &BTreeMap<String, u32>) {
    let profiles = server.profiles();
    let listed: Vec<&str> = profiles.iter().map(|profile| profile["id"].as_str().unwrap()).collect();
    for (id, number) in acknowledged {
        assert!(listed.contains(&id.as_str()), "`{id}` is lost");
        assert!(server.data(id) == capture(*number), "`{id}` is damaged");
    }
    let len = capture(0).len();
    assert!(profiles.iter().all(|profile| profile["size_bytes"] == len), "{profiles:?}");
}
