//! `GET /v1/profiles/{id}/events`: how a profile comes along, as server-sent events.

use crate::problem::Problem;
use crate::profile_json::{ProfileJson, is_over};
use crate::state::Api;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ProfileStatus;
use bytehound_store::ProfileState;
use futures_util::Stream;
use futures_util::stream::unfold;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Progress is noted thousands of times a second; people want to see it move.
const PAUSE: Duration = Duration::from_millis(100);

/// `progress` at once and with every change, `done` or `error` last.
pub(crate) async fn follow(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (id, _) = api.profile(&request, &[])?;
    let status = api.service.watch(&id)?;
    let mut response = HttpResponse::Ok();
    response.content_type("text/event-stream").insert_header((CACHE_CONTROL, "no-cache"));
    Ok(response.streaming(events(status, api.options.heartbeat)))
}

enum Next {
    First,
    Change,
    End,
}

fn events(
    status: watch::Receiver<ProfileStatus>,
    heartbeat: Duration,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    unfold((status, Next::First), move |(mut status, next)| async move {
        match next {
            Next::First => {}
            Next::Change => match timeout(heartbeat, status.changed()).await {
                Ok(Ok(())) => {}
                // The profile was deleted.
                Ok(Err(_)) => return None,
                Err(_) => {
                    return Some((Ok(Bytes::from_static(b": still there\n\n")), (status, Next::Change)));
                }
            },
            Next::End => return None,
        }
        if matches!(next, Next::Change) {
            sleep(PAUSE).await;
        }
        let now = status.borrow_and_update().clone();
        let next = if is_over(&now.record.state) { Next::End } else { Next::Change };
        Some((Ok(event(&now)), (status, next)))
    })
}

fn event(status: &ProfileStatus) -> Bytes {
    let name = match status.record.state {
        ProfileState::Ready { .. } => "done",
        ProfileState::Failed { .. } => "error",
        ProfileState::Stored | ProfileState::Indexing { .. } => "progress",
    };
    // Writing plain values to memory has nothing that can fail; JSON has no line ends in it.
    let data = serde_json::to_string(&ProfileJson::of(status)).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytehound_store::{FailureCause, Origin, ProfileId, ProfileRecord};
    use futures_util::StreamExt;
    use std::pin::pin;

    fn status(state: ProfileState) -> ProfileStatus {
        let record = ProfileRecord {
            id: ProfileId::parse("p_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap(),
            name: "line\nbreak".to_owned(),
            labels: Default::default(),
            origin: Origin::Uploaded,
            size_bytes: 1,
            created_at_ms: 1,
            data_id: None,
            state,
            summary: None,
            damage: None,
        };
        ProfileStatus { record, manifest: None, progress: None, live: None }
    }

    async fn next(events: &mut (impl Stream<Item = Result<Bytes, Infallible>> + Unpin)) -> Option<String> {
        let event = events.next().await?.unwrap();
        Some(String::from_utf8(event.to_vec()).unwrap())
    }

    #[actix_web::test]
    async fn silence_is_broken_by_comments_and_the_end_is_told_once() {
        let (sender, receiver) = watch::channel(status(ProfileState::Stored));
        let mut events = pin!(events(receiver, Duration::from_millis(1)));
        let first = next(&mut events).await.unwrap();
        assert!(first.starts_with("event: progress\ndata: {"), "{first}");
        assert_eq!(first.lines().count(), 3, "an event ends at its first empty line: {first}");
        assert!(next(&mut events).await.unwrap().starts_with(':'));
        sender.send_replace(status(ProfileState::Failed {
            reason: "cut".to_owned(),
            cause: FailureCause::NoRoom,
        }));
        let last = next(&mut events).await.unwrap();
        assert!(
            last.starts_with("event: error\n")
                && last.contains(r#""problem":"cut","problem_cause":"no_room""#),
            "{last}"
        );
        assert_eq!(next(&mut events).await, None);
    }

    #[actix_web::test]
    async fn the_events_of_a_deleted_profile_end() {
        let (sender, receiver) = watch::channel(status(ProfileState::Indexing { answering: None }));
        let mut events = pin!(events(receiver, Duration::from_secs(60)));
        assert!(next(&mut events).await.is_some());
        drop(sender);
        assert_eq!(next(&mut events).await, None);
    }
}
