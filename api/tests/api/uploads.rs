//! Captures on their way in: whole, cut off, encoded, too large, and no captures at all.

use crate::support::{TestServer, golden};
use bytehound_api::ApiOptions;
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
        let answer = server.raw(&[head(&length), bytes[..cut].to_vec()].concat());
        assert!(!answer.starts_with("HTTP/1.1 2"), "cut at {cut}: {answer}");
        let chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        let chunked = [head("Transfer-Encoding: chunked"), chunk, bytes[..cut].to_vec()].concat();
        let answer = server.raw(&chunked);
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
