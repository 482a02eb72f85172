//! Scripts that mean harm, and others who ask meanwhile.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use bytehound_api::ApiOptions;
use serde_json::Value;

use crate::support::TestServer;

/// Each with a part of what it is told in the end.
const HOSTILE: [(&str, &[&str]); 7] = [
    ("loop { }", &["more than 50000000 operations", "ran longer than 30s"]),
    ("fn f(n) { f(n + 1) } f(0);", &["more than 64 levels deep"]),
    ("let s = \"x\"; s.pad(1_000_000_000, \"y\");", &["string too large"]),
    ("let s = \"x\"; loop { s += s; }", &["string too large"]),
    (
        "let g = graph(); for i in 0..1_000_000 { g = g.add(allocations()); } g.save();",
        &["a graph can have at most 1000 series"],
    ),
    (
        "allocations().only_passing_through_function(\"((a{1000}){1000}){1000}\").len();",
        &["failed to compile regex"],
    ),
    ("loop { println(\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"); }", &["printed more than 4194304 bytes"]),
];

fn two_scripts_at_a_time() -> TestServer {
    TestServer::with(ApiOptions { max_scripts: 2, ..ApiOptions::default() })
}

#[test]
fn hostile_scripts_end_by_their_limits_while_others_are_answered() {
    let server = two_scripts_at_a_time();
    let id = server.upload("realloc.decoded.dat");
    for (script, reasons) in HOSTILE {
        thread::scope(|scope| {
            let hostile = scope.spawn(|| server.post("/script", script.as_bytes(), &[]).json());
            loop {
                let others = [
                    server.get(&format!("/v1/profiles/{id}/groups?limit=3")),
                    server.post("/script", b"println(allocations().len());", &[]),
                ];
                for answer in others {
                    assert_eq!(answer.status, 200, "{script}: {}", answer.text());
                    assert_ne!(answer.json()["status"], "error", "{script}: {}", answer.text());
                }
                if hostile.is_finished() {
                    break;
                }
            }
            let ended = hostile.join().unwrap();
            assert_eq!(ended["status"], "error", "{script}");
            let message = ended["message"].as_str().unwrap();
            assert!(reasons.iter().any(|reason| message.contains(reason)), "{script}: {message}");
        });
    }
}

#[test]
fn a_script_whose_asker_hangs_up_is_stopped() {
    let server = two_scripts_at_a_time();
    let id = server.upload("realloc.decoded.dat");
    let running = || server.get("/v1/observe").json()["query"]["running"].as_u64().unwrap();
    thread::scope(|scope| {
        // Both would end by the same limits; the one that is waited for began first.
        let waited_for = scope.spawn(|| server.post("/script", b"loop { }", &[]).json());
        while running() < 1 {
            thread::yield_now();
        }
        let mut hung_up = TcpStream::connect(server.address).unwrap();
        let body = "loop { }";
        let head = format!(
            "POST /script?profile={id} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}",
            body.len()
        );
        hung_up.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        while running() < 2 {
            assert!(!waited_for.is_finished());
            thread::yield_now();
        }
        drop(hung_up);
        while running() > 1 {
            thread::yield_now();
        }
        assert!(!waited_for.is_finished(), "it ended by a limit, not by being left");
        assert_eq!(waited_for.join().unwrap()["status"], Value::from("error"));
    });
}

#[test]
fn a_script_finds_other_profiles_by_id_and_by_labels() {
    let server = TestServer::start();
    let first = server.upload("realloc.decoded.dat");
    let second = server.upload("threads.decoded.dat");
    server.post("/v1/profiles?label=branch=main", &crate::support::golden("threads.decoded.dat"), &[]);
    let script = format!(
        r#"let main = profiles(#{{ branch: "main" }});
           println(main.len());
           println(main[0].id());
           println(profile("{first}").id());
           println(profiles(#{{ branch: "none" }}).len());
           graph().add("base", profile("{first}").allocations()).add("new", main[0].allocations()).save();
           profile("p_none");"#
    );
    let answer = server.post("/script", script.as_bytes(), &[]).json();
    let printed: Vec<_> =
        answer["output"].as_array().unwrap().iter().map(|item| item["value"].clone()).collect();
    assert_eq!(printed[..4], ["1", second.as_str(), first.as_str(), "0"], "{answer}");
    assert_eq!(answer["output"][4]["kind"], "image");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("failed to open profile 'p_none': "), "{message}");
}
