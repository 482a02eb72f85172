//! Captures that Bytehound 0.11 wrote decode to exactly the events that are in them.
#![expect(clippy::unwrap_used, reason = "the tests' own functions fail by panicking, too")]

use std::collections::BTreeMap;
use std::fs::{self, File};

use bytehound_format::{Ending, Reader};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden");

type Counts = BTreeMap<String, u64>;

fn expected_counts() -> BTreeMap<String, Counts> {
    let text = fs::read_to_string(format!("{GOLDEN}/events.json")).unwrap();
    let files: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    files
        .into_iter()
        .map(|(name, file)| (name, serde_json::from_value(file["events"].clone()).unwrap()))
        .collect()
}

fn counts(name: &str) -> Counts {
    let mut reader = Reader::new(File::open(format!("{GOLDEN}/{name}")).unwrap()).unwrap();
    let mut counts = Counts::from([("Header".to_owned(), 1)]);
    while let Some(event) = reader.next_event().unwrap() {
        *counts.entry(event.kind().to_string()).or_default() += 1;
    }
    assert_eq!(reader.ending(), Some(&Ending::Clean), "{name}");
    assert_eq!(reader.file_offset(), fs::metadata(format!("{GOLDEN}/{name}")).unwrap().len(), "{name}");
    counts
}

#[test]
fn every_golden_capture_decodes_to_its_counts() {
    let expected = expected_counts();
    assert_eq!(expected.len(), 11);
    for (name, expected) in expected {
        assert_eq!(counts(&name), expected, "{name}");
    }
}

#[test]
fn the_header_says_which_program_was_captured() {
    let reader = Reader::new(File::open(format!("{GOLDEN}/threads.raw.dat")).unwrap()).unwrap();
    let header = reader.header();
    assert_eq!(header.arch, "x86_64");
    assert_eq!(header.pointer_size, 8);
    assert_eq!(header.flags, 1);
    assert!(header.executable.ends_with(b"threads"), "{:?}", String::from_utf8_lossy(&header.executable));
}
