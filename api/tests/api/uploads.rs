//! Captures on their way in: whole, cut off, encoded, too large, and no captures at all.

use crate::support::{TestServer, golden};
use bytehound_actors::Options;
use bytehound_api::ApiOptions;
use bytehound_store::{NewProfile, Store};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const CAPTURE: &str = "realloc.raw.dat";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

#[test]
fn a_capture_is_created_once_and_known_after() {
    let server = TestServer::start();
    let bytes = golden(CAPTURE);
    let first = server.post("/v1/profiles?name=first&label=branch=main&label=run=1", &bytes, &[]);
    assert_eq!(first.status, 201, "{}", first.text());
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(first.header("location"), format!("/v1/profiles/{id}"));
    assert_eq!(first.json()["deduplicated"], false);

    let again = server.post("/v1/profiles?label=run=2", &bytes, &[("labels", "suite=parse, run=0")]);
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["id"], *id);
    assert_eq!(again.json()["deduplicated"], true);

    let profiles = server.profiles();
    assert_eq!(profiles.len(), 1);
    assert_eq!(profiles[0]["name"], "first");
    assert_eq!(profiles[0]["labels"], json!({"branch": "main", "run": "2", "suite": "parse"}));
    assert_eq!(profiles[0]["size_bytes"], bytes.len());
}

#[test]
fn the_same_capture_at_once_is_one_profile_and_every_sender_succeeds() {
    let server = TestServer::start();
    let bytes = golden(CAPTURE);
    let senders = std::sync::Barrier::new(50);
    let send = || {
        senders.wait();
        server.post("/v1/profiles", &bytes, &[])
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..50).map(|_| scope.spawn(send)).collect();
        running.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 49, "{statuses:?}");
    assert!(answers.iter().all(|answer| answer.json()["id"] == answers[0].json()["id"]));
    assert_eq!(server.profiles().len(), 1);
}

#[test]
fn a_disk_without_room_is_only_read() {
    let limits = Options { free_bytes_min: u64::MAX, ..Options::default() };
    let server = TestServer::on(store_with_capture, ApiOptions::default(), limits);
    let id = server.profiles()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.events(&id).last().unwrap().0, "done");
    for (path, body) in [("/v1/profiles", golden("cull.raw.dat")), ("/v1/uploads", Vec::new())] {
        let refused = server.post(path, &body, &[]);
        assert_eq!((refused.status, &refused.json()["code"]), (507, &json!("disk_full")), "{path}");
    }
    assert_eq!(server.get(&format!("/v1/profiles/{id}/summary")).status, 200);
    assert_eq!(server.delete(&format!("/v1/profiles/{id}")).status, 204);
}

fn store_with_capture() -> Store {
    let store = Store::temporary().unwrap();
    let mut incoming = store.captures().receive().unwrap();
    incoming.write_all(&golden(CAPTURE)).unwrap();
    incoming.commit(NewProfile::default()).unwrap();
    store
}

#[test]
fn uploads_that_memory_has_no_room_for_are_told_to_come_back() {
    let options = ApiOptions { upload_memory_bytes: 0, ..ApiOptions::default() };
    let server = TestServer::with(options);
    let head = "POST /v1/profiles HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: zstd\r\nContent-Length: 1000\r\n\r\n";
    let mut holds = TcpStream::connect(server.address).unwrap();
    holds.write_all(head.as_bytes()).unwrap();
    let encoded = zstd(&golden(CAPTURE));
    // The first holds all that there is as soon as its head was read.
    let refused = loop {
        let answer = server.post("/v1/profiles", &encoded, &[("content-encoding", "zstd")]);
        if answer.status == 429 {
            break answer;
        }
    };
    assert_eq!((refused.json()["code"].as_str(), refused.header("retry-after")), (Some("overloaded"), "5"));
    drop(holds);
}

#[test]
fn an_encoded_capture_is_the_same_profile() {
    let server = TestServer::start();
    let bytes = golden(CAPTURE);
    let plain = server.post("/v1/profiles", &bytes, &[]).json();
    for (encoding, encoded) in [("gzip", gzip(&bytes)), ("zstd", zstd(&bytes)), ("identity", bytes.clone())] {
        let answer = server.post("/v1/profiles", &encoded, &[("content-encoding", encoding)]);
        assert_eq!(answer.status, 200, "{encoding}: {}", answer.text());
        assert_eq!(answer.json()["id"], plain["id"], "{encoding}");
    }
}

#[test]
fn what_is_no_capture_is_refused_and_leaves_nothing() {
    let server = TestServer::start();
    let noise: Vec<u8> =
        (0..3_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [&noise[..], &noise[..50], b"", b"hello\n"] {
        let answer = server.post("/v1/profiles", bytes, &[]);
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(answer.content_type(), "application/problem+json");
        assert_eq!(answer.json()["code"], "not_a_profile");
        let encoded = server.post("/v1/profiles", &zstd(bytes), &[("content-encoding", "zstd")]);
        assert_eq!(encoded.status, 422, "{}", encoded.text());
    }
    assert!(server.profiles().is_empty());
}

#[test]
fn limits_hold_before_and_after_decoding() {
    let bytes = golden(CAPTURE);
    let bytes_max = bytes.len() as u64;
    let server = TestServer::with(ApiOptions { max_upload_bytes: bytes_max, ..ApiOptions::default() });
    assert_eq!(server.post("/v1/profiles", &bytes, &[]).status, 201);
    // A capture may be followed by anything: these zeros would be a valid, and a small, upload.
    let bomb = [bytes, vec![0; 200 << 20]].concat();
    for (encoding, body) in [("gzip", gzip(&bomb)), ("zstd", zstd(&bomb)), ("identity", bomb)] {
        let answer =
            server.post("/v1/profiles", &body[..body.len().min(4 << 20)], &[("content-encoding", encoding)]);
        assert_eq!(answer.status, 413, "{encoding}: {}", answer.text());
        assert_eq!(answer.json()["code"], "too_large");
    }
    assert_eq!(server.profiles().len(), 1);
}

#[test]
fn a_body_that_is_not_in_its_encoding_is_refused() {
    let server = TestServer::start();
    let bytes = golden(CAPTURE);
    for (encoding, body, code) in [
        ("gzip", bytes.clone(), "bad_body"),
        ("zstd", bytes.clone(), "bad_body"),
        ("gzip", gzip(&bytes)[..1000].to_vec(), "bad_body"),
        ("zstd", zstd(&bytes)[..1000].to_vec(), "bad_body"),
        ("br", bytes.clone(), "unsupported_encoding"),
        ("gzip, zstd", bytes.clone(), "unsupported_encoding"),
    ] {
        let answer = server.post("/v1/profiles", &body, &[("content-encoding", encoding)]);
        assert_eq!(answer.json()["code"], code, "{encoding}: {}", answer.text());
    }
    assert!(server.profiles().is_empty());
}

#[test]
fn an_upload_that_is_cut_off_leaves_nothing() {
    let server = TestServer::start();
    let bytes = golden(CAPTURE);
    let head = |headers: &str| {
        format!("POST /v1/profiles HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n").into_bytes()
    };
    let length = format!("Content-Length: {}", bytes.len());
    for cut in [0, 1, 1000, bytes.len() / 2, bytes.len() - 1] {
        let answer = server.cut_off(&[head(&length), bytes[..cut].to_vec()].concat());
        assert!(!answer.starts_with("HTTP/1.1 2"), "cut at {cut}: {answer}");
        let chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        let chunked = [head("Transfer-Encoding: chunked"), chunk, bytes[..cut].to_vec()].concat();
        let answer = server.cut_off(&chunked);
        assert!(!answer.starts_with("HTTP/1.1 2"), "cut at {cut}: {answer}");
    }
    assert!(server.profiles().is_empty());
    assert_eq!(server.post("/v1/profiles", &bytes, &[]).status, 201);
}

#[test]
fn an_upload_that_stops_is_given_up() {
    let options = ApiOptions { upload_idle: Duration::from_millis(100), ..ApiOptions::default() };
    let server = TestServer::with(options);
    let mut socket = TcpStream::connect(server.address).unwrap();
    let head = "POST /v1/profiles HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(&golden(CAPTURE)[..1000]).unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(server.profiles().is_empty());
}

#[test]
fn labels_that_make_no_sense_are_refused_before_anything_is_stored() {
    let server = TestServer::start();
    for query in ["label=novalue", "label==x", "labels=a=b", "name=a&name=b", "name=%00"] {
        let answer = server.post(&format!("/v1/profiles?{query}"), &golden(CAPTURE), &[]);
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    assert!(server.profiles().is_empty());
}

#[test]
fn a_deleted_profile_is_gone_and_can_come_again() {
    let server = TestServer::start();
    let id = server.upload(CAPTURE);
    assert_eq!(server.delete(&format!("/v1/profiles/{id}")).status, 204);
    assert_eq!(server.delete(&format!("/v1/profiles/{id}")).status, 404);
    assert_eq!(server.get("/list").text(), "[]");
    assert_eq!(server.upload(CAPTURE), id);
}
