//! `/v1/uploads`: captures that come in parts, each from where the one before stopped.

use crate::decoder::Decoder;
use crate::errors::{BAD_PARAMETER, NOT_A_PROFILE, UPLOAD_SUPERSEDED};
use crate::labels::{LABEL, NAME, new_profile};
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::{Api, State};
use crate::upload::{Incoming, receive_or_drain, received_json, refused};
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, LOCATION};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytehound_actors::Session;
use schemars::JsonSchema;
use serde::Serialize;

const FLAGS: [(&str, bool); 2] = [("true", true), ("false", false)];
pub(crate) const TAKEN: &[Parameter] = &[
    NAME,
    LABEL,
    Parameter::word("live", &crate::parameter::words(&FLAGS), "whether it is shown while it still grows"),
];
pub(crate) const OFFSET: Parameter = Parameter::required_integer(
    "upload-offset",
    "how many bytes of the capture came before: where the upload stopped",
);
pub(crate) const COMPLETE: Parameter =
    Parameter::word("upload-complete", &["?1", "?0"], "`?1` with the last part");

/// An upload that comes in parts.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UploadJson {
    id: String,
    /// How many bytes of the capture have come.
    offset: u64,
    live: bool,
    /// The profile that it has become; while it grows, one of what has come so far.
    profile: Option<String>,
    is_complete: bool,
}

/// `POST /v1/uploads`: begins one.
pub(crate) async fn begin(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::only(&request, TAKEN)?;
    let new = new_profile(&request, &parameters)?;
    let is_live = parameters.word("live", &FLAGS)?.unwrap_or(false);
    api.service.check_room(0).await?;
    let session = api.service.open_session(new, is_live).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/v1/uploads/{}", session.id())));
    tell(response, &session).await
}

/// `GET /v1/uploads/{upload}`, and `HEAD`: where it stopped.
pub(crate) async fn show(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    let session = api.service.session(request.match_info().query("upload"))?;
    tell(HttpResponse::Ok(), &session).await
}

/// `PATCH /v1/uploads/{upload}`: goes on. What has come stays, also of a part that is cut off.
pub(crate) async fn append(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let part = part(&api, &request, &mut payload);
    receive_or_drain(part.await, &mut payload).await
}

/// `DELETE /v1/uploads/{upload}`: gives it up.
pub(crate) async fn abandon(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    api.service.abandon(request.match_info().query("upload")).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn part(api: &State, request: &HttpRequest, payload: &mut Payload) -> Result<HttpResponse, Problem> {
    Parameters::only(request, &[])?;
    let (offset, is_last) = (offset(request.headers())?, is_last(request.headers())?);
    let id = request.match_info().query("upload");
    let _memory = api.admission.admit(request, &api.service).await?;
    let decoder = Decoder::of_request(request)?;
    let appending = api.service.append(id, offset).await?;
    let superseded = appending.superseded();
    let mut incoming = Incoming::after(offset, &appending, decoder, api);
    let taken = tokio::select! {
        taken = incoming.take(payload, api.options.upload_idle) => taken,
        () = superseded => Err(Problem::new(&UPLOAD_SUPERSEDED, "another request goes on with this upload")),
    };
    if let Err(problem) = taken {
        drop(appending);
        if problem.kind == &NOT_A_PROFILE {
            api.service.abandon(id).await?;
        }
        return Err(problem);
    }
    if !is_last {
        let offset = appending.session().offset().await?;
        return Ok(HttpResponse::NoContent().insert_header((OFFSET.name, offset.to_string())).finish());
    }
    match appending.complete().await {
        Ok(received) => Ok(received_json(&received)),
        Err(error) => {
            api.service.abandon(id).await?;
            Err(refused(error))
        }
    }
}

async fn tell(mut response: HttpResponseBuilder, session: &Session) -> Result<HttpResponse, Problem> {
    let offset = session.offset().await?;
    let received = session.received().map(|received| received.record.id);
    let json = UploadJson {
        id: session.id().to_owned(),
        offset,
        live: session.is_live(),
        is_complete: received.is_some(),
        profile: session.shown().or(received).map(|id| id.to_string()),
    };
    response.insert_header((OFFSET.name, offset.to_string())).insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.json(json))
}

fn offset(headers: &HeaderMap) -> Result<u64, Problem> {
    let given = headers.get(OFFSET.name).and_then(|offset| offset.to_str().ok()?.parse().ok());
    given.ok_or_else(|| {
        Problem::new(
            &BAD_PARAMETER,
            "the header `Upload-Offset` must say where this part goes on, as a number",
        )
    })
}

fn is_last(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(COMPLETE.name).map(|value| value.as_bytes()) {
        None | Some(b"?0") => Ok(false),
        Some(b"?1") => Ok(true),
        Some(_) => Err(Problem::new(&BAD_PARAMETER, "the header `Upload-Complete` is `?1` or `?0`")),
    }
}
