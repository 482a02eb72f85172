//! What went wrong with a request, and how the answer says so: `application/problem+json`, or plain text where
//! Bytehound 0.11 sent that.

use crate::errors::{KINDS, UNKNOWN_METHOD, UNKNOWN_ROUTE};
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A class of problems: one row of the error table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
}

/// One problem, ready to be told.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) kind: &'static Kind,
    pub(crate) detail: String,
    pub(crate) retry_after: Option<Duration>,
}

/// A problem as [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) writes it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProblemJson<'a> {
    #[serde(rename = "type")]
    urn: String,
    title: &'a str,
    status: u16,
    #[schemars(schema_with = "codes")]
    code: &'a str,
    detail: &'a str,
    /// Whether the same request may be answered later.
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

fn codes(_: &mut SchemaGenerator) -> Schema {
    let codes: Vec<&str> = KINDS.iter().map(|kind| kind.code).collect();
    json_schema!({ "type": "string", "enum": codes })
}

impl Problem {
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after: None }
    }

    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    fn begin(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(wait) = self.retry_after {
            response.insert_header((RETRY_AFTER, whole_seconds(wait).to_string()));
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.title, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let document = ProblemJson {
            urn: format!("urn:bytehound:problem:{}", self.kind.code),
            title: self.kind.title,
            status: self.kind.status,
            code: self.kind.code,
            detail: &self.detail,
            retryable: self.retry_after.is_some(),
            retry_after_ms: self.retry_after.map(|wait| wait.as_millis() as u64),
        };
        // Plain values: there is nothing that JSON cannot hold.
        let document = serde_json::to_string(&document).unwrap_or_default();
        self.begin().insert_header((CONTENT_TYPE, "application/problem+json")).body(document)
    }
}

/// A problem on one of the original's routes: the message alone, as text.
#[derive(Debug)]
pub(crate) struct Plain(pub(crate) Problem);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Into<Problem>> From<E> for Plain {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl ResponseError for Plain {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.0.begin().insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body(self.0.detail.clone())
    }
}

/// Answers paths below `/v1` that lead nowhere.
pub(crate) async fn unknown_route(request: HttpRequest) -> HttpResponse {
    Problem::new(&UNKNOWN_ROUTE, format!("there is nothing at `{}`", request.path())).error_response()
}

/// Answers methods that a resource does not have.
pub(crate) fn unknown_method(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let detail = format!("`{}` takes {allowed}, not {}", request.path(), request.method());
    let mut response = Problem::new(&UNKNOWN_METHOD, detail).error_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1) as u64
}
