//! Captures whose sender hashed them: sent once, under their id, and refused if they are others.

use crate::support::{Answer, TestServer, golden};
use data_encoding::BASE64;
use serde_json::json;
use sha2::{Digest, Sha256};

const CAPTURE: &str = "realloc.raw.dat";

/// The path of the capture, on a server that need not have it.
fn path() -> String {
    let received = TestServer::start().post("/v1/profiles", &golden(CAPTURE), &[]);
    format!("/v1/profiles/{}", received.json()["id"].as_str().unwrap())
}

fn put(server: &TestServer, path: &str, bytes: &[u8], headers: &[(&str, &str)]) -> Answer {
    server.request_with("put", path, Some(("application/octet-stream", bytes)), headers)
}

fn told(answer: &Answer) -> (u16, String) {
    let json = answer.json();
    (answer.status, json["code"].as_str().unwrap_or(json["state"].as_str().unwrap_or_default()).to_owned())
}

#[test]
fn a_capture_is_put_under_its_id_once_and_known_without_its_bytes_after() {
    let (server, path) = (TestServer::start(), path());
    let first = put(&server, &format!("{path}?label=run=1&name=first"), &golden(CAPTURE), &[]);
    assert_eq!((first.status, &first.json()["deduplicated"]), (201, &json!(false)), "{}", first.text());
    assert_eq!(first.header("location"), path);
    let again = put(&server, &format!("{path}?label=run=2"), b"", &[("labels", "suite=parse")]);
    assert_eq!((again.status, &again.json()["deduplicated"]), (200, &json!(true)), "{}", again.text());
    assert_eq!(server.profiles().len(), 1);
    let profile = server.get(&path).json();
    assert_eq!(
        (&profile["labels"], &profile["name"]),
        (&json!({"run": "2", "suite": "parse"}), &json!("first"))
    );
}

#[test]
fn the_same_capture_put_by_many_at_once_is_one_profile() {
    let (server, path, bytes) = (TestServer::start(), path(), golden(CAPTURE));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let senders: Vec<_> =
            (0..20).map(|_| scope.spawn(|| put(&server, &path, &bytes, &[]).status)).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(server.profiles().len(), 1);
}

#[test]
fn bytes_that_are_not_those_of_the_id_leave_nothing() {
    let (server, path) = (TestServer::start(), path());
    let refused = put(&server, &path, &golden("cull.raw.dat"), &[]);
    assert_eq!(told(&refused), (422, "digest_mismatch".to_owned()));
    assert!(server.profiles().is_empty());
    for name in ["last", "p_short", "16163ec165dc94903eb2aa50b0d41f92"] {
        let refused = put(&server, &format!("/v1/profiles/{name}"), &golden(CAPTURE), &[]);
        assert_eq!(told(&refused), (400, "bad_parameter".to_owned()), "{name}");
    }
}

#[test]
fn a_digest_that_is_announced_has_to_be_that_of_the_body() {
    let (server, path, bytes) = (TestServer::start(), path(), golden(CAPTURE));
    let header = |bytes: &[u8]| format!("sha-256=:{}:", BASE64.encode(&Sha256::digest(bytes)));
    let (right, wrong) = (header(&bytes), header(b"other"));
    for digest in [&wrong, "sha-256=:short:"] {
        let refused = server.post("/v1/profiles", &bytes, &[("repr-digest", digest)]);
        assert!(matches!(refused.status, 400 | 422), "{}", refused.text());
        assert!(!put(&server, &path, &bytes, &[("repr-digest", digest)]).text().contains("stored"));
    }
    assert!(server.profiles().is_empty());
    assert_eq!(put(&server, &path, &bytes, &[("repr-digest", &right)]).status, 201);
    let encoded = zstd::encode_all(bytes.as_slice(), 1).unwrap();
    let headers = [("content-encoding", "zstd"), ("repr-digest", &header(&encoded))];
    assert_eq!(
        server.post("/v1/profiles", &encoded, &headers).status,
        200,
        "it is that of the body as it is sent"
    );
}

#[test]
fn whoever_wants_to_be_the_first_is_told_that_it_is_kept() {
    let (server, path, bytes) = (TestServer::start(), path(), golden(CAPTURE));
    let only_new = [("if-none-match", "*")];
    assert_eq!(put(&server, &format!("{path}?label=run=1"), &bytes, &only_new).status, 201);
    let refused = put(&server, &format!("{path}?label=run=2"), &bytes, &only_new);
    assert_eq!(told(&refused), (412, "kept_already".to_owned()));
    assert_eq!(server.get(&path).json()["labels"], json!({"run": "1"}));
}
