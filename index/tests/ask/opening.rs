//! Opening profiles.

use bytehound_index::build::ingest;
use bytehound_index::{Cancel, IndexError, Manifest, Predicate, Profile, Selection};
use bytehound_store::{FailureCause, ProfileId, Store};

use crate::capture::{START, block, id};
use crate::profiles::{begun, stored};

fn capture() -> Vec<u8> {
    let mut capture = begun();
    capture.alloc(id(1), START, block(0x100, 100, 0)).alloc(id(2), START + 5, block(0x200, 7, 1));
    capture.finish()
}

fn refusal(store: &Store, id: &ProfileId) -> String {
    match Profile::open(store, id) {
        Err(error @ IndexError::NotReady { .. }) => error.to_string(),
        other => panic!("{other:?} instead of a profile that is not ready"),
    }
}

#[test]
fn a_profile_is_not_ready_before_it_is_indexed() {
    let (store, id) = stored(&capture());
    assert!(refusal(&store, &id).contains("it has not been indexed yet"));
    let generation = store.catalog().begin_build(&id).expect("a build");
    assert!(refusal(&store, &id).contains("it is being indexed"));
    let key = bytehound_store::BuildKey { profile: id.clone(), generation };
    store.catalog().fail(&key, FailureCause::Error, "no luck").expect("the newest build");
    assert!(refusal(&store, &id).contains("no luck"));
    store.delete_profile(&id).expect("it exists");
    assert!(refusal(&store, &id).contains("does not exist"));
}

#[test]
fn an_index_of_another_version_is_refused() {
    let (store, id) = stored(&capture());
    let manifest = ingest(&store, &id, &()).expect("a capture that can be indexed");
    let record = store.catalog().get(&id).expect("a catalogue").expect("it was just stored");
    let key = record.ready_build().expect("it was just published");
    let later = Manifest { layout_version: manifest.layout_version + 1, ..manifest.clone() };
    assert!(matches!(Profile::open_build(&store, &key, later), Err(IndexError::Version { .. })));
    let profile = Profile::open_build(&store, &key, manifest).expect("the version it was built with");
    assert_eq!((profile.id(), profile.row_count()), (&id, 2));
}

#[test]
fn answers_are_the_same_after_a_restart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let leaked = Selection::all().filtered(Predicate::GroupLeaked(bytehound_index::Bound::AtLeast(1)));
    let (id, before) = {
        let store = Store::open(directory.path()).expect("an empty directory");
        let mut incoming = store.captures().receive().expect("room for a capture");
        std::io::Write::write_all(&mut incoming, &capture()).expect("room for a capture");
        let new = bytehound_store::NewProfile { name: String::new(), labels: Default::default() };
        let id = incoming.commit(new).expect("room for a capture").record.id;
        ingest(&store, &id, &()).expect("a capture that can be indexed");
        let profile = Profile::open(&store, &id).expect("it was just published");
        (id, profile.groups(&leaked, &Cancel::new()).expect("groups").to_vec())
    };
    let store = Store::open(directory.path()).expect("what was written");
    let profile = Profile::open(&store, &id).expect("it was published");
    assert_eq!(profile.groups(&leaked, &Cancel::new()).expect("groups").to_vec(), before);
    assert_eq!(before.iter().map(|group| group.bytes).sum::<u64>(), 107);
}
