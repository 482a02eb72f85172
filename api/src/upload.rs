//! `POST /v1/profiles` and `PUT /v1/profiles/{id}`: a capture comes in, chunk by chunk.

use crate::body::{check_length, drain, next, too_large};
use crate::decoder::Decoder;
use crate::digest::Digest;
use crate::errors::{BAD_BODY, BAD_PARAMETER, KEPT_ALREADY, NOT_A_PROFILE};
use crate::labels::{LABEL, NAME, new_profile};
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::profile_json::resting_state;
use crate::state::{Api, State};
use actix_web::http::header::{IF_NONE_MATCH, LOCATION};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::{Appending, Service, ServiceError, Upload};
use bytehound_store::{NewProfile, ProfileId, Received};
use schemars::JsonSchema;
use serde::Serialize;
use std::io;
use std::time::Duration;

/// Bytes after which it is looked again whether the disk has room.
const ROOM_BYTES: u64 = 64 << 20;

pub(crate) const UNLESS_KEPT: Parameter = Parameter::text("if-none-match", "`*`: only if it is not kept yet");

/// The profile that a capture has become.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReceivedJson<'a> {
    id: &'a str,
    state: &'static str,
    /// Whether these bytes were known.
    deduplicated: bool,
}

/// Takes a capture in. The answer comes once it is durable; indexing goes on after.
pub(crate) async fn receive(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let received = match said(&request) {
        Ok(new) => take_in(&api, &request, &mut payload, None, new).await,
        Err(problem) => Err(problem),
    };
    receive_or_drain(received.map(|received| received_json(&received)), &mut payload).await
}

/// Takes in the capture that has this id, unless it is kept: then it is not read.
pub(crate) async fn put(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let received = take_in_once(&api, &request, &mut payload).await;
    receive_or_drain(received.map(|received| received_json(&received)), &mut payload).await
}

/// The answer; where it is a problem, whoever still sends gets to read it.
pub(crate) async fn receive_or_drain(
    answer: Result<HttpResponse, Problem>,
    payload: &mut Payload,
) -> Result<HttpResponse, Problem> {
    if answer.is_err() {
        drain(payload).await;
    }
    answer
}

/// Tells of a capture that is now safe.
pub(crate) fn received_json(received: &Received) -> HttpResponse {
    let Received { record, deduplicated } = received;
    let mut response = if *deduplicated { HttpResponse::Ok() } else { HttpResponse::Created() };
    response.insert_header((LOCATION, format!("/v1/profiles/{}", record.id)));
    response.json(ReceivedJson {
        id: record.id.as_str(),
        state: resting_state(record),
        deduplicated: *deduplicated,
    })
}

/// What a request says of its capture.
fn said(request: &HttpRequest) -> Result<NewProfile, Problem> {
    new_profile(request, &Parameters::only(request, &[NAME, LABEL])?)
}

async fn take_in_once(
    api: &State,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Received, Problem> {
    let new = said(request)?;
    let id = ProfileId::parse(request.match_info().query("id"))
        .map_err(|error| Problem::new(&BAD_PARAMETER, error.to_string()))?;
    let is_unwanted = request.headers().get(IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == b"*");
    if is_unwanted && api.service.profile(&id).is_ok() {
        return Err(Problem::new(&KEPT_ALREADY, format!("profile `{id}` is there; nothing was changed")));
    }
    match api.service.known(&id, new.clone()).await? {
        Some(received) => Ok(received),
        None => take_in(api, request, payload, Some(id), new).await,
    }
}

/// Takes a capture in, which has to have this id, if there is one.
async fn take_in(
    api: &State,
    request: &HttpRequest,
    payload: &mut Payload,
    id: Option<ProfileId>,
    new: NewProfile,
) -> Result<Received, Problem> {
    check_length(request, api.options.max_upload_bytes)?;
    let digest = Digest::of_request(request)?;
    let _memory = api.admission.admit(request, &api.service).await?;
    let decoder = Decoder::of_request(request)?;
    let upload = api.service.upload().await?;
    Incoming::after(0, &upload, decoder, api)
        .announced(digest)
        .take(payload, api.options.upload_idle)
        .await?;
    upload.commit_as(id, new).await.map_err(refused)
}

/// Where the bytes of a capture go.
pub(crate) trait Sink {
    /// Returns once they are written, so that the sender cannot outrun the disk.
    fn write(&self, bytes: Bytes) -> impl Future<Output = Result<(), ServiceError>>;
}

impl Sink for Upload {
    fn write(&self, bytes: Bytes) -> impl Future<Output = Result<(), ServiceError>> {
        Self::write(self, bytes)
    }
}

impl Sink for Appending {
    fn write(&self, bytes: Bytes) -> impl Future<Output = Result<(), ServiceError>> {
        Self::write(self, bytes)
    }
}

/// Bytes on their way into a sink, and how many there are; the limit holds before and after decoding.
pub(crate) struct Incoming<'a, S> {
    sink: &'a S,
    decoder: Decoder,
    digest: Option<Digest>,
    service: &'a Service,
    bytes_max: u64,
    came: u64,
    decoded: u64,
    /// Up to where there was room.
    checked: u64,
}

impl<'a, S: Sink> Incoming<'a, S> {
    /// What comes after so many bytes.
    pub(crate) fn after(offset: u64, sink: &'a S, decoder: Decoder, api: &'a State) -> Self {
        let bytes_max = api.options.max_upload_bytes;
        Self {
            sink,
            decoder,
            digest: None,
            service: &api.service,
            bytes_max,
            came: offset,
            decoded: offset,
            checked: offset,
        }
    }

    /// What comes has to have this digest.
    fn announced(self, digest: Option<Digest>) -> Self {
        Self { digest, ..self }
    }

    /// Takes all of a body.
    pub(crate) async fn take(&mut self, payload: &mut Payload, idle: Duration) -> Result<(), Problem> {
        while let Some(chunk) = next(payload, idle).await? {
            self.came += chunk.len() as u64;
            if self.came > self.bytes_max {
                return Err(too_large(self.bytes_max));
            }
            if let Some(digest) = &mut self.digest {
                digest.update(&chunk);
            }
            self.write(chunk).await?;
        }
        self.digest.take().map_or(Ok(()), Digest::check)?;
        let rest = self.decoder.finish().map_err(undecodable)?;
        self.write_decoded(rest.into()).await
    }

    async fn write(&mut self, mut chunk: Bytes) -> Result<(), Problem> {
        if matches!(self.decoder, Decoder::Identity) {
            return self.write_decoded(chunk).await;
        }
        while !chunk.is_empty() {
            let (done, piece) = self.decoder.decode(&chunk).map_err(undecodable)?;
            drop(chunk.split_to(done));
            self.write_decoded(piece.into()).await?;
        }
        Ok(())
    }

    async fn write_decoded(&mut self, piece: Bytes) -> Result<(), Problem> {
        if piece.is_empty() {
            return Ok(());
        }
        self.decoded += piece.len() as u64;
        if self.decoded > self.bytes_max {
            return Err(too_large(self.bytes_max));
        }
        if self.decoded - self.checked > ROOM_BYTES {
            self.checked = self.decoded;
            self.service.check_room(0).await?;
        }
        self.sink.write(piece).await.map_err(refused)
    }
}

/// What the service says of bytes that are no capture.
pub(crate) fn refused(error: ServiceError) -> Problem {
    match error {
        ServiceError::Refused(reason) => Problem::new(&NOT_A_PROFILE, reason),
        error => error.into(),
    }
}

fn undecodable(error: io::Error) -> Problem {
    Problem::new(&BAD_BODY, format!("the body is not in its content encoding: {error}"))
}
