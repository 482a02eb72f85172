//! What every implementation of the store's traits must do. The local one is held to it here, through the traits.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytehound_store::{
    BuildKey, Catalog, Generation, MAX_KEY, MAX_VALUE, Origin, ProfileId, ProfileRecord, ProfileState,
    Published, SUMMARY_LEN_MAX, Scratch, SegmentStore, SegmentWriter, Store, StoreError, SummaryIndex,
    SummaryReader,
};

#[test]
fn the_local_store_conforms() {
    let store = Store::temporary().unwrap();
    conforms(store.catalog(), store.segments(), store.summaries(), &|| store.scratch().unwrap());
}

/// The whole suite, over an empty store.
fn conforms(
    catalog: &dyn Catalog,
    segments: &dyn SegmentStore,
    summaries: &dyn SummaryIndex,
    scratch: &dyn Fn() -> Scratch,
) {
    a_record_is_listed_and_removed(catalog);
    an_insert_merges_into_what_is_there(catalog);
    only_the_newest_build_is_published(catalog);
    a_failure_is_kept_until_the_next_build(catalog);
    one_of_many_builders_wins(catalog);
    a_segment_is_replaced_and_deleted(segments, scratch);
    rows_come_back_by_key_and_by_prefix(summaries);
    rows_are_visible_once_finished(summaries);
    limits_and_order_are_enforced(summaries);
}

fn id(letter: char) -> ProfileId {
    ProfileId::parse(&format!("p_{}", letter.to_string().repeat(32))).unwrap()
}

fn record(letter: char, created_at_ms: u64) -> ProfileRecord {
    ProfileRecord {
        id: id(letter),
        name: letter.to_string(),
        labels: BTreeMap::new(),
        origin: Origin::Uploaded,
        size_bytes: 1,
        created_at_ms,
        data_id: None,
        state: ProfileState::Stored,
        summary: None,
    }
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn build(letter: char, generation: u64) -> BuildKey {
    BuildKey { profile: id(letter), generation: Generation(generation) }
}

fn a_record_is_listed_and_removed(catalog: &dyn Catalog) {
    for (letter, created) in [('a', 2), ('b', 3), ('c', 1)] {
        assert_eq!(catalog.insert(record(letter, created)).unwrap(), record(letter, created));
    }
    let order: Vec<String> = catalog.list().unwrap().into_iter().map(|record| record.name).collect();
    assert_eq!(order, ["b", "a", "c"], "the newest first");
    assert_eq!(catalog.get(&id('a')).unwrap(), Some(record('a', 2)));
    for letter in ['a', 'b', 'c'] {
        assert!(catalog.remove(&id(letter)).unwrap());
        assert!(!catalog.remove(&id(letter)).unwrap());
        assert_eq!(catalog.get(&id(letter)).unwrap(), None);
    }
    assert!(catalog.list().unwrap().is_empty());
}

fn an_insert_merges_into_what_is_there(catalog: &dyn Catalog) {
    let first = ProfileRecord { labels: labels(&[("host", "x"), ("run", "1")]), ..record('d', 5) };
    catalog.insert(first).unwrap();
    let generation = catalog.begin_build(&id('d')).unwrap();
    let key = BuildKey { profile: id('d'), generation };
    assert_eq!(catalog.publish(&key, Some("f00d".to_owned()), b"s".to_vec()).unwrap(), Published::Current);
    let again = ProfileRecord { labels: labels(&[("run", "2")]), name: String::new(), ..record('d', 9) };
    let merged = catalog.insert(again).unwrap();
    assert_eq!(merged.labels, labels(&[("host", "x"), ("run", "2")]));
    assert_eq!((merged.name.as_str(), merged.created_at_ms), ("d", 5));
    assert_eq!(merged.ready_build(), Some(key), "a second arrival takes nothing back");
    assert_eq!(catalog.get(&id('d')).unwrap(), Some(merged));
    let relabelled = catalog.set_labels(&id('d'), &labels(&[("host", "y"), ("new", "")])).unwrap();
    assert_eq!(relabelled.labels, labels(&[("host", "y"), ("new", ""), ("run", "2")]));
    assert_eq!(catalog.get(&id('d')).unwrap(), Some(relabelled));
    assert!(matches!(catalog.set_labels(&id('z'), &labels(&[])), Err(StoreError::NoSuchProfile(_))));
}

fn only_the_newest_build_is_published(catalog: &dyn Catalog) {
    assert!(matches!(catalog.begin_build(&id('e')), Err(StoreError::NoSuchProfile(_))));
    catalog.insert(record('e', 1)).unwrap();
    let older = BuildKey { profile: id('e'), generation: catalog.begin_build(&id('e')).unwrap() };
    let newer = BuildKey { profile: id('e'), generation: catalog.begin_build(&id('e')).unwrap() };
    assert!(newer.generation > older.generation);
    assert_eq!(catalog.publish(&older, None, b"old".to_vec()).unwrap(), Published::Superseded);
    catalog.fail(&older, "too late").unwrap();
    assert_eq!(catalog.get(&id('e')).unwrap().unwrap().state, ProfileState::Indexing);
    let too_long = catalog.publish(&newer, None, vec![0; SUMMARY_LEN_MAX + 1]);
    assert!(matches!(too_long, Err(StoreError::Refused(_))));
    assert_eq!(catalog.publish(&newer, Some("1d".to_owned()), b"new".to_vec()).unwrap(), Published::Current);
    let ready = catalog.get(&id('e')).unwrap().unwrap();
    assert_eq!(ready.state, ProfileState::Ready { generation: newer.generation });
    assert_eq!((ready.data_id.as_deref(), ready.summary.as_deref()), (Some("1d"), Some(b"new".as_slice())));
    catalog.fail(&newer, "after the fact").unwrap();
    assert_eq!(
        catalog.publish(&newer, None, Vec::new()).unwrap(),
        Published::Superseded,
        "a build is published once"
    );
    assert_eq!(catalog.get(&id('e')).unwrap(), Some(ready));
    catalog.remove(&id('e')).unwrap();
    assert_eq!(catalog.publish(&newer, None, Vec::new()).unwrap(), Published::Superseded);
    assert_eq!(catalog.get(&id('e')).unwrap(), None, "publishing brings nothing back");
}

fn a_failure_is_kept_until_the_next_build(catalog: &dyn Catalog) {
    catalog.insert(record('f', 1)).unwrap();
    let key = BuildKey { profile: id('f'), generation: catalog.begin_build(&id('f')).unwrap() };
    catalog.fail(&key, "no events").unwrap();
    let failed = ProfileState::Failed { reason: "no events".to_owned() };
    assert_eq!(catalog.get(&id('f')).unwrap().unwrap().state, failed);
    assert_eq!(catalog.publish(&key, None, Vec::new()).unwrap(), Published::Superseded);
    assert!(catalog.begin_build(&id('f')).unwrap() > key.generation);
    assert_eq!(catalog.get(&id('f')).unwrap().unwrap().state, ProfileState::Indexing);
}

fn one_of_many_builders_wins(catalog: &dyn Catalog) {
    catalog.insert(record('g', 1)).unwrap();
    let attempt = || {
        let key = BuildKey { profile: id('g'), generation: catalog.begin_build(&id('g')).unwrap() };
        std::thread::yield_now();
        (key.generation, catalog.publish(&key, None, key.generation.0.to_le_bytes().to_vec()).unwrap())
    };
    let mut attempts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(attempt)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    attempts.sort_by_key(|(generation, _)| *generation);
    attempts.dedup_by_key(|(generation, _)| *generation);
    assert_eq!(attempts.len(), 8, "no generation is given twice");
    let (last, outcome) = attempts[7];
    assert_eq!(outcome, Published::Current, "nobody began a build after it");
    let state = catalog.get(&id('g')).unwrap().unwrap();
    assert_eq!(state.state, ProfileState::Ready { generation: last });
    assert_eq!(state.summary, Some(last.0.to_le_bytes().to_vec()));
}

fn a_segment_is_replaced_and_deleted(segments: &dyn SegmentStore, scratch: &dyn Fn() -> Scratch) {
    let finished = |value: u64| {
        let mut writer = SegmentWriter::create(&scratch()).unwrap();
        writer.write_section("value", &[value]).unwrap();
        writer.finish().unwrap()
    };
    let key = build('h', 1);
    assert!(matches!(segments.open(&key), Err(StoreError::NotFound { .. })));
    segments.put(&key, finished(1)).unwrap();
    let first = segments.open(&key).unwrap();
    assert!(Arc::ptr_eq(&first, &segments.open(&key).unwrap()), "readers share what is open");
    segments.put(&key, finished(2)).unwrap();
    let second = segments.open(&key).unwrap();
    segments.delete(&key).unwrap();
    segments.delete(&key).unwrap();
    assert!(matches!(segments.open(&key), Err(StoreError::NotFound { .. })));
    assert_eq!(first.slice::<u64>("value").unwrap(), [1]);
    assert_eq!(second.slice::<u64>("value").unwrap(), [2]);
}

fn write_rows(summaries: &dyn SummaryIndex, key: &BuildKey, rows: &[(&[u8], &[u8])]) {
    let mut writer = summaries.writer(key).unwrap();
    rows.iter().for_each(|(key, value)| writer.put(key, value).unwrap());
    writer.finish().unwrap();
}

fn scan(reader: &dyn SummaryReader, prefix: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let scanned = reader.scan(prefix, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        if rows.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    scanned.unwrap();
    rows
}

fn rows_come_back_by_key_and_by_prefix(summaries: &dyn SummaryIndex) {
    let key = build('i', 1);
    let longest = vec![0xab; MAX_VALUE];
    let rows: [(&[u8], &[u8]); 6] = [
        (b"", b"empty"),
        (b"a", b""),
        (b"a\0", b"2"),
        (b"a\xff", b"3"),
        (b"a\xff\xff", &longest),
        (b"c", b"5"),
    ];
    write_rows(summaries, &key, &rows);
    let reader = summaries.open(&key).unwrap();
    for (key, value) in rows {
        assert_eq!(reader.get(key).unwrap().as_deref(), Some(value), "{key:?}");
    }
    for absent in [b"\0".as_slice(), b"b", b"a\xfe", b"d", b"cc"] {
        assert_eq!(reader.get(absent).unwrap(), None, "{absent:?}");
    }
    let owned =
        |rows: &[(&[u8], &[u8])]| rows.iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect::<Vec<_>>();
    assert_eq!(scan(&*reader, b"", 100), owned(&rows));
    assert_eq!(scan(&*reader, b"a", 100), owned(&rows[1..5]));
    assert_eq!(scan(&*reader, b"a\xff", 100), owned(&rows[3..5]));
    assert_eq!(scan(&*reader, b"a", 2), owned(&rows[1..3]));
    assert_eq!(scan(&*reader, b"b", 100), []);
    assert_eq!(scan(&*reader, b"d", 100), []);
    write_rows(summaries, &build('i', 2), &[]);
    let empty = summaries.open(&build('i', 2)).unwrap();
    assert_eq!(empty.get(b"a").unwrap(), None);
    assert_eq!(scan(&*empty, b"", 100), []);
}

fn rows_are_visible_once_finished(summaries: &dyn SummaryIndex) {
    let key = build('j', 1);
    assert!(matches!(summaries.open(&key), Err(StoreError::SummaryLost { .. })));
    let mut writer = summaries.writer(&key).unwrap();
    writer.put(b"a", b"1").unwrap();
    drop(writer);
    assert!(matches!(summaries.open(&key), Err(StoreError::SummaryLost { .. })));
    write_rows(summaries, &key, &[(b"a", b"1")]);
    let reader = summaries.open(&key).unwrap();
    summaries.delete(&key).unwrap();
    summaries.delete(&key).unwrap();
    assert!(matches!(summaries.open(&key), Err(StoreError::SummaryLost { .. })));
    assert_eq!(reader.get(b"a").unwrap().as_deref(), Some(b"1".as_slice()));
    write_rows(summaries, &key, &[(b"a", b"2")]);
    assert_eq!(summaries.open(&key).unwrap().get(b"a").unwrap().as_deref(), Some(b"2".as_slice()));
    assert_eq!(reader.get(b"a").unwrap().as_deref(), Some(b"1".as_slice()), "a reader keeps what it opened");
}

fn limits_and_order_are_enforced(summaries: &dyn SummaryIndex) {
    let mut writer = summaries.writer(&build('k', 1)).unwrap();
    writer.put(b"b", b"").unwrap();
    for (key, value) in [
        (b"a".to_vec(), vec![]),
        (b"b".to_vec(), vec![]),
        (vec![b'c'; MAX_KEY + 1], vec![]),
        (b"c".to_vec(), vec![0; MAX_VALUE + 1]),
    ] {
        assert!(matches!(writer.put(&key, &value), Err(StoreError::Refused(_))), "{} bytes", key.len());
    }
    writer.put(&[b'c'; MAX_KEY], b"").unwrap();
    writer.finish().unwrap();
    assert_eq!(scan(&*summaries.open(&build('k', 1)).unwrap(), b"", 100).len(), 2);
}
