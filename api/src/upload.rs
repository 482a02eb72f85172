//! `POST /v1/profiles`: a capture comes in, chunk by chunk.

use crate::body::{check_length, drain, next, too_large};
use crate::decoder::Decoder;
use crate::errors::{BAD_BODY, BAD_ENCODING, NOT_A_PROFILE};
use crate::labels::new_profile;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::profile_json::resting_state;
use crate::state::{Api, State};
use actix_web::http::header::LOCATION;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::{ServiceError, Upload};
use bytehound_store::{NewProfile, Received};
use serde_json::json;
use std::io;

/// Takes a capture in. The answer comes once it is durable; indexing goes on after.
pub(crate) async fn receive(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let received = take_in(&api, &request, &mut payload).await;
    if received.is_err() {
        drain(&mut payload).await;
    }
    let Received { record, deduplicated } = received?;
    let mut response = if deduplicated { HttpResponse::Ok() } else { HttpResponse::Created() };
    response.insert_header((LOCATION, format!("/v1/profiles/{}", record.id)));
    Ok(response.json(json!({
        "id": record.id.as_str(),
        "state": resting_state(&record),
        "deduplicated": deduplicated,
    })))
}

async fn take_in(api: &State, request: &HttpRequest, payload: &mut Payload) -> Result<Received, Problem> {
    let parameters = Parameters::only(request, &["label", "name"])?;
    let new = new_profile(request, &parameters)?;
    check_length(request, api.options.max_upload_bytes)?;
    let decoder = Decoder::of(request.headers()).map_err(|encoding| {
        Problem::new(
            &BAD_ENCODING,
            format!("`{encoding}`: send the capture as it is, or with `gzip` or `zstd`"),
        )
    })?;
    let upload = api.service.upload().await?;
    let incoming = Incoming { upload, decoder, bytes_max: api.options.max_upload_bytes, came: 0, decoded: 0 };
    incoming.take(payload, api, new).await
}

/// An upload, and how much of it there is; the limit holds before and after decoding.
struct Incoming {
    upload: Upload,
    decoder: Decoder,
    bytes_max: u64,
    came: u64,
    decoded: u64,
}

impl Incoming {
    async fn take(
        mut self,
        payload: &mut Payload,
        api: &State,
        new: NewProfile,
    ) -> Result<Received, Problem> {
        while let Some(chunk) = next(payload, api.options.upload_idle).await? {
            self.came += chunk.len() as u64;
            if self.came > self.bytes_max {
                return Err(too_large(self.bytes_max));
            }
            self.write(chunk).await?;
        }
        let rest = self.decoder.finish().map_err(undecodable)?;
        self.write_decoded(rest.into()).await?;
        self.upload.commit(new).await.map_err(refused)
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
        self.decoded += piece.len() as u64;
        match (self.decoded > self.bytes_max, piece.is_empty()) {
            (true, _) => Err(too_large(self.bytes_max)),
            (_, true) => Ok(()),
            _ => self.upload.write(piece).await.map_err(refused),
        }
    }
}

fn refused(error: ServiceError) -> Problem {
    match error {
        ServiceError::Refused(reason) => Problem::new(&NOT_A_PROFILE, reason),
        error => error.into(),
    }
}

fn undecodable(error: io::Error) -> Problem {
    Problem::new(&BAD_BODY, format!("the body is not in its content encoding: {error}"))
}
