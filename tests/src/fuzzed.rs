//! What has to stand any bytes. Each function takes some, and panics if what has to hold of all does not hold of them:
//! fuzzers look for such bytes (`cargo xtask fuzz`), and a test feeds the seeds.

use bytehound_format::protocol::{BroadcastHeader, Request, Response};
use bytehound_format::{Container, Reader, convert};
use bytehound_index::{Manifest, MapPredicate, Predicate};
use bytehound_settings::{Settings, warnings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// One of the functions here.
pub type Target = fn(&[u8]);

/// Each by its name: that of a target, and of its folder of seeds.
pub const ALL: [(&str, Target); 5] = [
    ("capture", capture),
    ("protocol", protocol),
    ("filter", filter),
    ("query", query),
    ("settings", settings),
];

/// A capture of either version is read to an end that says how it is, and can be made one of the other version.
pub fn capture(bytes: &[u8]) {
    for container in [Container::V0_11, Container::V2] {
        let Ok(mut reader) = Reader::new(bytes) else { return };
        let converted = convert(&mut reader, container, Vec::new(), |_| {});
        let converted = converted.expect("memory can be read and written");
        assert!(reader.ending().is_some(), "what was read to its end has one");
        let mut again = Reader::new(&converted[..]).expect("what we write can be read");
        while again.next_event().expect("memory can be read").is_some() {}
        assert!(again.ending().is_some_and(|ending| ending.is_clean() || container == Container::V2));
    }
}

/// Messages of the streaming protocol are what was sent.
pub fn protocol(bytes: &[u8]) {
    if let Some(Ok(request)) = bytes.first_chunk().map(|first| Request::decode(*first)) {
        assert_eq!(Request::decode(request.encode()), Ok(request));
    }
    if let Ok(header) = BroadcastHeader::decode(bytes) {
        let mut sent = Vec::new();
        header.encode(&mut sent);
        assert_eq!(BroadcastHeader::decode(&sent), Ok(header));
    }
    let mut rest = bytes;
    while let Ok(Some((response, used))) = Response::decode(rest) {
        let mut sent = Vec::new();
        response.encode(&mut sent);
        let len = sent.len();
        assert_eq!(Response::decode(&sent), Ok(Some((response, len))));
        rest = &rest[used..];
    }
}

/// Filters of `/v1` are what their JSON says.
pub fn filter(bytes: &[u8]) {
    means_what_it_says::<Vec<Predicate>>(bytes);
    means_what_it_says::<Vec<MapPredicate>>(bytes);
}

fn means_what_it_says<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(bytes) else { return };
    let text = serde_json::to_string(&value).expect("what was JSON can be JSON again");
    assert_eq!(serde_json::from_str::<T>(&text).ok(), Some(value));
}

/// A query string of Bytehound 0.11 is a script, or is refused in words.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let manifest = Manifest { start_us: 1_000_000, end_us: 9_000_000, ..Manifest::default() };
    match bytehound_api::scripts_of_query(text, &manifest) {
        Ok(scripts) => assert!(scripts.iter().all(|script| !script.is_empty())),
        Err(why) => assert!(!why.is_empty()),
    }
}

/// The environment of a program, entries ended by NULs: what is not meant is passed over or warned of.
pub fn settings(bytes: &[u8]) {
    let entries = || bytes.split(|byte| *byte == 0);
    let mut settings = Settings::default();
    entries().for_each(|entry| settings.apply(entry));
    assert!(warnings(entries()).len() <= entries().count());
}
