//! `/v1/jobs`: what goes on, and how to end it.

use crate::errors::BAD_PARAMETER;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::profile_json::ProgressJson;
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::{JobKind, JobState, JobStatus};
use schemars::JsonSchema;
use serde::Serialize;

/// The jobs that wait or run; those that came last are first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct JobsJson {
    jobs: Vec<JobJson>,
}

/// One job.
#[derive(Serialize, JsonSchema)]
pub(crate) struct JobJson {
    id: String,
    kind: JobKind,
    state: JobState,
    /// The profiles that it is about.
    profiles: Vec<String>,
    /// How far an ingest that runs has come.
    progress: Option<ProgressJson>,
    created_at_ms: u64,
}

/// `GET /v1/jobs`
pub(crate) async fn list(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    let jobs = api.service.jobs()?.iter().map(JobJson::of).collect();
    Ok(HttpResponse::Ok().json(JobsJson { jobs }))
}

/// `GET /v1/jobs/{job}`
pub(crate) async fn show(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    Ok(HttpResponse::Ok().json(JobJson::of(&api.service.job(name(&request)?)?)))
}

/// `DELETE /v1/jobs/{job}`
pub(crate) async fn cancel(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    api.service.cancel(name(&request)?)?;
    Ok(HttpResponse::NoContent().finish())
}

fn name(request: &HttpRequest) -> Result<&str, Problem> {
    request.match_info().get("job").ok_or_else(|| Problem::new(&BAD_PARAMETER, "no job is named"))
}

impl JobJson {
    fn of(job: &JobStatus) -> Self {
        Self {
            id: job.id.clone(),
            kind: job.kind,
            state: job.state,
            profiles: job.profiles.iter().map(ToString::to_string).collect(),
            progress: job.progress.as_ref().map(ProgressJson::of),
            created_at_ms: job.created_at_ms,
        }
    }
}
