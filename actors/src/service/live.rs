//! Captures that are looked at while they still grow: from time to time what has come so far becomes a profile, which is
//! shown until the next one is ready.

use super::sessions::Session;
use super::{Service, blocking};
use crate::error::ServiceError;
use crate::receiver::Prefix;
use bytehound_store::{ProfileId, ProfileState, Received};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks, at least.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// And so many times as long as the last one took, so that looking is a fifth of the work.
const PAUSE_FACTOR: u32 = 4;
/// But no longer than this: on a busy machine a look takes long for other reasons than the work in it.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Shows a session until it is over; what was shown goes once the whole is ready.
pub(super) async fn show(service: Service, session: Arc<Session>) {
    let mut own: Vec<ProfileId> = Vec::new();
    let (mut seen, mut pause) = (0, PAUSE_MIN);
    let whole = loop {
        // Whichever comes first: that it is over may be known long before the next look is due.
        drop(tokio::time::timeout(pause, session.over()).await);
        if let Some(received) = session.received() {
            break received.record.id;
        }
        if service.session(session.id()).is_err() {
            return;
        }
        match session.offset().await {
            Ok(offset) if offset != seen => seen = offset,
            _ => continue,
        }
        let since = Instant::now();
        match look(&service, &session).await {
            Ok(Some(look)) => {
                retire(&service, &mut own, &look.record.id).await;
                if !look.deduplicated {
                    own.push(look.record.id);
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(session = session.id(), %error, "cannot show a live capture"),
        }
        pause = pause_after(since.elapsed());
    };
    if ready(&service, &whole).await {
        session.show(whole.clone());
        retire(&service, &mut own, &whole).await;
    }
}

/// How long to wait after a look that took so long.
fn pause_after(look: Duration) -> Duration {
    (look * PAUSE_FACTOR).clamp(PAUSE_MIN, PAUSE_MAX)
}

/// Makes what has come so far a profile, and shows it once it is ready. Nothing comes of too little.
async fn look(service: &Service, session: &Session) -> Result<Option<Received>, ServiceError> {
    // An upload that has just ended has nobody to ask any more.
    let Ok(prefix) = session.receiver.send(Prefix).await else { return Ok(None) };
    let Some(prefix) = prefix else { return Ok(None) };
    let new = session.new.clone();
    let received = blocking(move || Ok(prefix.commit(new)?)).await?;
    service.ingest_unless_ready(&received.record).await?;
    let id = &received.record.id;
    if !ready(service, id).await {
        if !received.deduplicated {
            service.delete(id).await?;
        }
        return Ok(None);
    }
    session.show(id.clone());
    Ok(Some(received))
}

/// Waits until a profile can be asked, or cannot.
async fn ready(service: &Service, id: &ProfileId) -> bool {
    let Ok(mut status) = service.watch(id) else { return false };
    loop {
        match status.borrow_and_update().record.state {
            ProfileState::Ready { .. } => return true,
            ProfileState::Failed { .. } => return false,
            ProfileState::Stored | ProfileState::Indexing { .. } => {}
        }
        if status.changed().await.is_err() {
            return false;
        }
    }
}

/// Deletes what was shown before.
async fn retire(service: &Service, own: &mut Vec<ProfileId>, shown: &ProfileId) {
    for id in own.drain(..).filter(|id| id != shown) {
        if let Err(error) = service.delete(&id).await {
            tracing::warn!(profile = %id, %error, "cannot delete what a live capture was");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_take_a_fifth_of_the_time_but_are_never_far_apart() {
        let seconds = |look: f64| pause_after(Duration::from_secs_f64(look)).as_secs_f64();
        assert_eq!([0.01, 1.5, 2.5, 60.0].map(seconds), [1.0, 6.0, 10.0, 10.0]);
    }
}
