//! Files with random damage never panic the reader, and what it says about them adds up.
#![expect(clippy::unwrap_used, reason = "the tests' own functions fail by panicking, too")]

use crate::sample::{alloc, backtrace, encoded, file, header, stored, written};
use bytehound_format::{Container, Ending, Event, Reader, ReaderOptions, convert};

/// A small generator of reproducible numbers (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }

    /// A byte that is often at an edge.
    fn byte(&mut self) -> u8 {
        [0, 1, 0x7f, 0x80, 0xff, self.below(256) as u8][self.below(6)]
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.byte()),
                2 if !bytes.is_empty() => drop(bytes.remove(at)),
                _ => {
                    let byte = self.byte();
                    bytes.get_mut(at).into_iter().for_each(|slot| *slot = byte);
                }
            }
        }
    }
}

fn events() -> Vec<Event<'static>> {
    let region = Event::AddRegion {
        timestamp: Default::default(),
        map_id: 300,
        address: 1,
        length: 1 << 40,
        file_offset: 0,
        inode: 9,
        major: 8,
        minor: 1,
        flags: 5,
        name: "[anon:mmap]".into(),
    };
    let removal = Event::RemoveRegion {
        timestamp: Default::default(),
        map_id: 300,
        address: 1,
        length: 1 << 40,
        sources: vec![],
    };
    let name = Event::String { id: 1, string: "some::function".into() };
    vec![header(), backtrace(), file(vec![3; 200]), alloc(1), region, name, alloc(2), removal, alloc(3)]
}

/// Reads to the end and checks the accounts.
fn read(bytes: &[u8]) {
    let options =
        ReaderOptions { block_len_max: 1 << 16, contents_len_max: 1 << 12, ..ReaderOptions::default() };
    let Ok(mut reader) = Reader::with_options(bytes, options) else {
        return;
    };
    let mut before = reader.stream_offset();
    while reader.next_event().unwrap().is_some() {
        assert!(reader.stream_offset() > before);
        before = reader.stream_offset();
    }
    let ending = reader.ending().unwrap();
    assert!(reader.file_offset() <= bytes.len() as u64);
    assert_eq!(ending.is_clean(), ending.place().is_none());
    if let Ending::Clean = ending {
        assert_eq!(reader.file_offset(), bytes.len() as u64, "a clean end is the end of the file");
    }
    if let Some(place) = ending.place() {
        assert_eq!(place.file_offset, reader.file_offset());
        assert_eq!(place.stream_offset, reader.stream_offset());
    }
    assert!(!ending.to_string().is_empty());
}

#[test]
fn damaged_compressed_files_are_read_up_to_the_damage() {
    let events = events();
    let whole = [written(&events[..1]), written(&events[1..5]), written(&events[5..])].concat();
    let mut random = Random(1);
    for _ in 0..10_000 {
        let mut bytes = whole.clone();
        random.damage(&mut bytes);
        read(&bytes);
    }
}

#[test]
fn damaged_streams_in_whole_blocks_are_read_up_to_the_damage() {
    let stream = encoded(&events());
    let mut random = Random(2);
    for _ in 0..10_000 {
        let mut bytes = stream.clone();
        random.damage(&mut bytes);
        let block_len = 1 + random.below(300);
        read(&bytes.chunks(block_len).flat_map(stored).collect::<Vec<_>>());
    }
}

#[test]
fn random_bytes_are_read_without_panic() {
    let mut random = Random(3);
    for _ in 0..10_000 {
        let len = random.below(200);
        let mut bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
        read(&bytes);
        bytes.splice(0..0, stored(&encoded(&[header()])));
        read(&bytes);
    }
}

#[test]
fn damaged_files_of_version_2_are_read_to_their_end() {
    let old = written(&events());
    let mut reader = Reader::new(&old[..]).unwrap();
    let whole = convert(&mut reader, Container::V2, Vec::new(), |_| {}).unwrap();
    let mut random = Random(5);
    for _ in 0..2_000 {
        let mut bytes = whole.clone();
        random.damage(&mut bytes);
        let options = ReaderOptions { held_len_max: 500, contents_len_max: 100, ..ReaderOptions::default() };
        let Ok(mut reader) = Reader::with_options(&bytes[..], options) else { continue };
        let mut events = 0;
        while reader.next_event().unwrap().is_some() {
            events += 1;
        }
        assert!(events <= 20, "{events} events");
        assert_eq!(reader.file_offset(), bytes.len() as u64);
        let ending = reader.ending().unwrap();
        assert_eq!(ending.is_clean(), bytes.get(8..) == whole.get(8..), "{ending:?}");
        assert!(!ending.to_string().is_empty());
    }
}
