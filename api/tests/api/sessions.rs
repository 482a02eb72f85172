//! Uploads that come in parts: cut off anywhere, gone on with, given up, and shown while they grow.

use crate::support::{Answer, TestServer, golden};
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;

const CAPTURE: &str = "realloc.raw.dat";

fn begin(server: &TestServer, query: &str) -> String {
    let answer = server.post(&format!("/v1/uploads{query}"), b"", &[]);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), format!("/v1/uploads/{id}"));
    id
}

fn append(server: &TestServer, id: &str, offset: usize, bytes: &[u8], complete: &str) -> Answer {
    let offset = offset.to_string();
    let headers = [("upload-offset", offset.as_str()), ("upload-complete", complete)];
    server.patch(&format!("/v1/uploads/{id}"), bytes, &headers)
}

fn offset(server: &TestServer, id: &str) -> usize {
    let answer = server.request("head", &format!("/v1/uploads/{id}"), None);
    assert_eq!(answer.status, 200);
    answer.header("upload-offset").parse().unwrap()
}

/// Sends the head of a part and some of its bytes, and hangs up.
fn cut_off(server: &TestServer, id: &str, offset: usize, bytes: &[u8], sent: usize) {
    let head = format!(
        "PATCH /v1/uploads/{id} HTTP/1.1\r\nHost: localhost\r\nUpload-Offset: {offset}\r\nUpload-Complete: \
         ?1\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(&bytes[..sent]).unwrap();
}

/// SplitMix64.
fn random(seed: u64) -> u64 {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

#[test]
fn an_upload_that_is_cut_off_anywhere_goes_on_where_it_stopped() {
    let server = TestServer::start();
    let bytes = golden(CAPTURE);
    let whole = server.post("/v1/profiles", &bytes, &[]).json()["id"].clone();
    assert_eq!(server.delete(&format!("/v1/profiles/{}", whole.as_str().unwrap())).status, 204);
    for round in 0..20 {
        let id = begin(&server, "?name=resumed");
        let mut cuts = 0;
        while cuts < 5 {
            let at = offset(&server, &id);
            let rest = &bytes[at..];
            let sent = random(round * 7 + cuts) as usize % rest.len();
            cut_off(&server, &id, at, rest, sent);
            cuts += 1;
            assert!(offset(&server, &id) >= at);
        }
        assert!(server.profiles().is_empty(), "what is not complete is not listed");
        // What was cut off may only now be read, and takes over: whoever goes on asks again where it stopped.
        let answer = loop {
            let at = offset(&server, &id);
            let answer = append(&server, &id, at, &bytes[at..], "?1");
            if answer.status != 409 {
                break answer;
            }
        };
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["id"], whole);
        assert_eq!(server.delete(&format!("/v1/profiles/{}", whole.as_str().unwrap())).status, 204);
    }
}

#[test]
fn parts_may_each_be_encoded_and_the_end_may_be_said_twice() {
    let server = TestServer::start();
    let bytes = golden(CAPTURE);
    let id = begin(&server, "?label=branch=main");
    let (first, rest) = bytes.split_at(bytes.len() / 3);
    let path = format!("/v1/uploads/{id}");
    let encoded = zstd::encode_all(first, 3).unwrap();
    let answer = server.patch(&path, &encoded, &[("upload-offset", "0"), ("content-encoding", "zstd")]);
    assert_eq!((answer.status, answer.header("upload-offset")), (204, first.len().to_string().as_str()));
    let answer = append(&server, &id, first.len(), rest, "?1");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let profile = answer.json()["id"].clone();
    let again = append(&server, &id, bytes.len(), b"", "?1");
    assert_eq!((again.status, &again.json()["id"]), (200, &profile));
    let told = server.get(&path).json();
    assert_eq!((&told["is_complete"], &told["profile"]), (&Value::Bool(true), &profile));
    assert_eq!(server.get(&format!("/v1/profiles/{id}")).json()["labels"]["branch"], "main");
    assert_eq!(server.get(&format!("/v1/profiles/{id}/data")).body, bytes);
}

#[test]
fn what_does_not_fit_is_refused() {
    let server = TestServer::start();
    let id = begin(&server, "");
    let refused = |answer: Answer, status: u16, code: &str| {
        assert_eq!((answer.status, answer.json()["code"].as_str().unwrap()), (status, code));
    };
    refused(append(&server, &id, 5, b"x", "?0"), 409, "wrong_offset");
    refused(append(&server, &id, 0, b"x", "yes"), 400, "bad_parameter");
    refused(server.patch(&format!("/v1/uploads/{id}"), b"x", &[]), 400, "bad_parameter");
    refused(append(&server, "u_0", 0, b"x", "?0"), 404, "upload_not_found");
    refused(append(&server, &id, 0, b"no capture", "?1"), 422, "not_a_profile");
    refused(server.get(&format!("/v1/uploads/{id}")), 404, "upload_not_found");
    let id = begin(&server, "");
    refused(append(&server, &id, 0, &[7; 100_000], "?0"), 422, "not_a_profile");
    refused(server.get(&format!("/v1/uploads/{id}")), 404, "upload_not_found");
    assert!(server.profiles().is_empty());
}

#[test]
fn an_upload_that_is_given_up_leaves_nothing() {
    let server = TestServer::start();
    let id = begin(&server, "");
    assert_eq!(append(&server, &id, 0, &golden(CAPTURE)[..5000], "?0").status, 204);
    assert_eq!(server.delete(&format!("/v1/uploads/{id}")).status, 204);
    assert_eq!(server.delete(&format!("/v1/uploads/{id}")).status, 404);
    assert!(server.profiles().is_empty());
}

#[test]
fn a_live_upload_is_listed_and_asked_while_it_grows() {
    let server = TestServer::start();
    let bytes = golden("simulation.decoded.dat");
    let id = begin(&server, "?live=true&name=live");
    let half = bytes.len() / 2;
    assert_eq!(append(&server, &id, 0, &bytes[..half], "?0").status, 204);
    let live = wait_for(&server, |profiles| profiles.iter().find(|profile| profile["live"] == *id).cloned());
    assert_eq!(live["state"], "ready");
    let summary =
        |path: &str| server.get(&format!("/v1/profiles/{path}/summary")).json()["data"]["info"].clone();
    let so_far = summary(&id)["allocations"].as_u64().unwrap();
    assert!(so_far > 0);
    let answer = append(&server, &id, half, &bytes[half..], "?1");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let whole = answer.json()["id"].as_str().unwrap().to_owned();
    let left = wait_for(&server, |profiles| match profiles {
        [only] if only["state"] == "ready" => Some(only.clone()),
        _ => None,
    });
    assert_eq!((&left["id"], &left["live"]), (&Value::from(whole), &Value::Null));
    assert!(summary(&id)["allocations"].as_u64().unwrap() > so_far);
}

/// Asks for the profiles until they are as wanted.
fn wait_for(server: &TestServer, wanted: impl Fn(&[Value]) -> Option<Value>) -> Value {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let profiles = server.profiles();
        if let Some(found) = wanted(&profiles) {
            return found;
        }
        assert!(std::time::Instant::now() < until, "{profiles:?}");
        std::thread::yield_now();
    }
}
