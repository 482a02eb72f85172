//! Damaged input is data: what comes before the damage is read, and the ending says what is missing.
#![expect(clippy::unwrap_used, reason = "the tests' own functions fail by panicking, too")]

use crate::sample::{alloc, backtrace, encoded, file, header, rest_of, stored, written};
use bytehound_format::{
    BlockDefect, Cut, Defect, Ending, Event, Malformed, OpenError, Reader, ReaderOptions,
};

fn three_blocks() -> (Vec<Vec<u8>>, Vec<Event<'static>>) {
    let events = vec![header(), backtrace(), alloc(1), file(vec![7; 300]), alloc(2)];
    let blocks = vec![written(&events[..1]), written(&events[1..3]), written(&events[3..])];
    (blocks, events)
}

#[test]
fn a_file_cut_at_any_byte_gives_the_events_of_its_whole_blocks() {
    let (blocks, events) = three_blocks();
    let ends: Vec<usize> = blocks
        .iter()
        .scan(0, |end, block| {
            *end += block.len();
            Some(*end)
        })
        .collect();
    let events_at_end = [1, 3, 5];
    let bytes = blocks.concat();
    for cut in ends[0]..=bytes.len() {
        let whole = ends.iter().rposition(|end| *end <= cut).unwrap();
        let mut reader = Reader::new(&bytes[..cut]).unwrap();
        let expected: Vec<_> = events[1..events_at_end[whole]]
            .iter()
            .map(|event| encoded(std::slice::from_ref(event)))
            .collect();
        assert_eq!(rest_of(&mut reader), expected, "cut at {cut}");
        match reader.ending().unwrap() {
            Ending::Clean => assert!(ends.contains(&cut), "cut at {cut}"),
            Ending::Truncated { inside: Cut::Block, missing, place } => {
                let in_header = cut - ends[whole] < 5;
                let block_end = if in_header { ends[whole] + 5 } else { ends[whole + 1] };
                assert_eq!(*missing as usize, block_end - cut, "cut at {cut}");
                assert_eq!(place.file_offset as usize, ends[whole]);
                assert_eq!(place.unread(cut as u64) as usize, cut - ends[whole]);
                assert_eq!(place.stream_offset as usize, encoded(&events[..events_at_end[whole]]).len());
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

#[test]
fn a_file_cut_before_its_header_is_whole_is_refused_with_the_bytes_that_it_lacks() {
    let bytes = written(&[header()]);
    for cut in 1..bytes.len() {
        let missing = if cut < 5 { 5 - cut } else { bytes.len() - cut };
        match Reader::new(&bytes[..cut]) {
            Err(OpenError::Truncated { missing: said }) => assert_eq!(said as usize, missing, "cut at {cut}"),
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
    assert!(matches!(Reader::new(&[][..]), Err(OpenError::Empty)));
}

#[test]
fn a_stream_that_ends_inside_an_event_drops_that_event() {
    let stream = encoded(&[header(), alloc(1), alloc(2)]);
    for lost in 1..72 {
        let mut reader = Reader::new(std::io::Cursor::new(stored(&stream[..stream.len() - lost]))).unwrap();
        assert_eq!(rest_of(&mut reader), [encoded(&[alloc(1)])]);
        let Some(Ending::Truncated { inside: Cut::Event, missing, place }) = reader.ending() else {
            panic!("{:?}", reader.ending());
        };
        assert!(*missing >= 1 && *missing <= lost as u64);
        assert_eq!(place.dropped as usize, 72 - lost);
        assert_eq!(place.stream_offset as usize, stream.len() - 72);
    }
}

/// Reads a file whose header is whole; returns how many events follow it, and how it ends.
fn ending_of(bytes: &[u8]) -> (usize, Ending) {
    let mut reader = Reader::new(bytes).unwrap();
    let count = rest_of(&mut reader).len();
    assert!(reader.next_event().unwrap().is_none(), "the end stays the end");
    (count, reader.ending().unwrap().clone())
}

#[test]
fn an_unknown_tag_ends_the_stream_and_keeps_what_was_before() {
    let mut stream = encoded(&[header(), alloc(1)]);
    let good = stream.len();
    stream.extend(28_u32.to_le_bytes());
    stream.extend([0; 100]);
    let (count, ending) = ending_of(&stored(&stream));
    assert_eq!(count, 1);
    let Ending::Corrupt { what: Defect::Event(Malformed::UnknownTag { tag: 28 }), place } = &ending else {
        panic!("{ending:?}");
    };
    assert_eq!(place.stream_offset as usize, good);
    assert_eq!(place.dropped, 104);
    assert!(ending.to_string().contains("there is no event with tag 28"), "{ending}");
}

#[test]
fn huge_length_fields_are_damage_or_a_truncation_and_take_no_memory() {
    let huge_text = [14_u32.to_le_bytes(), 1_u32.to_le_bytes(), u32::MAX.to_le_bytes()].concat();
    let huge_backtrace = [&5_u32.to_le_bytes()[..], &[0; 8], &u32::MAX.to_le_bytes()].concat();
    let huge_frames = [16_u32.to_le_bytes(), u32::MAX.to_le_bytes()].concat();
    let huge_sources = [&25_u32.to_le_bytes()[..], &[0; 18], &[0xff; 9]].concat();
    for event in [huge_text, huge_backtrace, huge_frames, huge_sources] {
        let (count, ending) = ending_of(&stored(&[encoded(&[header(), alloc(1)]), event].concat()));
        assert_eq!(count, 1);
        assert!(
            matches!(ending, Ending::Corrupt { what: Defect::Event(Malformed::TooLong { .. }), .. }),
            "{ending:?}"
        );
    }
    let huge_file = [&23_u32.to_le_bytes()[..], &[0; 12], &u64::MAX.to_le_bytes(), b"abc"].concat();
    let (count, ending) = ending_of(&stored(&[encoded(&[header()]), huge_file].concat()));
    assert_eq!(count, 1, "the file's event comes, without contents");
    let Ending::Truncated { inside: Cut::Event, missing, .. } = ending else { panic!("{ending:?}") };
    assert_eq!(missing, u64::MAX - 3);
}

#[test]
fn a_damaged_block_ends_the_file_where_it_starts() {
    let (blocks, _) = three_blocks();
    let offset = (blocks[0].len() + blocks[1].len()) as u64;
    let start = [&blocks[0][..], &blocks[1]].concat();
    let bad_match = [1, 5, 0, 0, 0, 0x10, b'a', 9, 0, 0];
    let bad_kind = [3, 0, 0, 0, 0];
    let too_large = [1, 0xff, 0xff, 0xff, 0xff];
    for (block, expected) in [
        (&bad_match[..], BlockDefect::Lz4 { reason: "a match starts before the block" }),
        (&bad_kind, BlockDefect::UnknownKind { kind: 3 }),
        (&too_large, BlockDefect::TooLarge { limit: 1 << 30 }),
    ] {
        let (count, ending) = ending_of(&[&start[..], block, &blocks[2]].concat());
        assert_eq!(count, 2);
        let Ending::Corrupt { what, place } = ending else { panic!("{ending:?}") };
        assert_eq!(what, Defect::Block(expected));
        assert_eq!(place.file_offset, offset);
    }
}

#[test]
fn a_block_above_the_readers_limit_is_refused() {
    let bytes = [written(&[header()]), written(&[file(vec![0; 100_000])])].concat();
    let options = ReaderOptions { block_len_max: 10_000, ..ReaderOptions::default() };
    let mut reader = Reader::with_options(&bytes[..], options).unwrap();
    assert!(rest_of(&mut reader).is_empty());
    assert!(matches!(
        reader.ending(),
        Some(Ending::Corrupt { what: Defect::Block(BlockDefect::TooLarge { limit: 10_000 }), .. })
    ));
}

#[test]
fn other_files_are_refused_by_name() {
    check(&[0x1f, 0x8b, 8, 0, 0, 0, 0], "a gzip file");
    check(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0], "a zstd file");
    check(b"\x7fELF\x02\x01\x01", "an ELF binary");
    check(b"{\"a\": 1}", "a JSON text");
    check(b"malloc 123\n", "a text");
    check(b"abc", "a text");
    check(&[0x99; 64], "a file of an unknown kind");
    check(&stored(&[0x55; 400]), "a file of an unknown kind");

    fn check(bytes: &[u8], expected: &str) {
        let error = Reader::new(bytes).unwrap_err();
        assert!(matches!(error, OpenError::NotACapture { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_stream_without_a_header_is_refused() {
    let error = Reader::new(std::io::Cursor::new(stored(&encoded(&[alloc(1), header()])))).unwrap_err();
    assert!(error.to_string().contains("`AllocEx` instead of `Header`"), "{error}");
}

#[test]
fn text_that_is_not_utf8_does_not_end_the_stream() {
    let mut odd = encoded(&[Event::String { id: 1, string: "a?c".into() }]);
    let at = odd.len() - 2;
    odd[at] = 0xff;
    let bytes = stored(&[encoded(&[header()]), odd, encoded(&[alloc(1)])].concat());
    let mut reader = Reader::new(&bytes[..]).unwrap();
    assert_eq!(reader.next_event().unwrap(), Some(Event::String { id: 1, string: "a\u{fffd}c".into() }));
    assert_eq!(reader.next_event().unwrap(), Some(alloc(1)));
}

#[test]
fn an_input_error_is_an_error_and_not_an_ending() {
    struct Failing<'a>(&'a [u8]);
    impl std::io::Read for Failing<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            match std::io::Read::read(&mut self.0, out)? {
                0 => Err(std::io::Error::other("the cable is out")),
                len => Ok(len),
            }
        }
    }
    let bytes = written(&[header(), alloc(1)]);
    let mut reader = Reader::new(Failing(&bytes)).unwrap();
    assert_eq!(reader.next_event().unwrap(), Some(alloc(1)));
    assert_eq!(reader.next_event().unwrap_err().to_string(), "the cable is out");
    assert_eq!(reader.next_event().unwrap(), None);
    assert_eq!(reader.ending(), None);
}
