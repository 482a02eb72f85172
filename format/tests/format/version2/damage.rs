//! Damage costs the block that it hits.

use bytehound_format::v2::batch::Node;
use bytehound_format::v2::{BlockFlags, BlockKind, Caller, HEADER_LEN, MAGIC};
use bytehound_format::{Ending, Event, Losses, OpenError, Reader, ReaderOptions};

use super::capture::{Capture, alloc, free, read, thread};
use crate::mutations::Random;

/// Two threads with two blocks each, and one of stacks.
fn sample() -> Capture {
    let mut capture = Capture::new();
    let (mut one, mut other) = (thread(11), thread(12));
    capture.stacks(2, &[(Caller::None { generation: 0 }, 0x10), (Caller::Node(Node(2)), 0x20)]);
    capture.batch(0, &mut one, &[(1_000, alloc(0xa0, 3)), (3_000, free(0xa0))]);
    capture.batch(1, &mut other, &[(2_000, alloc(0xb0, 3))]);
    capture.mark(5_000);
    capture.rare(&[(5_500, Event::Marker { value: 7 })]);
    capture.batch(1, &mut other, &[(6_000, free(0xb0))]);
    capture.batch(0, &mut one, &[(7_000, alloc(0xc0, 2)), (8_000, free(0xc0))]);
    capture.mark(10_000);
    capture.end(10_000);
    capture
}

fn losses(ending: &Ending) -> Losses {
    match ending {
        Ending::Partial(losses) => losses.clone(),
        other => panic!("{other:?}"),
    }
}

/// Every line of `found`, apart from those of stacks, is one of `whole`, in the same order.
fn assert_part(found: &[String], whole: &[String]) {
    let mut rest = whole.iter();
    let told = |line: &&String| !line.starts_with("stack ");
    for line in found.iter().filter(told) {
        let alike = |other: &&String| line.split(" stack ").next() == other.split(" stack ").next();
        assert!(rest.any(|other| alike(&other)), "{line} in {found:#?}");
    }
}

#[test]
fn a_damaged_bit_costs_its_block_and_is_told() {
    let capture = sample();
    let (whole, ending) = read(&capture.bytes);
    assert_eq!(ending, Ending::Clean);
    let start_end = capture.starts[1];
    for at in 0..capture.bytes.len() {
        let bit = 8 * at + at % 7;
        let mut bytes = capture.bytes.clone();
        bytes[at] ^= 1 << (at % 7);
        if (MAGIC.len()..start_end).contains(&at) {
            let error = Reader::new(&bytes[..]).map(|_| ()).unwrap_err();
            assert!(matches!(error, OpenError::Damaged(_)), "bit {bit}: {error}");
            continue;
        }
        let (lines, ending) = read(&bytes);
        assert_part(&lines, &whole);
        if at < MAGIC.len() {
            assert_eq!(lines, whole);
            continue;
        }
        let losses = losses(&ending);
        let block = capture.starts.iter().rposition(|start| *start <= at).unwrap();
        let is_cut = losses.cut.is_some();
        assert!(!is_cut || block + 1 == capture.starts.len(), "bit {bit}");
        if !is_cut {
            let end = capture.starts.get(block + 1).copied().unwrap_or(bytes.len());
            assert_eq!(losses.damaged_places, 1, "bit {bit}");
            assert_eq!(losses.first_damage, Some(capture.starts[block] as u64), "bit {bit}");
            assert_eq!(losses.damaged_bytes, (end - capture.starts[block]) as u64, "bit {bit}");
        }
        let lost = [0, 0, 2, 1, 0, 1, 1, 2, 0, 1][block];
        let told = |lines: &[String]| lines.iter().filter(|line| !line.starts_with("stack ")).count();
        assert_eq!(told(&lines), told(&whole) - lost, "bit {bit}: {lines:#?}");
        assert_eq!(losses.unknown_stacks, if block == 1 { 3 } else { 0 }, "bit {bit}");
        assert!(!ending.to_string().is_empty());
    }
}

#[test]
fn a_file_cut_at_any_byte_gives_its_whole_blocks() {
    let capture = sample();
    let (whole, _) = read(&capture.bytes);
    for cut in 1..capture.starts[1] {
        let error = Reader::new(&capture.bytes[..cut]).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Truncated { .. }), "cut at {cut}: {error}");
    }
    for cut in capture.starts[1]..capture.bytes.len() {
        let (lines, ending) = read(&capture.bytes[..cut]);
        assert_part(&lines, &whole);
        let losses = losses(&ending);
        assert!(losses.unfinished, "cut at {cut}");
        assert_eq!(losses.damaged_places, 0, "cut at {cut}");
        assert_eq!(losses.cut.is_none(), capture.starts.contains(&cut), "cut at {cut}");
        let whole_blocks = capture.starts.iter().filter(|start| **start <= cut).count() - 1;
        let events = [0, 0, 0, 2, 3, 3, 4, 5, 7, 7][whole_blocks];
        let told = lines.iter().filter(|line| !line.starts_with("stack ")).count();
        assert_eq!(told, 1 + events, "cut at {cut}: {lines:#?}");
    }
}

#[test]
fn bytes_between_blocks_are_passed_over() {
    let capture = sample();
    let (whole, _) = read(&capture.bytes);
    let garbage: Vec<u8> =
        (0..5_000_u32).flat_map(|number| [b"\xb7BLK"[number as usize % 4], number as u8]).collect();
    for &start in &capture.starts[1..] {
        let bytes = [&capture.bytes[..start], &garbage, &capture.bytes[start..]].concat();
        let (lines, ending) = read(&bytes);
        assert_eq!(lines, whole);
        let losses = losses(&ending);
        assert_eq!((losses.damaged_places, losses.damaged_bytes), (1, garbage.len() as u64));
        assert_eq!(losses.missing_blocks, 0);
    }
}

#[test]
fn an_event_that_lost_a_piece_is_left_out_and_counted() {
    let file = crate::sample::file(vec![5; 1000]);
    let mut bytes = Vec::new();
    bytehound_format::v2::put_rare(2_000, &file, &mut bytes);
    let mut capture = Capture::new();
    let flags = [
        BlockFlags::CONTINUES,
        BlockFlags::CONTINUES.and(BlockFlags::CONTINUATION),
        BlockFlags::CONTINUATION,
    ];
    for (piece, flags) in bytes.chunks(400).zip(flags) {
        capture.block(BlockKind::Rare, flags, piece);
    }
    capture.rare(&[(3_000, Event::Marker { value: 1 })]);
    capture.end(10_000);
    let whole = read(&capture.bytes).0;
    assert_eq!(whole.len(), 4);
    for lost in 1..4 {
        let mut damaged = capture.bytes.clone();
        damaged[capture.starts[lost] + HEADER_LEN] ^= 1;
        let (lines, ending) = read(&damaged);
        assert_eq!(lines.iter().collect::<Vec<_>>(), [&whole[0], &whole[2], &whole[3]], "piece {lost}");
        assert!(losses(&ending).broken_pieces >= 1);
    }
}

#[test]
fn a_payload_of_nonsense_costs_itself() {
    let nonsense = [&[][..], &[0; 7], &[0xff; 400], &[0x80; 5000]];
    let kinds =
        [BlockKind::Start, BlockKind::Events, BlockKind::Stacks, BlockKind::Rare, BlockKind::Complete];
    for kind in kinds {
        for payload in nonsense {
            let mut capture = Capture::new();
            capture.batch(0, &mut thread(11), &[(1_000, free(1))]);
            capture.block(kind, BlockFlags::PLAIN, payload);
            capture.batch(0, &mut thread(11), &[(2_000, free(2))]);
            capture.end(10_000);
            let (lines, _) = read(&capture.bytes);
            let frees = lines.iter().filter(|line| line.contains("11 free")).count();
            assert_eq!(frees, 2, "{kind:?} {payload:?}: {lines:#?}");
        }
    }
}

#[test]
fn payloads_of_random_bytes_behind_right_checksums_are_read_without_panic() {
    let kinds = [
        BlockKind::Start,
        BlockKind::Events,
        BlockKind::Stacks,
        BlockKind::Rare,
        BlockKind::Complete,
        BlockKind::End,
    ];
    let flags = [
        BlockFlags::PLAIN,
        BlockFlags::LZ4,
        BlockFlags::CONTINUES,
        BlockFlags::CONTINUATION,
        BlockFlags::CONTINUES.and(BlockFlags::CONTINUATION),
        BlockFlags::OWN_BACKTRACES,
    ];
    let mut random = Random(4);
    for _ in 0..1_000 {
        let mut capture = Capture::new();
        for _ in 0..random.below(8) {
            let few = random.below(2) == 0;
            let len = random.below(if few { 60 } else { 700 });
            let limit = if random.below(2) == 0 { 4 } else { 256 };
            let payload: Vec<u8> = (0..len).map(|_| random.below(limit) as u8).collect();
            capture.block(kinds[random.below(6)], flags[random.below(6)], &payload);
        }
        let options = ReaderOptions { held_len_max: 1000, contents_len_max: 100, ..ReaderOptions::default() };
        let mut reader = Reader::with_options(&capture.bytes[..], options).unwrap();
        while reader.next_event().unwrap().is_some() {}
        assert!(!reader.ending().unwrap().to_string().is_empty());
    }
}

#[test]
fn a_later_version_is_refused_by_its_number() {
    let mut bytes = sample().bytes;
    bytes[7] = 3;
    bytes[8] = 0;
    let error = Reader::new(&bytes[..]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("version 3"), "{error}");
}

#[test]
fn a_length_beyond_the_limit_is_no_block_and_is_not_waited_for() {
    let capture = sample();
    let (whole, _) = read(&capture.bytes);
    let mut hostile = capture.bytes[capture.starts[1]..][..HEADER_LEN].to_vec();
    hostile[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    let bytes = [&capture.bytes[..capture.starts[1]], &hostile, &capture.bytes[capture.starts[1]..]].concat();
    let mut taken = Taken { bytes: &bytes, most: 0 };
    let mut reader = Reader::new(&mut taken).unwrap();
    let mut events = 0;
    while reader.next_event().unwrap().is_some() {
        events += 1;
    }
    assert_eq!(events, whole.len());
    assert!(taken.most <= 1 << 20, "{} bytes were asked for at once", taken.most);
}

/// Notes how much is asked for at once: the memory that waits for it.
struct Taken<'a> {
    bytes: &'a [u8],
    most: usize,
}

impl std::io::Read for Taken<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.most = self.most.max(out.len());
        self.bytes.read(out)
    }
}
