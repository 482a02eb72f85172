//! The actors from outside: captures in, answers out, through crashes and bad input.

use bytehound_actors::{JobKind, JobState, Options, ProfileStatus, Service, ServiceError};
use bytehound_index::layout::LAYOUT_VERSION_MIN;
use bytehound_index::{Cancel, IndexError, Manifest, Profile, Selection, build};
use bytehound_store::{BuildKey, NewProfile, ProfileId, ProfileState, Received, Store};
use bytes::Bytes;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden")).join(name)
}

fn service() -> Service {
    Service::start(Store::temporary().expect("a temporary directory can be made"), Options::default())
}

fn named(name: &str) -> NewProfile {
    NewProfile { name: name.to_owned(), labels: Default::default() }
}

async fn upload(service: &Service, bytes: Vec<u8>) -> Result<Received, ServiceError> {
    let upload = service.upload().await?;
    for chunk in bytes.chunks(100_000) {
        upload.write(Bytes::copy_from_slice(chunk)).await?;
    }
    upload.commit(named("upload")).await
}

async fn wait(service: &Service, id: &ProfileId) -> ProfileState {
    let mut status = service.watch(id).expect("the profile is there");
    let is_over =
        |state: &ProfileState| matches!(state, ProfileState::Ready { .. } | ProfileState::Failed { .. });
    let status = status.wait_for(|status| is_over(&status.record.state)).await.expect("the service is up");
    status.record.state.clone()
}

async fn count(service: &Service, id: &ProfileId) -> Result<u64, ServiceError> {
    let ask = |profiles: &[std::sync::Arc<Profile>], cancel: &Cancel| {
        Ok(profiles[0].count(&Selection::all(), cancel)?)
    };
    service.ask(vec![id.clone()], ask).await
}

#[actix_rt::test]
async fn an_upload_becomes_ready_and_answers() {
    let service = service();
    let bytes = std::fs::read(golden("threads.decoded.dat")).unwrap();
    let received = upload(&service, bytes).await.unwrap();
    let id = received.record.id;
    assert!(matches!(wait(&service, &id).await, ProfileState::Ready { .. }));
    assert_eq!(count(&service, &id).await.unwrap(), 8086);
    let manifest = service.profile(&id).unwrap().manifest.unwrap();
    assert_eq!(service.resolve(&manifest.data_id).unwrap(), id);
    assert_eq!(service.resolve("last").unwrap(), id);
    // The profile is ready a moment before the indexer's job has come to its end.
    while service.observe().await.indexer.running > 0 {
        tokio::task::yield_now().await;
    }
    let observed = service.observe().await;
    let done = [observed.receiver, observed.loader, observed.symbolizer, observed.indexer, observed.query];
    assert!(done.iter().all(|stage| stage.done == 1 && stage.failed == 0), "{observed:?}");
}

#[actix_rt::test]
async fn the_same_bytes_many_times_at_once_are_one_profile() {
    let service = service();
    let bytes = std::fs::read(golden("realloc.raw.dat")).unwrap();
    let uploads: Vec<_> = (0..20)
        .map(|_| {
            let (service, bytes) = (service.clone(), bytes.clone());
            actix_rt::spawn(async move { upload(&service, bytes).await })
        })
        .collect();
    let mut ids = Vec::new();
    for upload in uploads {
        ids.push(upload.await.unwrap().unwrap().record.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert!(matches!(wait(&service, &ids[0]).await, ProfileState::Ready { .. }));
    assert_eq!(service.profiles().unwrap().len(), 1);
}

#[actix_rt::test]
async fn what_is_no_capture_is_refused_and_leaves_nothing() {
    let service = service();
    for bytes in [Vec::new(), b"hello".to_vec(), vec![0xAB; 300_000]] {
        let refused = upload(&service, bytes).await;
        assert!(matches!(refused, Err(ServiceError::Refused(_))), "{refused:?}");
    }
    assert!(service.profiles().unwrap().is_empty());
    let good = upload(&service, std::fs::read(golden("cull.raw.dat")).unwrap()).await.unwrap();
    assert!(matches!(wait(&service, &good.record.id).await, ProfileState::Ready { .. }));
}

#[actix_rt::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let service = service();
    let upload = service.upload().await.unwrap();
    upload.write(Bytes::from(std::fs::read(golden("cull.raw.dat")).unwrap())).await.unwrap();
    drop(upload);
    assert!(service.profiles().unwrap().is_empty());
}

#[actix_rt::test]
async fn uploads_beyond_the_limit_are_turned_away() {
    let service = Service::start(Store::temporary().unwrap(), Options { uploads: 1, ..Default::default() });
    let first = service.upload().await.unwrap();
    assert!(matches!(service.upload().await.err(), Some(ServiceError::Overloaded { .. })));
    drop(first);
    assert!(service.upload().await.is_ok());
}

#[actix_rt::test]
async fn what_was_left_unfinished_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let id = {
        let store = Store::open(folder.path()).unwrap();
        let received = store.captures().reference(&golden("mmap.decoded.dat"), named("mmap")).unwrap();
        // As if the service had been killed in the middle of it.
        store.catalog().begin_build(&received.record.id).unwrap();
        received.record.id
    };
    let service = Service::start(Store::open(folder.path()).unwrap(), Options::default());
    assert!(matches!(wait(&service, &id).await, ProfileState::Ready { .. }));
    assert_eq!(count(&service, &id).await.unwrap(), 53);
}

#[actix_rt::test]
async fn an_index_of_another_version_is_built_again() {
    let store = Store::temporary().unwrap();
    let path = golden("threads.raw.dat");
    let id = store.captures().reference(&path, named("older")).unwrap().record.id;
    let manifest = build::ingest(&store, &id, &()).unwrap();
    // The same again, as if by a version whose layout nobody reads any more.
    let key = BuildKey { profile: id.clone(), generation: store.catalog().begin_build(&id).unwrap() };
    let older = Manifest { layout_version: LAYOUT_VERSION_MIN - 1, ..manifest.clone() };
    build::publish(&store, &key, &older).unwrap();
    assert!(matches!(Profile::open(&store, &id), Err(IndexError::Version { .. })));

    let service = Service::start(store, Options::default());
    let mut status = service.watch(&id).unwrap();
    status
        .wait_for(|status| status.manifest.as_deref().is_some_and(Manifest::is_current))
        .await
        .expect("the service is up");
    assert!(matches!(wait(&service, &id).await, ProfileState::Ready { .. }));
    assert_eq!(service.profile(&id).unwrap().manifest.as_deref(), Some(&manifest));
    assert!(count(&service, &id).await.unwrap() > 0);
}

#[actix_rt::test]
async fn an_index_of_an_earlier_version_answers_until_the_next_is_there() {
    let normalised_otherwise = |manifest: &mut Manifest| manifest.norm_version -= 1;
    let laid_out_otherwise = |manifest: &mut Manifest| manifest.layout_version = LAYOUT_VERSION_MIN;
    for age in [normalised_otherwise as fn(&mut Manifest), laid_out_otherwise] {
        let store = Store::temporary().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let [stays, goes] = ["threads.raw.dat", "mmap.decoded.dat"].map(|name| {
            let path = folder.path().join(name);
            std::fs::copy(golden(name), &path).unwrap();
            let id = store.captures().reference(&path, named(name)).unwrap().record.id;
            let manifest = build::ingest(&store, &id, &()).unwrap();
            let key = store.catalog().get(&id).unwrap().unwrap().ready_build().unwrap();
            let mut older = manifest.clone();
            age(&mut older);
            let next =
                BuildKey { profile: id.clone(), generation: store.catalog().begin_build(&id).unwrap() };
            copy_build(&store, &key, &next);
            build::publish(&store, &next, &older).unwrap();
            (id, path, older)
        });
        std::fs::remove_file(&goes.1).unwrap();

        let service = Service::start(store, Options::default());
        assert!(count(&service, &goes.0).await.unwrap() > 0);
        assert!(count(&service, &stays.0).await.unwrap() > 0);
        let mut status = service.watch(&stays.0).unwrap();
        let is_current =
            |status: &ProfileStatus| status.manifest.as_deref().is_some_and(Manifest::is_current);
        status.wait_for(is_current).await.unwrap();
        assert!(count(&service, &stays.0).await.unwrap() > 0);
        let left = service.profile(&goes.0).unwrap();
        assert_eq!(left.manifest.as_deref(), Some(&goes.2), "its capture is gone");
        assert!(count(&service, &goes.0).await.unwrap() > 0);
    }
}

/// The files of a build once more, as those of another.
fn copy_build(store: &Store, from: &BuildKey, to: &BuildKey) {
    let file = |key: &BuildKey| store.directory().join(format!("segments/{key}.seg"));
    std::fs::copy(file(from), file(to)).expect("a segment that is there");
    let mut writer = store.summaries().writer(to).expect("a new build");
    let copied = store.summaries().open(from).expect("a finished build").scan(b"", &mut |key, value| {
        writer.put(key, value).expect("room for a row");
        ControlFlow::Continue(())
    });
    copied.expect("rows that can be read");
    writer.finish().expect("room for them");
}

#[actix_rt::test]
async fn a_panicking_question_fails_alone() {
    let service = service();
    let id = upload(&service, std::fs::read(golden("cull.raw.dat")).unwrap()).await.unwrap().record.id;
    wait(&service, &id).await;
    let panicked =
        service.ask(vec![id.clone()], |_, _| -> Result<(), ServiceError> { panic!("broken") }).await;
    assert!(matches!(panicked, Err(ServiceError::Panicked)));
    assert!(count(&service, &id).await.is_ok());
}

#[actix_rt::test]
async fn a_question_that_takes_too_long_is_ended() {
    let options = Options { deadline: Duration::from_millis(20), ..Default::default() };
    let service = Service::start(Store::temporary().unwrap(), options);
    let endless = |_: &[_], cancel: &Cancel| -> Result<(), ServiceError> {
        loop {
            cancel.check()?;
            std::thread::yield_now();
        }
    };
    let ended = service.ask(Vec::new(), endless).await;
    assert!(matches!(ended, Err(ServiceError::Deadline { .. })), "{ended:?}");
}

#[actix_rt::test]
async fn a_question_that_nobody_waits_for_is_cancelled() {
    let service = service();
    let (ended, told) = tokio::sync::oneshot::channel();
    let question = move |_: &[_], cancel: &Cancel| -> Result<(), ServiceError> {
        let error = loop {
            match cancel.check() {
                Ok(()) => std::thread::yield_now(),
                Err(error) => break error,
            }
        };
        let cancelled = matches!(error, IndexError::Cancelled);
        let _nobody_minds = ended.send(cancelled);
        Err(error.into())
    };
    let asking = actix_rt::spawn({
        let service = service.clone();
        async move { service.ask(Vec::new(), question).await }
    });
    while service.observe().await.query.running == 0 {
        tokio::task::yield_now().await;
    }
    asking.abort();
    assert_eq!(told.await, Ok(true));
}

#[actix_rt::test]
async fn a_deleted_profile_is_gone() {
    let service = service();
    let id = upload(&service, std::fs::read(golden("cull.raw.dat")).unwrap()).await.unwrap().record.id;
    wait(&service, &id).await;
    service.delete(&id).await.unwrap();
    assert!(matches!(service.profile(&id), Err(ServiceError::NotFound(_))));
    assert!(matches!(count(&service, &id).await, Err(ServiceError::NotFound(_))));
    assert!(matches!(service.delete(&id).await, Err(ServiceError::NotFound(_))));
}

#[actix_rt::test]
async fn an_end_in_good_order_keeps_what_was_acknowledged_and_begins_nothing() {
    let store = Store::temporary().unwrap();
    let service = Service::start(store.clone(), Options::default());
    let under_way = service.upload().await.unwrap();
    let draining = actix_rt::spawn({
        let service = service.clone();
        async move { service.drain(Duration::from_secs(60)).await }
    });
    while !service.is_draining() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(service.upload().await.err(), Some(ServiceError::Stopped)));
    under_way.write(Bytes::from(std::fs::read(golden("threads.raw.dat")).unwrap())).await.unwrap();
    let id = under_way.commit(named("under way")).await.unwrap().record.id;
    draining.await.unwrap();
    assert_eq!(service.profile(&id).unwrap().record.state, ProfileState::Stored);
    let next = Service::start(store, Options::default());
    assert!(matches!(wait(&next, &id).await, ProfileState::Ready { .. }));
}

#[actix_rt::test]
async fn an_index_that_is_not_done_in_time_is_begun_again_by_the_next_start() {
    let store = Store::temporary().unwrap();
    let service = Service::start(store.clone(), Options::default());
    let capture = std::fs::read(golden("simulation.decoded.dat")).unwrap();
    let id = upload(&service, capture).await.unwrap().record.id;
    service.drain(Duration::ZERO).await;
    // It may have been done by then; it is never failed, nor half there.
    assert!(!matches!(service.profile(&id).unwrap().record.state, ProfileState::Failed { .. }));
    let next = Service::start(store, Options::default());
    assert!(matches!(wait(&next, &id).await, ProfileState::Ready { .. }));
}

#[actix_rt::test]
async fn eight_uploads_at_once_share_what_there_is_and_the_slow_one_holds_up_nobody() {
    let little = Options { loads: 1, ingest_bytes: 64 << 20, intake_bytes: 10_000, ..Default::default() };
    let service = Service::start(Store::temporary().unwrap(), little);
    let slow_bytes = std::fs::read(golden("simulation.decoded.dat")).unwrap();
    let (half, rest) = slow_bytes.split_at(slow_bytes.len() / 2);
    let slow = service.upload().await.unwrap();
    slow.write(Bytes::copy_from_slice(half)).await.unwrap();
    let names = [
        "cull.raw",
        "cull.decoded",
        "mmap.raw",
        "mmap.decoded",
        "realloc.raw",
        "threads.raw",
        "threads.decoded",
    ];
    let uploads: Vec<_> = names
        .iter()
        .map(|name| {
            let (service, bytes) = (service.clone(), std::fs::read(golden(&format!("{name}.dat"))).unwrap());
            actix_rt::spawn(async move { upload(&service, bytes).await.unwrap().record.id })
        })
        .collect();
    let mut ids = Vec::new();
    for upload in uploads {
        ids.push(upload.await.unwrap());
    }
    for id in &ids {
        assert!(matches!(wait(&service, id).await, ProfileState::Ready { .. }));
        assert!(count(&service, id).await.is_ok());
    }
    slow.write(Bytes::copy_from_slice(rest)).await.unwrap();
    let slow = slow.commit(named("slow")).await.unwrap().record.id;
    assert!(count(&service, &ids[0]).await.is_ok(), "questions are answered while it is taken in");
    assert!(matches!(wait(&service, &slow).await, ProfileState::Ready { .. }));
    assert_eq!(service.profiles().unwrap().len(), 8);
}

#[actix_rt::test]
async fn an_ingest_can_be_ended() {
    let store = Store::temporary().unwrap();
    let service = Service::start(store, Options { loads: 1, ..Options::default() });
    upload(&service, std::fs::read(golden("simulation.decoded.dat")).unwrap()).await.unwrap();
    let second = upload(&service, std::fs::read(golden("threads.decoded.dat")).unwrap()).await.unwrap();
    let id = second.record.id;
    let job = id.as_str().replacen("p_", "j_", 1);
    assert!(service.jobs().unwrap().iter().any(|listed| listed.id == job));
    service.cancel(&job).unwrap();
    assert!(
        matches!(wait(&service, &id).await, ProfileState::Failed { reason, .. } if reason.contains("cancelled"))
    );
    assert_eq!(service.job(&job).unwrap().state, JobState::Cancelled);
    assert!(service.jobs().unwrap().iter().all(|listed| listed.id != job), "it is over");
}

#[actix_rt::test]
async fn a_question_is_listed_while_it_goes_on_and_can_be_ended() {
    let service = service();
    let received = upload(&service, std::fs::read(golden("threads.decoded.dat")).unwrap()).await.unwrap();
    let id = received.record.id;
    wait(&service, &id).await;
    let endless = service.ask(vec![id.clone()], |_, cancel| -> Result<(), ServiceError> {
        loop {
            cancel.check()?;
        }
    });
    let ending = async {
        loop {
            let jobs = service.jobs().unwrap();
            if let Some(job) =
                jobs.iter().find(|job| job.state == JobState::Running && job.kind == JobKind::Question)
            {
                assert_eq!(job.profiles, std::slice::from_ref(&id));
                return service.cancel(&job.id).unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    let (answer, ()) = tokio::join!(endless, ending);
    assert!(matches!(answer, Err(ServiceError::Cancelled)), "{answer:?}");
    assert!(service.jobs().unwrap().iter().all(|job| job.kind != JobKind::Question));
    assert!(matches!(service.cancel("j_0"), Err(ServiceError::JobNotFound(_))));
}
