//! The service over a store of which any operation can fail: nothing acknowledged is lost, nothing is half visible.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use bytehound_actors::{Options, Service, ServiceError};
use bytehound_index::{Manifest, Profile, build};
use bytehound_store::testing::{Fault, Faults};
use bytehound_store::{FailureCause, NewProfile, ProfileId, ProfileState, Seams, Store};
use bytehound_symbols::BinaryId;
use bytes::Bytes;
use std::io::Write;
use std::sync::Arc;

fn capture(name: &str) -> Vec<u8> {
    let path = format!("{}/../tests/data/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the capture is there")
}

fn store(faults: &Arc<Faults>) -> Store {
    Store::temporary_over(Seams::in_memory(faults)).expect("a temporary directory can be made")
}

/// Takes a capture in; `Ok` is the acknowledgement.
fn receive(store: &Store, bytes: &[u8]) -> Result<ProfileId, bytehound_store::StoreError> {
    let mut incoming = store.captures().receive()?;
    incoming.write_all(bytes).expect("the disk has room");
    Ok(incoming.commit(NewProfile::default())?.record.id)
}

fn manifest(store: &Store, id: &ProfileId) -> Manifest {
    Profile::open(store, id).expect("a profile that answers can be opened").manifest().clone()
}

#[test]
fn whichever_operation_fails_nothing_is_lost_and_nothing_is_half_visible() {
    let bytes = capture("realloc.raw.dat");
    let faults = Arc::new(Faults::default());
    let in_peace = store(&faults);
    faults.clear();
    let id = receive(&in_peace, &bytes).unwrap();
    build::ingest(&in_peace, &id, &()).unwrap();
    let operations = faults.clear();
    let expected = manifest(&in_peace, &id);
    let is_put = |number: &usize| operations[*number] == "summaries.put";
    // One put of rows is as good as another: the first and the last stand for all.
    let puts: Vec<usize> = (0..operations.len()).filter(is_put).collect();
    let numbers = (0..operations.len()).filter(|number| !is_put(number));
    for number in numbers.chain([puts[0], puts[puts.len() - 1]]) {
        for fault in [Fault::Before, Fault::After] {
            let what = format!("{fault:?} {} ({number})", operations[number]);
            let store = store(&faults);
            faults.fail(number, fault);
            let acknowledged = receive(&store, &bytes);
            let indexed = build::ingest(&store, &id, &());
            faults.clear();
            assert!(
                acknowledged.is_err() || indexed.is_err() || fault == Fault::After,
                "{what}: nobody was told"
            );
            check(&store, acknowledged.is_ok(), &expected, &what);
            // And once nothing fails any more, all is as if nothing had.
            receive(&store, &bytes).unwrap();
            build::ingest(&store, &id, &()).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(manifest(&store, &id), expected, "{what}");
            store.gc().unwrap();
            assert_eq!(store.segments().list().unwrap().len(), 1, "{what}: files were left");
            assert_eq!(store.summaries().list().unwrap().len(), 1, "{what}: files were left");
        }
    }
}

fn check(store: &Store, was_acknowledged: bool, expected: &Manifest, what: &str) {
    let records = store.catalog().list().unwrap();
    assert!(!was_acknowledged || records.len() == 1, "{what}: it was acknowledged and is gone");
    for record in records {
        store.captures().read(&record.id).unwrap().finish().unwrap_or_else(|error| panic!("{what}: {error}"));
        if record.ready_build().is_some() {
            assert_eq!(manifest(store, &record.id), *expected, "{what}: half visible");
            assert!(store.verify(&record.id).unwrap().is_whole(), "{what}: half visible");
        }
    }
}

async fn upload(service: &Service, bytes: Vec<u8>) -> ProfileId {
    let upload = service.upload().await.unwrap();
    upload.write(Bytes::from(bytes)).await.unwrap();
    upload.commit(NewProfile::default()).await.unwrap().record.id
}

async fn wait(service: &Service, id: &ProfileId) -> ProfileState {
    let is_over =
        |state: &ProfileState| matches!(state, ProfileState::Ready { .. } | ProfileState::Failed { .. });
    let mut status = service.watch(id).unwrap();
    status.wait_for(|status| is_over(&status.record.state)).await.unwrap().record.state.clone()
}

#[actix_rt::test]
async fn a_job_that_panics_is_done_again() {
    let faults = Arc::new(Faults::default());
    let service = Service::start(store(&faults), Options::default());
    for (operation, name) in [
        ("summaries.writer", "cull.raw.dat"),
        ("segments.put", "mmap.raw.dat"),
        ("summaries.finish", "realloc.raw.dat"),
        ("catalog.publish", "threads.raw.dat"),
    ] {
        faults.fail_named(operation, 1, Fault::Panic);
        let id = upload(&service, capture(name)).await;
        let state = wait(&service, &id).await;
        assert!(matches!(state, ProfileState::Ready { .. }), "{operation}: {state:?}");
    }
    assert_eq!(service.observe().await.indexer.panicked, 4);
}

#[actix_rt::test]
async fn a_job_that_panics_twice_has_failed_and_says_why() {
    let faults = Arc::new(Faults::default());
    let service = Service::start(store(&faults), Options::default());
    faults.fail_named("segments.put", 2, Fault::Panic);
    let id = upload(&service, capture("cull.raw.dat")).await;
    let state = wait(&service, &id).await;
    let ProfileState::Failed { reason, .. } = &state else { panic!("{state:?}") };
    assert!(reason.contains("a bug of this program") && reason.contains("segments.put"), "{reason}");
    // And goes on to serve others, and this one once the bug is gone.
    let other = upload(&service, capture("mmap.raw.dat")).await;
    assert!(matches!(wait(&service, &other).await, ProfileState::Ready { .. }));
    service.reindex(&id).await.unwrap();
    let mut status = service.watch(&id).unwrap();
    let is_ready = |state: &ProfileState| matches!(state, ProfileState::Ready { .. });
    status.wait_for(|status| is_ready(&status.record.state)).await.unwrap();
}

#[actix_rt::test]
async fn the_oldest_without_labels_makes_room() {
    let (first, second) = (capture("cull.raw.dat"), capture("mmap.raw.dat"));
    let max_bytes = Some((first.len() + second.len()) as u64);
    let service = Service::start(store(&Arc::default()), Options { max_bytes, ..Default::default() });
    let first = upload(&service, first).await;
    wait(&service, &first).await;
    let second = upload(&service, second).await;
    while service.profile(&first).is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(service.profile(&second).is_ok());
}

#[actix_rt::test]
async fn an_ingest_that_the_disk_had_no_room_for_says_so_and_is_done_once_there_is_some() {
    // With a limit, every upload has the janitor look around.
    let options = || Options { max_bytes: Some(u64::MAX), ..Default::default() };
    for operation in ["summaries.writer", "summaries.put", "segments.put", "catalog.refer", "catalog.publish"]
    {
        let faults = Arc::new(Faults::default());
        let store = store(&faults);
        let service = Service::start(store.clone(), options());
        faults.fail_named(operation, 1, Fault::NoRoom);
        let id = upload(&service, capture("cull.raw.dat")).await;
        let state = wait(&service, &id).await;
        assert_eq!(state.failure(), Some(FailureCause::NoRoom), "{operation}: {state:?}");
        assert!(
            matches!(&state, ProfileState::Failed { reason, .. } if reason.contains(operation)),
            "{state:?}"
        );
        assert!(store.segments().list().unwrap().is_empty(), "{operation}: half of it was left");
        upload(&service, capture("mmap.raw.dat")).await;
        let mut status = service.watch(&id).unwrap();
        let is_ready = |state: &ProfileState| matches!(state, ProfileState::Ready { .. });
        status.wait_for(|status| is_ready(&status.record.state)).await.unwrap();
    }
}

#[actix_rt::test]
async fn an_upload_is_refused_where_the_catalogue_has_no_room_and_comes_in_later() {
    let faults = Arc::new(Faults::default());
    let store = store(&faults);
    let service = Service::start(store.clone(), Options::default());
    faults.fail_named("catalog.insert", 1, Fault::NoRoom);
    let begun = service.upload().await.unwrap();
    begun.write(Bytes::from(capture("cull.raw.dat"))).await.unwrap();
    let refused = begun.commit(NewProfile::default()).await.expect_err("no room");
    assert!(matches!(&refused, ServiceError::Store(error) if error.is_full_disk()), "{refused}");
    assert!(store.catalog().list().unwrap().is_empty(), "half visible");
    let id = upload(&service, capture("cull.raw.dat")).await;
    assert!(matches!(wait(&service, &id).await, ProfileState::Ready { .. }));
}

#[actix_rt::test]
async fn symcaches_that_nobody_refers_to_go_before_any_profile() {
    let store = store(&Arc::default());
    let [first, second] = ["cull.raw.dat", "mmap.raw.dat"].map(capture);
    let unused = BinaryId::parse("00112233").unwrap();
    let max_bytes = 8 << 20;
    store.symcaches().put(&unused, &vec![0; max_bytes]).unwrap();
    let options = Options { max_bytes: Some(max_bytes as u64), ..Default::default() };
    let service = Service::start(store.clone(), options);
    let first = upload(&service, first).await;
    wait(&service, &first).await;
    let second = upload(&service, second).await;
    wait(&service, &second).await;
    while store.symcaches().get(&unused).unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert!(service.profile(&first).is_ok() && service.profile(&second).is_ok());
}

#[actix_rt::test]
async fn what_has_labels_stays_and_the_next_is_refused() {
    let service =
        Service::start(store(&Arc::default()), Options { max_bytes: Some(1), ..Default::default() });
    let id = upload(&service, capture("cull.raw.dat")).await;
    service.set_labels(&id, [("keep".to_owned(), "yes".to_owned())].into()).await.unwrap();
    wait(&service, &id).await;
    let refused = service.upload().await.err().expect("there is no room").to_string();
    assert!(refused.contains("--max-bytes"), "{refused}");
    assert!(service.profile(&id).is_ok());
}
