//! What went wrong with a request, and how the answer says so: `application/problem+json`, or plain text where
//! Bytehound 0.11 sent that.

use crate::errors::{UNKNOWN_METHOD, UNKNOWN_ROUTE};
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::json;
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
        let mut document = json!({
            "type": format!("urn:bytehound:problem:{}", self.kind.code),
            "title": self.kind.title,
            "status": self.kind.status,
            "code": self.kind.code,
            "detail": self.detail,
            "retryable": self.retry_after.is_some(),
        });
        if let Some(wait) = self.retry_after {
            document["retry_after_ms"] = json!(wait.as_millis() as u64);
        }
        self.begin().insert_header((CONTENT_TYPE, "application/problem+json")).body(document.to_string())
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
pub(crate) fn unknown_method(request: &HttpRequest, allowed: &'static str) -> HttpResponse {
    let detail = format!("`{}` takes {allowed}, not {}", request.path(), request.method());
    let mut response = Problem::new(&UNKNOWN_METHOD, detail).error_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1) as u64
}
