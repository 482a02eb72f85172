//! Segments: what comes back is what was written, or an error.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::fs;

use bytehound_store::{
    BLOCK_LEN, BuildKey, Column, Generation, Number, PackedBlock, ProfileId, SegmentWriter, Store, StoreError,
};
use proptest::prelude::*;

fn key() -> BuildKey {
    BuildKey {
        profile: ProfileId::parse(&format!("p_{}", "a".repeat(32))).unwrap(),
        generation: Generation(1),
    }
}

type Content = (Vec<u32>, Vec<u16>, Vec<u8>, [Vec<u64>; 2]);

const BIRTHS: [u64; 3] = [1_000_000, 1_000_001, 1_000_007];
const DEATHS: [u64; 3] = [u64::MAX, 1_000_500, 9_000_000];

/// What a reader of the test's segment gets: all of it, or an error.
fn read_all(store: &Store) -> Result<Content, StoreError> {
    let segment = store.segments().open(&key())?;
    let (sizes, threads) = (segment.column::<u32>("sizes")?, segment.column::<u16>("threads")?);
    let names = segment.slice::<u8>("names")?.to_vec();
    let (births, deaths) = (segment.column::<u64>("births")?, segment.column::<u64>("deaths")?);
    let times = [births, deaths].map(|times| times.iter(0..times.len()).collect());
    Ok((sizes.iter(0..sizes.len()).collect(), threads.iter(0..threads.len()).collect(), names, times))
}

fn write_all(store: &Store) {
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    writer.write_section("sizes", &[7_u32, 7, 7, 8, 9]).unwrap();
    writer.write_block("threads", &PackedBlock::of(&[3_u16; 1000])).unwrap();
    writer.write_section("names", b"main\0worker").unwrap();
    writer.write_block("births", &PackedBlock::of(&BIRTHS)).unwrap();
    writer.write_block("deaths", &PackedBlock::of(&DEATHS)).unwrap();
    store.segments().put(&key(), writer.finish().unwrap()).unwrap();
}

#[test]
fn every_changed_bit_is_noticed() {
    let store = Store::temporary().unwrap();
    write_all(&store);
    let path = store.directory().join(format!("segments/{}.seg", key()));
    let whole = fs::read(&path).unwrap();
    let times = [BIRTHS.to_vec(), DEATHS.to_vec()];
    let written = (vec![7, 7, 7, 8, 9], vec![3; 1000], b"main\0worker".to_vec(), times);
    assert_eq!(read_all(&store).unwrap(), written);
    for bit in 0..8 * whole.len() {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, damaged).unwrap();
        let read = read_all(&store);
        let noticed = matches!(read, Err(StoreError::Corrupt { .. } | StoreError::Version { .. }));
        assert!(noticed, "bit {bit}: {read:?}");
    }
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
    (0..10).for_each(|_| writer.write_block("constant", &PackedBlock::of(&[42_u64; BLOCK_LEN])).unwrap());
    store.segments().put(&key(), writer.finish().unwrap()).unwrap();
    let segment = store.segments().open(&key()).unwrap();
    assert!(segment.size_bytes() < 4096);
    let column = segment.column::<u64>("constant").unwrap();
    assert!(matches!(column, Column::Constant { value: 42, len } if len == 10 * BLOCK_LEN), "{column:?}");
    assert!(segment.slice::<u64>("constant").is_err());
}

#[test]
fn a_reader_who_expects_something_else_is_told() {
    let store = Store::temporary().unwrap();
    write_all(&store);
    let segment = store.segments().open(&key()).unwrap();
    assert_eq!(segment.section_names(), ["births", "deaths", "names", "sizes", "threads"]);
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

#[test]
fn blocks_of_a_column_are_of_one_type_and_full_but_for_the_last() {
    let store = Store::temporary().unwrap();
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    writer.write_block("sizes", &PackedBlock::of(&vec![1_u32; BLOCK_LEN])).unwrap();
    let refused = writer.write_block("sizes", &PackedBlock::of(&[1_u64]));
    assert!(matches!(refused, Err(StoreError::Refused(_))), "another type: {refused:?}");
    writer.write_block("sizes", &PackedBlock::of(&[1_u32])).unwrap();
    let refused = writer.write_block("sizes", &PackedBlock::of(&[1_u32]));
    assert!(matches!(refused, Err(StoreError::Refused(_))), "behind the last: {refused:?}");
    assert!(writer.write_section("sizes", &[1_u32]).is_err(), "a name is given once");
}

#[test]
fn an_empty_column_of_blocks_comes_back() {
    let store = Store::temporary().unwrap();
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    writer.write_block("sizes", &PackedBlock::of::<u64>(&[])).unwrap();
    store.segments().put(&key(), writer.finish().unwrap()).unwrap();
    let segment = store.segments().open(&key()).unwrap();
    assert!(segment.column::<u64>("sizes").unwrap().is_empty());
}

/// Numbers as columns have them: close together, far apart, and the largest of the type among them.
fn numbers() -> impl Strategy<Value = Vec<u64>> {
    let stretch = (any::<u64>(), 0..=64_u32, 1..400_usize, prop::option::of(Just(u64::MAX)), any::<u64>());
    let stretch = stretch.prop_map(|(base, bits, len, largest, seed)| {
        let mask = if bits == 0 { 0 } else { u64::MAX >> (64 - bits) };
        (0..len as u64).map(move |at| {
            let random =
                (at ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(seed | 1);
            largest.filter(|_| random % 7 == 0).unwrap_or(base.wrapping_add(random & mask))
        })
    });
    prop::collection::vec(stretch, 0..6).prop_map(|stretches| stretches.into_iter().flatten().collect())
}

/// A column of these numbers, in a segment of its own.
fn check_column<T: Number + std::fmt::Debug>(numbers: &[T], part: std::ops::Range<usize>) {
    let store = Store::temporary().unwrap();
    let mut writer = SegmentWriter::create(&store.scratch().unwrap()).unwrap();
    numbers.chunks(BLOCK_LEN).for_each(|block| {
        writer.write_block("numbers", &PackedBlock::of(block)).unwrap();
    });
    store.segments().put(&key(), writer.finish().unwrap()).unwrap();
    let segment = store.segments().open(&key()).unwrap();
    let column = segment.column::<T>("numbers").unwrap();
    assert_eq!(column.len(), numbers.len());
    assert!((0..numbers.len()).all(|row| column.at(row) == numbers[row]));
    assert!(column.iter(0..numbers.len()).eq(numbers.iter().copied()));
    let mut buffer = vec![T::narrow(5)];
    assert_eq!(column.read(part.clone(), &mut buffer), &numbers[part.clone()]);
    assert_eq!(column.part(part.clone()).iter(0..part.len()).collect::<Vec<_>>(), &numbers[part]);
    assert_eq!(column.get(numbers.len()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn packed_numbers_come_back(numbers in numbers(), cut in any::<prop::sample::Index>(), repeat in 1..200_usize) {
        prop_assume!(!numbers.is_empty());
        // Some columns have several blocks.
        let numbers = numbers.repeat(if repeat > 190 { repeat } else { 1 });
        let at = cut.index(numbers.len());
        check_column(&numbers, at..numbers.len());
        let narrow: Vec<u32> = numbers.iter().map(|&number| number as u32).collect();
        check_column(&narrow, 0..at);
        let narrow: Vec<u8> = numbers.iter().map(|&number| number as u8).collect();
        check_column(&narrow, at / 2..at);
    }
}
