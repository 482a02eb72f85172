//! Damage on the disk: found before an answer uses it, marked, and made good if the capture is whole.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use bytehound_actors::{Options, Service, ServiceError};
use bytehound_index::{Cancel, Selection, build};
use bytehound_store::{NewProfile, ProfileId, ProfileState, Store};
use bytes::Bytes;
use std::io::Write;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

fn capture() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden/threads.raw.dat"))
        .expect("the capture is there")
}

async fn upload(service: &Service) -> ProfileId {
    let upload = service.upload().await.unwrap();
    upload.write(Bytes::from(capture())).await.unwrap();
    upload.commit(NewProfile::default()).await.unwrap().record.id
}

type Status = watch::Receiver<bytehound_actors::ProfileStatus>;

async fn ready(status: &mut Status) -> u64 {
    let is_ready = |state: &ProfileState| matches!(state, ProfileState::Ready { .. });
    let status = status.wait_for(|status| is_ready(&status.record.state)).await.unwrap();
    assert_eq!(status.record.damage, None);
    status.record.ready_build().unwrap().generation.0
}

/// All rows, by size: reads a column from end to end.
async fn ask(service: &Service, id: &ProfileId) -> Result<u64, ServiceError> {
    let question = |profiles: &[std::sync::Arc<bytehound_index::Profile>], cancel: &Cancel| {
        let rows = profiles[0].rows(&Selection::all(), cancel)?;
        let groups = profiles[0].groups_of(&rows, cancel)?;
        Ok(groups.len() as u64 + rows.len())
    };
    service.ask(vec![id.clone()], question).await
}

fn only_file(dir: &Path, suffix: &str) -> PathBuf {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().is_some_and(|path| path.ends_with(suffix))).max().expect("a file")
}

fn flip(path: &Path, byte: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[byte] ^= 8;
    std::fs::write(path, bytes).unwrap();
}

#[actix_rt::test]
async fn a_damaged_index_gives_no_answer_and_is_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(Store::open(dir.path()).unwrap(), Options::default());
    let id = upload(&service).await;
    let mut status = service.watch(&id).unwrap();
    let first = ready(&mut status).await;
    // In the middle: rows, or what belongs to them.
    let segment = only_file(&dir.path().join("segments"), ".seg");
    let middle = std::fs::metadata(&segment).unwrap().len() as usize / 2;
    flip(&segment, middle);
    match ask(&service, &id).await {
        Err(ServiceError::Damaged(found)) => assert_eq!(found, id.to_string()),
        // Not met by this question.
        Ok(_) => assert!(service.verify(&id).await.unwrap().index.is_some()),
        Err(other) => panic!("{other}"),
    }
    let is_next = |generation: Option<u64>| generation.is_some_and(|generation| generation > first);
    let built = |status: &bytehound_actors::ProfileStatus| {
        is_next(status.record.ready_build().map(|build| build.generation.0))
    };
    status.wait_for(built).await.unwrap();
    assert!(ready(&mut status).await > first);
    assert!(ask(&service, &id).await.unwrap() > 0);
    assert!(service.verify(&id).await.unwrap().is_whole());
}

#[actix_rt::test]
async fn an_index_that_lost_its_summaries_is_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut incoming = store.captures().receive().unwrap();
    incoming.write_all(&capture()).unwrap();
    let id = incoming.commit(NewProfile::default()).unwrap().record.id;
    build::ingest(&store, &id, &()).unwrap();
    let first = store.catalog().get(&id).unwrap().unwrap().ready_build().unwrap();
    std::fs::remove_dir_all(dir.path().join(format!("summaries/{first}"))).unwrap();

    let service = Service::start(store, Options::default());
    let ask = || service.ask(vec![id.clone()], |profiles, _| Ok(profiles[0].summaries()?.len()));
    assert!(matches!(ask().await, Err(ServiceError::Damaged(_))));
    assert!(ready(&mut service.watch(&id).unwrap()).await > first.generation.0);
    assert!(ask().await.unwrap() > 0);
    assert!(service.verify(&id).await.unwrap().is_whole());
}

#[actix_rt::test]
async fn a_damaged_index_without_a_whole_capture_says_so_until_that_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(Store::open(dir.path()).unwrap(), Options::default());
    let id = upload(&service).await;
    let mut status = service.watch(&id).unwrap();
    ready(&mut status).await;
    flip(&only_file(&dir.path().join("blobs"), ".dat"), 5000);
    let verified = service.verify(&id).await.unwrap();
    assert!(verified.capture.is_some() && verified.index.is_none(), "{verified:?}");
    assert!(ask(&service, &id).await.is_ok(), "the index is whole, and answers");
    assert!(service.profile(&id).unwrap().record.damage.is_some(), "it is marked");

    service.reindex(&id).await.unwrap();
    while service.observe().await.loader.failed == 0 {
        tokio::task::yield_now().await;
    }
    assert!(ask(&service, &id).await.is_ok(), "what answered goes on to do so");

    flip(&only_file(&dir.path().join("segments"), ".seg"), 80);
    assert!(service.verify(&id).await.unwrap().index.is_some());
    let failed = status.wait_for(|status| matches!(status.record.state, ProfileState::Failed { .. }));
    let failed = failed.await.unwrap().record.clone();
    let ProfileState::Failed { reason, .. } = failed.state else { panic!("{failed:?}") };
    assert!(reason.contains("upload it again"), "{reason}");
    assert!(failed.damage.is_some());

    assert_eq!(upload(&service).await, id);
    ready(&mut service.watch(&id).unwrap()).await;
    assert!(service.verify(&id).await.unwrap().is_whole());
}

#[actix_rt::test]
async fn what_is_indexed_again_answers_meanwhile() {
    let store = Store::temporary().unwrap();
    let service = Service::start(store.clone(), Options::default());
    let id = upload(&service).await;
    ready(&mut service.watch(&id).unwrap()).await;
    // As if another worker were at it.
    store.catalog().begin_build(&id).unwrap();
    assert!(matches!(service.profile(&id).unwrap().record.state, ProfileState::Indexing { .. }));
    assert!(ask(&service, &id).await.unwrap() > 0);
}
