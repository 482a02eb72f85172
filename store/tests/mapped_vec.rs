//! A mapped vector is a vector.

use bytehound_store::{MappedVec, Store};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Push(u64),
    Extend(Vec<u64>),
    Set(usize, u64),
    ResizeZeroed(usize),
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => any::<u64>().prop_map(Operation::Push),
        4 => prop::collection::vec(any::<u64>(), 0..9000).prop_map(Operation::Extend),
        8 => (any::<usize>(), any::<u64>()).prop_map(|(index, value)| Operation::Set(index, value)),
        4 => (0_usize..30_000).prop_map(Operation::ResizeZeroed),
        1 => Just(Operation::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_does_what_a_vector_does(operations in prop::collection::vec(operation(), 0..60)) {
        let store = Store::temporary().unwrap();
        let mut mapped = MappedVec::<u64>::new(&store.scratch().unwrap()).unwrap();
        let mut model = Vec::new();
        for operation in operations {
            match operation {
                Operation::Push(value) => {
                    mapped.push(value).unwrap();
                    model.push(value);
                }
                Operation::Extend(values) => {
                    mapped.extend_from_slice(&values).unwrap();
                    model.extend(values);
                }
                Operation::Set(index, value) if !model.is_empty() => {
                    mapped.set(index % model.len(), value);
                    let len = model.len();
                    model[index % len] = value;
                }
                Operation::Set(..) => {}
                Operation::ResizeZeroed(len) => {
                    mapped.resize_zeroed(len).unwrap();
                    model.resize(len, 0);
                }
                Operation::Clear => {
                    mapped.clear();
                    model.clear();
                }
            }
            prop_assert_eq!(mapped.len(), model.len());
        }
        prop_assert_eq!(mapped.as_slice(), &model);
        prop_assert_eq!(mapped.get(model.len()), None);
    }
}

#[test]
fn one_that_begins_with_zeros_grows_as_any_other() {
    let store = Store::temporary().unwrap();
    let scratch = store.scratch().unwrap();
    for len in [0, 1, 511, 12_345] {
        let mut mapped = MappedVec::<u64>::zeroed(&scratch, len).unwrap();
        assert_eq!(mapped.as_slice(), vec![0; len]);
        mapped.extend_from_slice(&[7; 10_000]).unwrap();
        assert_eq!(mapped.as_slice(), [vec![0; len], vec![7; 10_000]].concat());
    }
}

#[test]
fn its_file_has_no_name() {
    let store = Store::temporary().unwrap();
    let scratch = store.scratch().unwrap();
    let mut mapped = MappedVec::new(&scratch).unwrap();
    mapped.push(1_u8).unwrap();
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    drop(scratch);
    assert_eq!(mapped.as_slice(), [1]);
}

#[test]
fn a_length_beyond_the_address_space_is_an_error() {
    let store = Store::temporary().unwrap();
    let mut mapped = MappedVec::<u64>::new(&store.scratch().unwrap()).unwrap();
    mapped.push(7).unwrap();
    assert!(mapped.resize_zeroed(usize::MAX / 2).is_err());
    assert!(mapped.resize_zeroed(usize::MAX / 16).is_err());
    assert_eq!(mapped.as_slice(), [7]);
}
