//! What every implementation of the store's traits must do. Both are held to it here, through the traits: the local one,
//! and the one in memory, over which those above the store are tested.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytehound_store::testing::{Fault, Faults};
use bytehound_store::{
    BuildKey, Catalog, FailureCause, Generation, Lease, MAX_KEY, MAX_VALUE, Origin, ProfileId, ProfileRecord,
    ProfileState, Published, SUMMARY_LEN_MAX, Scratch, Seams, SegmentStore, SegmentWriter, Store, StoreError,
    SummaryIndex, SummaryReader,
};
use bytehound_symbols::BinaryId;

#[test]
fn the_local_store_conforms() {
    conforms(&Store::temporary().unwrap());
}

#[test]
fn the_store_in_memory_conforms() {
    conforms(&Store::temporary_over(Seams::in_memory(&Arc::default())).unwrap());
}

#[test]
fn an_operation_fails_when_it_is_made_to() {
    let faults = Arc::new(Faults::default());
    let store = Store::temporary_over(Seams::in_memory(&faults)).unwrap();
    faults.fail(1, Fault::Before);
    store.catalog().insert(record('a', 1)).unwrap();
    assert!(matches!(store.catalog().insert(record('b', 1)), Err(StoreError::Io { .. })));
    assert_eq!(store.catalog().list().unwrap(), [record('a', 1)]);
    faults.fail(0, Fault::After);
    assert!(store.catalog().insert(record('c', 0)).is_err());
    assert_eq!(store.catalog().list().unwrap(), [record('a', 1), record('c', 0)], "only the answer was lost");
    assert_eq!(faults.clear(), ["catalog.insert", "catalog.list"]);
}

/// The whole suite, over an empty store.
fn conforms(store: &Store) {
    let (catalog, segments, summaries) = (store.catalog(), store.segments(), store.summaries());
    let scratch = || store.scratch().unwrap();
    a_record_is_listed_and_removed(catalog);
    an_insert_merges_into_what_is_there(catalog);
    only_the_newest_build_is_published(catalog);
    a_failure_is_kept_until_the_next_build(catalog);
    an_answering_build_answers_until_the_next_is_published(catalog);
    one_of_many_builders_wins(catalog);
    a_job_is_taken_by_one_and_is_free_again_after_its_lease(catalog);
    one_of_many_workers_has_a_job(catalog);
    a_lost_build_answers_no_more_and_is_a_job(catalog);
    damage_is_noted_until_it_is_made_good(catalog);
    what_profiles_refer_to_is_known_if_all_that_answer_told(catalog);
    compaction_changes_nothing(catalog);
    a_segment_is_replaced_and_deleted(segments, &scratch);
    rows_come_back_by_key_and_by_prefix(summaries);
    rows_are_visible_once_finished(summaries);
    limits_and_order_are_enforced(summaries);
    what_is_not_there_is_noted_as_damage(store);
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
        damage: None,
    }
}

const INDEXING: ProfileState = ProfileState::Indexing { answering: None };

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
    catalog.fail(&older, FailureCause::Error, "too late").unwrap();
    assert_eq!(catalog.get(&id('e')).unwrap().unwrap().state, INDEXING);
    let too_long = catalog.publish(&newer, None, vec![0; SUMMARY_LEN_MAX + 1]);
    assert!(matches!(too_long, Err(StoreError::Refused(_))));
    assert_eq!(catalog.publish(&newer, Some("1d".to_owned()), b"new".to_vec()).unwrap(), Published::Current);
    let ready = catalog.get(&id('e')).unwrap().unwrap();
    assert_eq!(ready.state, ProfileState::Ready { generation: newer.generation });
    assert_eq!((ready.data_id.as_deref(), ready.summary.as_deref()), (Some("1d"), Some(b"new".as_slice())));
    catalog.fail(&newer, FailureCause::Error, "after the fact").unwrap();
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

fn what_profiles_refer_to_is_known_if_all_that_answer_told(catalog: &dyn Catalog) {
    let names = |digits: &[&str]| digits.iter().map(|digits| BinaryId::parse(digits).unwrap()).collect();
    let others: Vec<_> = catalog.list().unwrap().into_iter().map(|record| record.id).collect();
    others.iter().for_each(|id| assert!(catalog.remove(id).unwrap()));
    for (letter, told) in [('a', names(&["aa"])), ('b', names(&["aa", "bb"])), ('c', names(&["cc"]))] {
        catalog.insert(record(letter, 1)).unwrap();
        let before = catalog.referred().unwrap().unwrap();
        let key = BuildKey { generation: catalog.begin_build(&id(letter)).unwrap(), profile: id(letter) };
        catalog.refer(&key, &told).unwrap();
        assert_eq!(catalog.referred().unwrap(), Some(&before | &told));
        assert_eq!(catalog.publish(&key, None, Vec::new()).unwrap(), Published::Current);
        catalog.refer(&key, &names(&["dd"])).unwrap();
        assert_eq!(catalog.referred().unwrap(), Some(&before | &told), "it was over");
    }
    assert!(catalog.remove(&id('b')).unwrap());
    assert_eq!(catalog.referred().unwrap(), Some(names(&["aa", "cc"])));
    published(catalog, 'd');
    assert_eq!(catalog.referred().unwrap(), None, "earlier versions did not tell");
}

fn a_failure_is_kept_until_the_next_build(catalog: &dyn Catalog) {
    catalog.insert(record('f', 1)).unwrap();
    let key = BuildKey { profile: id('f'), generation: catalog.begin_build(&id('f')).unwrap() };
    catalog.fail(&key, FailureCause::NoRoom, "the disk is full").unwrap();
    let failed = ProfileState::Failed { reason: "the disk is full".to_owned(), cause: FailureCause::NoRoom };
    assert_eq!(catalog.get(&id('f')).unwrap().unwrap().state, failed);
    assert_eq!(catalog.publish(&key, None, Vec::new()).unwrap(), Published::Superseded);
    assert!(catalog.begin_build(&id('f')).unwrap() > key.generation);
    assert_eq!(catalog.get(&id('f')).unwrap().unwrap().state, INDEXING);
}

fn state(catalog: &dyn Catalog, letter: char) -> ProfileState {
    catalog.get(&id(letter)).unwrap().unwrap().state
}

/// A new profile with a published build.
fn published(catalog: &dyn Catalog, letter: char) -> BuildKey {
    catalog.insert(record(letter, 1)).unwrap();
    let key = BuildKey { profile: id(letter), generation: catalog.begin_build(&id(letter)).unwrap() };
    assert_eq!(catalog.publish(&key, None, b"first".to_vec()).unwrap(), Published::Current);
    key
}

fn an_answering_build_answers_until_the_next_is_published(catalog: &dyn Catalog) {
    let first = published(catalog, 'l');
    let answering = || catalog.get(&id('l')).unwrap().unwrap().ready_build();
    for _ in 0..2 {
        let generation = catalog.begin_build(&id('l')).unwrap();
        let indexing = ProfileState::Indexing { answering: Some(first.generation) };
        assert_eq!((state(catalog, 'l'), answering()), (indexing, Some(first.clone())));
        catalog.fail(&BuildKey { generation, ..first.clone() }, FailureCause::Error, "no luck").unwrap();
        let ready = ProfileState::Ready { generation: first.generation };
        assert_eq!((state(catalog, 'l'), answering()), (ready, Some(first.clone())));
    }
    let next = BuildKey { generation: catalog.begin_build(&id('l')).unwrap(), ..first };
    assert_eq!(catalog.publish(&next, None, b"next".to_vec()).unwrap(), Published::Current);
    assert_eq!(answering(), Some(next));
}

/// A lease from `now_ms` on for 10 ms.
fn lease(now_ms: u64) -> Lease {
    Lease { now_ms, until_ms: now_ms + 10 }
}

fn a_job_is_taken_by_one_and_is_free_again_after_its_lease(catalog: &dyn Catalog) {
    assert!(matches!(catalog.take_job(&id('z'), &lease(0)), Err(StoreError::NoSuchProfile(_))));
    let jobs = |now_ms| {
        let mut jobs = catalog.open_jobs(now_ms).unwrap();
        jobs.retain(|job| [id('m'), id('n')].contains(job));
        jobs
    };
    catalog.insert(record('n', 8)).unwrap();
    catalog.insert(record('m', 7)).unwrap();
    assert_eq!(jobs(100), [id('m'), id('n')], "the oldest first");

    let dies = catalog.take_job(&id('m'), &lease(100)).unwrap().unwrap();
    assert_eq!((state(catalog, 'm'), jobs(109)), (INDEXING, vec![id('n')]));
    assert_eq!(catalog.take_job(&id('m'), &lease(109)).unwrap(), None, "it is somebody's");
    let dies = BuildKey { profile: id('m'), generation: dies };
    assert!(catalog.renew_lease(&dies, &lease(105)).unwrap());
    assert_eq!((jobs(114), jobs(115)), (vec![id('n')], vec![id('m'), id('n')]));

    let heir = catalog.take_job(&id('m'), &lease(115)).unwrap().unwrap();
    assert!(heir > dies.generation);
    assert!(!catalog.renew_lease(&dies, &lease(116)).unwrap(), "it was taken");
    assert_eq!(catalog.publish(&dies, None, Vec::new()).unwrap(), Published::Superseded);
    let heir = BuildKey { profile: id('m'), generation: heir };
    assert_eq!(catalog.publish(&heir, None, Vec::new()).unwrap(), Published::Current, "whatever the time is");
    assert!(!catalog.renew_lease(&heir, &lease(117)).unwrap(), "it came to its end");
    assert_eq!(jobs(1000), [id('n')]);
    catalog.begin_build(&id('n')).unwrap();
    assert_eq!(jobs(u64::MAX), [], "it has no lease that could be over");
}

fn one_of_many_workers_has_a_job(catalog: &dyn Catalog) {
    catalog.insert(record('o', 1)).unwrap();
    let take = || catalog.take_job(&id('o'), &lease(5)).unwrap();
    let taken: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(taken.len(), 1);
}

fn a_lost_build_answers_no_more_and_is_a_job(catalog: &dyn Catalog) {
    let first = published(catalog, 'p');
    let other = BuildKey { generation: Generation(77), ..first.clone() };
    assert!(!catalog.lose_build(&other, "not this one").unwrap());
    assert!(!catalog.lose_build(&build('z', 1), "nobody").unwrap());
    assert!(catalog.lose_build(&first, "a bit").unwrap());
    let lost = catalog.get(&id('p')).unwrap().unwrap();
    assert_eq!((lost.state.clone(), lost.damage.as_deref()), (ProfileState::Stored, Some("a bit")));
    assert_eq!(lost.summary.as_deref(), Some(b"first".as_slice()), "what is known of it stays");
    assert!(catalog.open_jobs(0).unwrap().contains(&id('p')));
    assert!(!catalog.lose_build(&first, "once more").unwrap());

    // Lost while the next one is being built already.
    let second = published(catalog, 'q');
    let third = BuildKey { generation: catalog.begin_build(&id('q')).unwrap(), ..second.clone() };
    assert!(catalog.lose_build(&second, "a bit").unwrap());
    assert_eq!(state(catalog, 'q'), INDEXING);
    assert_eq!(catalog.publish(&third, None, Vec::new()).unwrap(), Published::Current);
    assert_eq!(catalog.get(&id('q')).unwrap().unwrap().damage, None, "it is made good");
}

fn damage_is_noted_until_it_is_made_good(catalog: &dyn Catalog) {
    let key = published(catalog, 'r');
    let damage = || catalog.get(&id('r')).unwrap().unwrap().damage;
    catalog.note_damage(&id('r'), "the capture").unwrap();
    assert_eq!(
        (damage().as_deref(), state(catalog, 'r')),
        (Some("the capture"), ProfileState::Ready { generation: key.generation })
    );
    catalog.insert(record('r', 9)).unwrap();
    assert_eq!(damage(), None, "it came once more");
    assert!(matches!(catalog.note_damage(&id('z'), "x"), Err(StoreError::NoSuchProfile(_))));
}

fn compaction_changes_nothing(catalog: &dyn Catalog) {
    let before = catalog.list().unwrap();
    assert!(!before.is_empty());
    catalog.compact().unwrap();
    assert_eq!(catalog.list().unwrap(), before);
}

fn what_is_not_there_is_noted_as_damage(store: &Store) {
    store.damage().take();
    assert!(store.segments().open(&build('s', 1)).is_err());
    assert!(store.summaries().open(&build('t', 1)).is_err());
    assert!(store.segments().open(&build('s', 1)).is_err());
    let noted: Vec<_> = store.damage().take().into_iter().map(|damage| damage.build).collect();
    assert_eq!(noted, [build('s', 1), build('t', 1)], "one note a build");
    assert_eq!(store.damage().take(), []);
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
    let listed =
        |key: &BuildKey| segments.list().unwrap().iter().filter(|stored| stored.build == *key).count();
    assert_eq!(listed(&key), 1);
    segments.delete(&key).unwrap();
    segments.delete(&key).unwrap();
    assert_eq!(listed(&key), 0);
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
    let is_listed = || summaries.list().unwrap().iter().any(|stored| stored.build == key);
    assert!(is_listed());
    summaries.delete(&key).unwrap();
    summaries.delete(&key).unwrap();
    assert!(!is_listed());
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
