//! What all handlers share.

use crate::artifacts::Artifacts;
use crate::body;
use crate::options::ApiOptions;
use crate::parameters::Parameters;
use crate::problem::Problem;
use actix_web::http::Method;
use actix_web::web::Payload;
use actix_web::{HttpRequest, web};
use bytehound_actors::Service;
use bytehound_store::ProfileId;

/// Handed to every handler.
pub(crate) type Api = web::Data<State>;

pub(crate) struct State {
    pub(crate) service: Service,
    pub(crate) options: ApiOptions,
    pub(crate) artifacts: Artifacts,
}

impl State {
    pub(crate) fn new(service: Service, options: ApiOptions) -> Self {
        Self { service, options, artifacts: Artifacts::default() }
    }

    /// The profile that the path of a `/v1` request names, which takes these parameters.
    pub(crate) fn profile(
        &self,
        request: &HttpRequest,
        known: &[&str],
    ) -> Result<(ProfileId, Parameters), Problem> {
        let parameters = Parameters::only(request, known)?;
        Ok((self.service.resolve(request.match_info().query("id"))?, parameters))
    }

    /// The profile that the path of a `/v1` request names, and the parameters of the question to it: of the query string,
    /// or, in a POST, of a JSON object.
    pub(crate) async fn question(
        &self,
        request: &HttpRequest,
        payload: &mut Payload,
        known: &[&str],
    ) -> Result<(ProfileId, Parameters), Problem> {
        let parameters = if request.method() == Method::POST {
            Parameters::only(request, &[])?;
            let text = body::text(payload, self.options.max_json_bytes, self.options.upload_idle).await?;
            Parameters::of_json(&text, known)?
        } else {
            Parameters::only(request, known)?
        };
        Ok((self.service.resolve(request.match_info().query("id"))?, parameters))
    }
}
