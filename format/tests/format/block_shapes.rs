//! Blocks of every shape that writers of the format produce.
#![expect(clippy::unwrap_used, reason = "the tests' own functions fail by panicking, too")]

use crate::sample::{alloc, backtrace, encoded, file, header, rest_of, stored, written};
use bytehound_format::limits::BLOCK_LEN;
use bytehound_format::{
    BLOCK_SCRATCH_LEN, BlockWriter, Ending, Event, Reader, ReaderOptions, RegionSource, RegionTargetedSource,
    Skipped, Timestamp,
};

/// The kind and payload of every block of a file.
fn blocks(mut file: &[u8]) -> Vec<(u8, &[u8])> {
    let mut blocks = Vec::new();
    while let Some((&[kind, a, b, c, d], rest)) = file.split_first_chunk() {
        let (payload, rest) = rest.split_at(u32::from_le_bytes([a, b, c, d]) as usize);
        blocks.push((kind, payload));
        file = rest;
    }
    blocks
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Reads a file on this thread and with a helper thread.
fn check_reads_as(bytes: &[u8], events: &[Event<'_>]) {
    check_reader(Reader::new(bytes).unwrap(), bytes, events);
    let input = std::io::Cursor::new(bytes.to_vec());
    check_reader(Reader::read_ahead(input, ReaderOptions::default()).unwrap(), bytes, events);
}

fn check_reader<R: std::io::Read>(mut reader: Reader<R>, bytes: &[u8], events: &[Event<'_>]) {
    let expected: Vec<_> = events[1..].iter().map(|event| encoded(std::slice::from_ref(event))).collect();
    assert!(rest_of(&mut reader) == expected, "the events differ");
    assert_eq!(reader.ending(), Some(&Ending::Clean));
    assert_eq!(reader.file_offset(), bytes.len() as u64);
    assert_eq!(reader.stream_offset(), encoded(events).len() as u64);
}

#[test]
fn events_may_straddle_stored_blocks_of_any_size() {
    let events = [header(), backtrace(), alloc(1), file(noise(1000)), alloc(2)];
    let stream = encoded(&events);
    for len in [1, 2, 3, 7, 71, 72, 73, 500, stream.len()] {
        let bytes: Vec<u8> = stream.chunks(len).flat_map(stored).collect();
        check_reads_as(&bytes, &events);
    }
}

#[test]
fn an_event_with_parts_of_variable_length_is_found_in_blocks_of_one_byte() {
    let source = RegionSource { timestamp: Timestamp(1), backtrace: u64::MAX, thread: 2 };
    let removal = Event::RemoveRegion {
        timestamp: Timestamp(1),
        map_id: 1,
        address: 2,
        length: 3,
        sources: vec![RegionTargetedSource { address: 4, length: u64::MAX, source }; 500],
    };
    let events = [header(), removal, alloc(1)];
    let bytes: Vec<u8> = encoded(&events).chunks(1).flat_map(stored).collect();
    check_reads_as(&bytes, &events);
}

#[test]
fn blocks_smaller_than_an_event_are_joined() {
    let mut events = vec![header()];
    events.extend((0..3000).map(alloc));
    let bytes: Vec<u8> = encoded(&events).chunks(50).flat_map(stored).collect();
    check_reads_as(&bytes, &events);
}

#[test]
fn empty_blocks_hold_nothing_and_harm_nothing() {
    let events = [header(), alloc(1)];
    let empty_lz4 = vec![1, 0, 0, 0, 0];
    let bytes = [stored(&[]), empty_lz4.clone(), written(&events), stored(&[]), empty_lz4].concat();
    check_reads_as(&bytes, &events);
}

#[test]
fn a_second_header_is_an_event() {
    let events = [header(), alloc(1), header(), alloc(2)];
    check_reads_as(&written(&events), &events);
}

#[test]
fn a_stored_block_far_above_512_kib_is_read() {
    let events = [header(), file(noise(5 << 20)), alloc(1)];
    check_reads_as(&stored(&encoded(&events)), &events);
}

#[test]
fn a_compressed_block_far_above_512_kib_is_read() {
    let head = encoded(&[
        header(),
        Event::File64 { timestamp: Default::default(), path: "x".into(), contents: vec![].into() },
    ]);
    let (head, _) = head.split_at(head.len() - 8);
    // One literal run for the head, the length of the contents and their first byte; then one match.
    let match_tail = 255 * 100_000_usize;
    let contents_len = 1 + 4 + 15 + match_tail;
    let literals = [head, &(contents_len as u64).to_le_bytes(), b"z"].concat();
    let mut payload = vec![0xff];
    payload.extend(vec![255; (literals.len() - 15) / 255]);
    payload.push(((literals.len() - 15) % 255) as u8);
    payload.extend(&literals);
    payload.extend([1, 0]);
    payload.extend(vec![255; match_tail / 255]);
    payload.extend([0, 0x00]);
    let mut bytes = vec![1];
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(payload);
    let expected = Event::File64 {
        timestamp: Default::default(),
        path: "x".into(),
        contents: vec![b'z'; contents_len].into(),
    };
    check_reads_as(&bytes, &[header(), expected]);
}

#[test]
fn written_blocks_hold_at_most_512_kib_and_whole_events_where_these_fit() {
    let mut events = vec![header()];
    events.extend((0..20_000).map(alloc));
    let bytes = written(&events);
    let blocks = blocks(&bytes);
    assert_eq!(blocks.len(), (20_000 * 72_usize).div_ceil(BLOCK_LEN));
    let mut total = 0;
    for (kind, payload) in blocks {
        assert_eq!(kind, 1);
        let mut block = vec![0; BLOCK_LEN];
        let len = lz4_flex::block::decompress_into(payload, &mut block).unwrap();
        assert!(total == 0 || block.starts_with(&20_u32.to_le_bytes()), "the block starts inside an event");
        total += len;
    }
    assert_eq!(total, encoded(&events).len());
    check_reads_as(&bytes, &events);
}

#[test]
fn an_event_larger_than_a_block_is_written_over_several() {
    let events = [header(), file(noise(3 * BLOCK_LEN + 5)), alloc(1)];
    let bytes = written(&events);
    assert!(blocks(&bytes).len() >= 4);
    check_reads_as(&bytes, &events);
}

#[test]
fn contents_above_the_limit_are_streamed_past() {
    let events = [header(), file(noise(2 * BLOCK_LEN)), alloc(1), file(noise(1000)), alloc(2)];
    let bytes = written(&events);
    let options = ReaderOptions { contents_len_max: 1000, ..ReaderOptions::default() };
    let mut reader = Reader::with_options(&bytes[..], options).unwrap();
    let expected = [file(vec![]), alloc(1), file(noise(1000)), alloc(2)];
    for event in &expected {
        assert_eq!(reader.next_event().unwrap().as_ref(), Some(event));
    }
    assert_eq!(reader.next_event().unwrap(), None);
    assert_eq!(reader.ending(), Some(&Ending::Clean));
    assert_eq!(reader.skipped(), Skipped { events: 1, bytes: 2 * BLOCK_LEN as u64 });
    assert_eq!(reader.stream_offset(), encoded(&events).len() as u64);
}

#[test]
fn a_block_writer_needs_all_its_memory() {
    let sink = |_: &[u8]| Ok::<_, ()>(());
    assert!(BlockWriter::new(vec![0; BLOCK_LEN], vec![0; BLOCK_SCRATCH_LEN], sink).is_some());
    assert!(BlockWriter::new(vec![0; BLOCK_LEN - 1], vec![0; BLOCK_SCRATCH_LEN], sink).is_none());
    assert!(BlockWriter::new(vec![0; BLOCK_LEN], vec![0; BLOCK_SCRATCH_LEN - 1], sink).is_none());
}

#[test]
fn a_block_writer_hands_out_one_slice_for_each_block() {
    let mut slices = Vec::new();
    let sink = |block: &[u8]| {
        slices.push(block.to_vec());
        Ok::<_, ()>(())
    };
    let mut writer = BlockWriter::new(vec![0; BLOCK_LEN], vec![0; BLOCK_SCRATCH_LEN], sink).unwrap();
    writer.write_event(&header()).unwrap();
    writer.flush().unwrap();
    writer.flush().unwrap();
    writer.write_encoded(&encoded(&[alloc(1)])).unwrap();
    assert_eq!(writer.staged(), 72);
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(slices.len(), 2, "an empty block is not written");
    check_reads_as(&slices.concat(), &[header(), alloc(1)]);
}

#[test]
fn a_sink_that_fails_is_told_by_the_write_that_filled_the_block() {
    let mut writer =
        BlockWriter::new(vec![0; BLOCK_LEN], vec![0; BLOCK_SCRATCH_LEN], |_: &[u8]| Err("disk full"))
            .unwrap();
    assert_eq!(writer.write_event(&header()), Ok(()));
    assert_eq!(writer.write_event(&file(vec![1; BLOCK_LEN])), Err("disk full"));
    assert_eq!(writer.flush(), Err("disk full"), "what was left is refused, too");
    assert_eq!(writer.flush(), Ok(()), "there is nothing left");
}
