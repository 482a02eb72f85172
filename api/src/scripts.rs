//! `POST /v1/scripts`, also called `/script`: runs a script over one or many profiles.

use crate::body;
use crate::errors::{BAD_BODY, BAD_REQUEST};
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::script_json::run_script;
use crate::state::Api;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_store::ProfileId;
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) const PROFILE: Parameter = Parameter::texts("profile", "a profile that the script asks");

/// The body when it is JSON.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptRequest {
    script: String,
    #[serde(default)]
    profiles: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
}

/// The body is the script itself, with a repeatable `?profile=`; or JSON that has both.
pub(crate) async fn run(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::only(&request, &[PROFILE])?;
    let is_json = is_json(&request);
    let bytes_max = if is_json { api.options.max_json_bytes } else { api.options.max_script_bytes };
    let text = body::text(&mut payload, bytes_max, api.options.upload_idle).await?;
    let asked = if is_json { ScriptRequest::parse(&text)? } else { ScriptRequest::of(text) };
    let named = asked.profiles.iter().map(String::as_str).chain(parameters.all("profile"));
    let mut profiles =
        named.map(|name| Ok(api.service.resolve(name)?)).collect::<Result<Vec<ProfileId>, Problem>>()?;
    if profiles.is_empty() {
        profiles.push(api.service.resolve("last")?);
    }
    if asked.script.len() > api.options.max_script_bytes {
        return Err(body::too_large(api.options.max_script_bytes as u64));
    }
    let answer = run_script(&api, profiles, asked.script, "/v1/artifacts").await?;
    Ok(HttpResponse::Ok().json(answer))
}

impl ScriptRequest {
    fn of(script: String) -> Self {
        Self { script, profiles: Vec::new(), args: Vec::new() }
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let asked: Self =
            serde_json::from_str(text).map_err(|error| Problem::new(&BAD_BODY, error.to_string()))?;
        if !asked.args.is_empty() {
            return Err(Problem::new(
                &BAD_REQUEST,
                "`args`: scripts take no arguments here; write them into the script",
            ));
        }
        Ok(asked)
    }
}

fn is_json(request: &HttpRequest) -> bool {
    let content_type =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
