//! Names come from programs that nobody vouches for: wherever they are shown, they are text.

use crate::support::{START, TestServer, header};
use bytehound_format::{AllocBody, AllocationId, Event, Timestamp, U32List, Writer};
use std::borrow::Cow;

const NONE: u32 = u32::MAX;

/// What a name would have to be to leave a text of HTML, an attribute of it, a `CDATA`, a line, a JSON string, or what a
/// terminal takes for text.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onload='alert(1)",
    "]]><svg onload=alert(1)>",
    "a\r\nSet-Cookie: stolen=1\r\n\r\n<html>",
    "\u{1b}]0;title\u{7}\u{0}\u{8}",
    "\\\"};alert(1);//",
    "&lt;b&gt; &#x3c;script&#x3e; \u{202e}",
];

/// A capture in which everything that has a name has these.
fn capture() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    let executable = format!("/tmp/{}", HOSTILE[0]);
    writer.write(&header(&executable, &[HOSTILE[1]])).unwrap();
    for (id, text) in (0..).zip(HOSTILE) {
        writer.write(&Event::String { id, string: Cow::Borrowed(text) }).unwrap();
    }
    for frame in 0..HOSTILE.len() as u32 {
        let library = (frame + 1) % HOSTILE.len() as u32;
        let source = (frame + 2) % HOSTILE.len() as u32;
        writer
            .write(&Event::DecodedFrame {
                address: u64::from(frame) * 16 + 16,
                library,
                raw_function: frame,
                function: frame,
                source,
                line: 7,
                column: NONE,
                is_inline: false,
            })
            .unwrap();
    }
    for frame in 0..HOSTILE.len() as u32 {
        writer.write(&Event::DecodedBacktrace { frames: U32List::Words(&[frame, 0]) }).unwrap();
    }
    for number in 0..HOSTILE.len() as u64 {
        let allocation = AllocBody {
            pointer: 0x1000 * (number + 1),
            size: 100,
            backtrace: number,
            thread: 7,
            flags: 0,
            extra_usable_space: 8,
            preceding_free_space: 0,
        };
        let id = AllocationId { thread: 1, allocation: number + 1 };
        writer.write(&Event::AllocEx { id, timestamp: Timestamp(START + 10 + number), allocation }).unwrap();
    }
    writer.finish().unwrap()
}

/// Panics unless this is well-formed XML that has no element or attribute but those of a picture of ours.
fn check_picture(svg: &str, what: &str) {
    let mut reader = quick_xml::Reader::from_str(svg);
    loop {
        use quick_xml::events::Event::{CData, Empty, Eof, Start};
        match reader.read_event().unwrap_or_else(|error| panic!("{what}: {error}\n{svg}")) {
            Start(element) | Empty(element) => {
                let name = String::from_utf8(element.name().as_ref().to_vec()).unwrap();
                assert!(
                    !["img", "b", "html", "image", "foreignObject"].contains(&name.as_str()),
                    "{what}: <{name}>"
                );
                for attribute in element.attributes() {
                    let attribute = attribute.unwrap_or_else(|error| panic!("{what}: {error}"));
                    let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                    let value = String::from_utf8_lossy(&attribute.value).into_owned();
                    assert!(!value.contains("alert") || !key.starts_with("on"), "{what}: {key}={value}");
                }
                if name == "script" {
                    let script = format!("{:?}", reader.read_text(element.name()).unwrap());
                    assert!(!script.contains("alert(1)"), "{what}: {script}");
                }
            }
            CData(text) => assert!(!String::from_utf8_lossy(&text).contains("alert(1)"), "{what}"),
            Eof => return,
            _ => {}
        }
    }
}

#[test]
fn no_name_leaves_its_text_in_a_picture() {
    let server = TestServer::start();
    let id = server.upload_bytes(&capture());
    for path in [
        "/data/last/export/flamegraph".to_owned(),
        format!("/v1/profiles/{id}/flame"),
        "/data/last/allocation_graph/0/full.svg".to_owned(),
    ] {
        let picture = server.get(&path);
        assert_eq!((picture.status, picture.content_type()), (200, "image/svg+xml"), "{path}");
        assert!(picture.header("content-security-policy").starts_with("sandbox"), "{path}");
        check_picture(&picture.text(), &path);
    }
    let label = HOSTILE.map(|name| name.replace(['\\', '"', '\r', '\n', '\u{0}'], " "));
    for name in label {
        let script =
            format!("graph().add(\"{name}\", allocations()).save(\"{}.svg\")", name.replace('/', "|"));
        let drawn = server.post("/script", script.as_bytes(), &[]).json();
        assert_eq!(drawn["status"], "ok", "{script}: {drawn}");
        let url = drawn["output"][0]["url"].as_str().unwrap();
        assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"'".contains(&byte)), "{url}");
        let picture = server.get(url);
        assert_eq!(picture.status, 200, "{url}");
        check_picture(&picture.text(), &name);
    }
}

#[test]
fn no_name_is_taken_for_html_or_for_a_header() {
    let server = TestServer::start();
    let id = server.upload_bytes(&capture());
    let name = "a%0D%0ASet-Cookie:%20stolen=1%22;%3Cscript%3E";
    for path in [
        "/list",
        "/v1/profiles",
        &format!("/v1/profiles/{id}"),
        &format!("/v1/profiles/{id}/summary"),
        &format!("/v1/profiles/{id}/groups"),
        &format!("/v1/profiles/{id}/tree"),
        &format!("/v1/profiles/{id}/backtraces"),
        &format!("/v1/profiles/{id}/flame?format=folded"),
        &format!("/v1/profiles/{id}/data"),
        &format!("/v1/profiles/{name}"),
        &format!("/v1/{name}"),
        &format!("/{name}"),
        "/data/last/allocations",
        "/data/last/allocation_groups",
        "/data/last/allocation_ascii_tree",
        "/data/last/tree",
        &format!("/data/last/export/flamegraph.pl/{name}"),
        &format!("/data/last/export/heaptrack/{name}"),
        &format!("/data/last/dynamic_statics/{name}"),
        &format!("/data/last/allocation_filter_to_script?function_regex={name}"),
        &format!("/data/last/allocations?function_regex=({name}"),
        &format!("/data/last/allocations?order={name}"),
        &format!("/data/{name}/timeline"),
        &format!("/v1/profiles/{id}/groups?{name}=1"),
        &format!("/v1/profiles/{id}/groups?sort={name}"),
    ] {
        let answer = server.get(path);
        assert!(answer.status < 500, "{path}: {}", answer.text());
        assert!(!answer.content_type().contains("html"), "{path}: {}", answer.content_type());
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.headers.get("set-cookie").is_none(), "{path}");
        if answer.content_type().contains("json") {
            answer.json();
        }
    }
}

#[test]
fn a_line_of_text_stays_one_line() {
    let server = TestServer::start();
    server.upload_bytes(&capture());
    let folded = server.get("/data/last/export/flamegraph.pl").text();
    for line in folded.lines() {
        assert!(line.rsplit_once(' ').is_some_and(|(_, size)| size.parse::<u64>().is_ok()), "{line:?}");
    }
    assert_eq!(folded.lines().count(), HOSTILE.len(), "{folded:?}");
    let tree = server.get("/data/last/allocation_ascii_tree").text();
    assert!(!tree.contains('\r') && !tree.contains('\u{1b}'), "{tree:?}");
    let heaptrack = server.get("/data/last/export/heaptrack").text();
    assert!(
        heaptrack.lines().all(|line| !line.starts_with("Set-Cookie") && !line.starts_with('<')),
        "{heaptrack:?}"
    );
}
