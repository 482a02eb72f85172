//! Segments: what comes back is what was written, or an error.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::fs;

use bytehound_store::{BuildKey, Column, Generation, ProfileId, SegmentWriter, Store, StoreError};
use proptest::prelude::*;

fn key() -> BuildKey {
    BuildKey {
        profile: ProfileId::parse(&format!("p_{}", "a".repeat(32))).unwrap(),
        generation: Generation(1),
    }
}

type Content = (Vec<u32>, Vec<u16>, Vec<u8>);

/// What a reader of the test's segment gets: all of it, or an error.
fn read_all(store: &Store) -> Result<Content, StoreError> {
    let segment = store.segments().open(&key())?;
    let (sizes, threads) = (segment.column::<u32>("sizes")?, segment.column::<u16>("threads")?);
    let names = segment.slice::<u8>("names")?.to_vec();
    Ok((sizes.iter(0..sizes.len()).collect(), threads.iter(0..threads.len()).collect(), names))
}

fn write_all(store: &Store) {
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    let mut sizes = writer.begin::<u32>("sizes").unwrap();
    sizes.push(&[7, 7]).unwrap();
    sizes.push(&[7, 8, 9]).unwrap();
    sizes.end().unwrap();
    let mut threads = writer.begin::<u16>("threads").unwrap();
    threads.push(&[3; 1000]).unwrap();
    threads.end().unwrap();
    writer.write_section("names", b"main\0worker").unwrap();
    store.segments().put(&key(), writer.finish().unwrap()).unwrap();
}

#[test]
fn a_changed_byte_is_an_error_or_changes_nothing() {
    let store = Store::temporary().unwrap();
    write_all(&store);
    let path = store.directory().join(format!("segments/{}.seg", key()));
    let whole = fs::read(&path).unwrap();
    let written = read_all(&store).unwrap();
    assert_eq!(written, (vec![7, 7, 7, 8, 9], vec![3; 1000], b"main\0worker".to_vec()));
    let mut errors = 0;
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            fs::write(&path, damaged).unwrap();
            match read_all(&store) {
                Ok(read) => assert_eq!(read, written, "byte {at}"),
                Err(StoreError::Corrupt { .. } | StoreError::Version { .. }) => errors += 1,
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
    }
    // Only the padding between the three sections may change unnoticed.
    assert!(errors >= 3 * (whole.len() - 3 * 64), "{errors} of {}", 3 * whole.len());
}

#[test]
fn a_shortened_segment_is_an_error_at_every_length() {
    let store = Store::temporary().unwrap();
    write_all(&store);
    let path = store.directory().join(format!("segments/{}.seg", key()));
    let whole = fs::read(&path).unwrap();
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        assert!(read_all(&store).is_err(), "{len} bytes");
    }
}

#[test]
fn a_column_of_equal_values_takes_the_room_of_one() {
    let store = Store::temporary().unwrap();
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    let mut section = writer.begin::<u64>("constant").unwrap();
    for _ in 0..1000 {
        section.push(&[42; 1000]).unwrap();
    }
    section.end().unwrap();
    store.segments().put(&key(), writer.finish().unwrap()).unwrap();
    let segment = store.segments().open(&key()).unwrap();
    assert!(segment.size_bytes() < 4096);
    assert_eq!(segment.column::<u64>("constant").unwrap(), Column::Constant { value: 42, len: 1_000_000 });
    assert!(segment.slice::<u64>("constant").is_err());
}

#[test]
fn a_reader_who_expects_something_else_is_told() {
    let store = Store::temporary().unwrap();
    write_all(&store);
    let segment = store.segments().open(&key()).unwrap();
    assert_eq!(segment.section_names(), ["names", "sizes", "threads"]);
    let error = segment.column::<u64>("sizes").unwrap_err().to_string();
    assert!(error.contains("section `sizes`") && error.contains("values of 4 bytes"), "{error}");
    let error = segment.slice::<u64>("addresses").unwrap_err().to_string();
    assert!(error.contains("section `addresses`") && error.contains("is missing"), "{error}");
}

#[test]
fn a_section_needs_a_name_of_its_own() {
    let store = Store::temporary().unwrap();
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    writer.write_section("sizes", &[1_u32]).unwrap();
    let long = "n".repeat(65);
    for name in ["sizes", "", long.as_str()] {
        assert!(matches!(writer.write_section(name, &[1_u32]), Err(StoreError::Refused(_))), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_of_any_length_come_back_as_one_column(
        pieces in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u32>(), 0..50),
            (0_u32..2, 0_usize..6000).prop_map(|(value, len)| vec![value; len]),
        ], 0..6),
    ) {
        let store = Store::temporary().unwrap();
        let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
        let mut section = writer.begin::<u32>("values").unwrap();
        for piece in &pieces {
            section.push(piece).unwrap();
        }
        section.end().unwrap();
        store.segments().put(&key(), writer.finish().unwrap()).unwrap();
        let segment = store.segments().open(&key()).unwrap();
        let column = segment.column::<u32>("values").unwrap();
        let expected = pieces.concat();
        prop_assert_eq!(column.len(), expected.len());
        prop_assert_eq!(column.get(expected.len()), None);
        prop_assert!(expected.iter().enumerate().all(|(row, value)| column.at(row) == *value && column.get(row) == Some(*value)));
        let half = expected.len() / 2;
        prop_assert_eq!(column.iter(half..expected.len()).collect::<Vec<_>>(), &expected[half..]);
    }
}
