//! The list of profiles, what can be changed of one, and the way back to its capture.

use crate::support::{TestServer, golden};
use serde_json::{Value, json};

const CAPTURE: &str = "realloc.raw.dat";

fn upload(server: &TestServer, capture: &str, labels: &str) -> String {
    let answer = server.post(&format!("/v1/profiles?{labels}"), &golden(capture), &[]);
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn ids(list: &Value) -> Vec<&str> {
    list["profiles"].as_array().unwrap().iter().map(|profile| profile["id"].as_str().unwrap()).collect()
}

#[test]
fn lists_are_picked_by_label_and_state_and_come_page_by_page() {
    let server = TestServer::start();
    let first = upload(&server, "realloc.raw.dat", "label=branch=main&label=run=1");
    let second = upload(&server, "cull.raw.dat", "label=branch=main&label=run=2");
    let third = upload(&server, "mmap.raw.dat", "label=branch=other");
    [&first, &second, &third].into_iter().for_each(|id| drop(server.events(id)));
    let list = |query: &str| server.get(&format!("/v1/profiles?{query}")).json();
    let mut main = vec![first.as_str(), second.as_str()];
    main.sort_unstable();
    let found = list("label=branch=main");
    let mut found = ids(&found);
    found.sort_unstable();
    assert_eq!(found, main);
    assert_eq!(ids(&list("label=branch=main&label=run=2")), [second.as_str()]);
    assert_eq!(list("label=branch=none")["total"], 0);
    assert_eq!(list("state=ready")["total"], 3);
    assert_eq!(list("state=failed")["total"], 0);
    let all = list("");
    assert_eq!((&all["total"], &all["next"]), (&json!(3), &Value::Null));
    let page = list("limit=2");
    assert_eq!(ids(&page), ids(&all)[..2]);
    let rest = list(&format!("limit=2&cursor={}", page["next"].as_str().unwrap()));
    assert_eq!((ids(&rest), &rest["next"]), (ids(&all)[2..].to_vec(), &Value::Null));
}

#[test]
fn labels_are_merged_and_the_last_value_wins() {
    let server = TestServer::start();
    let id = server.upload(CAPTURE);
    let path = format!("/v1/profiles/{id}");
    server.patch_json(&path, &json!({"labels": {"branch": "main", "run": "1"}}));
    let changed = server.patch_json(&path, &json!({"labels": {"run": "2"}}));
    assert_eq!((changed.status, &changed.json()["labels"]), (200, &json!({"branch": "main", "run": "2"})));
    assert_eq!(server.get(&path).json(), changed.json());
    let many: Value =
        (0..65).map(|number| (number.to_string(), json!(""))).collect::<serde_json::Map<_, _>>().into();
    for (body, code) in [
        (json!({"labels": {"": "x"}}), "bad_parameter"),
        (json!({"labels": {"x": "\u{1}"}}), "bad_parameter"),
        (json!({ "labels": many }), "bad_parameter"),
        (json!({"labels": {"x": 1}}), "bad_body"),
        (json!({"name": "x"}), "bad_body"),
        (json!([]), "bad_body"),
    ] {
        let refused = server.patch_json(&path, &body);
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!(code)), "{body}");
    }
    assert_eq!(server.get(&path).json(), changed.json());
    assert_eq!(server.patch_json("/v1/profiles/nonsense", &json!({"labels": {}})).status, 404);
}

#[test]
fn a_capture_comes_back_as_it_was_whole_or_in_parts() {
    let server = TestServer::start();
    let bytes = golden(CAPTURE);
    let id = server.upload(CAPTURE);
    let path = format!("/v1/profiles/{id}/data");
    let whole = server.get(&path);
    assert_eq!((whole.status, whole.content_type()), (200, "application/octet-stream"));
    assert_eq!(whole.header("content-length"), bytes.len().to_string());
    assert!(whole.body == bytes);
    let tag = whole.header("etag").to_owned();
    for (range, part) in [
        ("bytes=0-99", 0..100),
        ("bytes=1000-", 1000..bytes.len()),
        ("bytes=-5", bytes.len() - 5..bytes.len()),
    ] {
        for headers in [&[("range", range)][..], &[("range", range), ("if-range", tag.as_str())]] {
            let answer = server.get_with(&path, headers);
            assert_eq!(answer.status, 206, "{range}");
            let expected = format!("bytes {}-{}/{}", part.start, part.end - 1, bytes.len());
            assert_eq!(answer.header("content-range"), expected);
            assert!(answer.body == bytes[part.clone()], "{range}");
        }
        let other = server.get_with(&path, &[("range", range), ("if-range", "\"another\"")]);
        assert_eq!((other.status, other.body.len()), (200, bytes.len()));
    }
    let beyond = server.get_with(&path, &[("range", "bytes=99999999-")]);
    assert_eq!((beyond.status, &beyond.json()["code"]), (416, &json!("bad_range")));
    assert_eq!(beyond.header("content-range"), format!("bytes */{}", bytes.len()));
    assert_eq!(server.get_with(&path, &[("if-none-match", &tag)]).status, 304);
}
