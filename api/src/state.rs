//! What all handlers share.

use crate::admission::Admission;
use crate::artifacts::Artifacts;
use crate::body;
use crate::metrics::Requests;
use crate::options::ApiOptions;
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::turns::Turns;
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
    pub(crate) admission: Admission,
    pub(crate) metrics: Requests,
    pub(crate) scripts: Turns,
    /// Whether only those are let in who show one.
    pub(crate) tokens_required: bool,
}

impl State {
    /// `tokens_required` by where the service listens; the options may ask for them anywhere.
    pub(crate) fn new(service: Service, options: ApiOptions, tokens_required: bool) -> Self {
        Self {
            admission: Admission::new(options.upload_memory_bytes),
            scripts: Turns::new(options.max_scripts),
            tokens_required: tokens_required || options.require_token,
            service,
            options,
            artifacts: Artifacts::default(),
            metrics: Requests::default(),
        }
    }

    /// The profile that the path of a `/v1` request names, which takes these parameters.
    pub(crate) fn profile(
        &self,
        request: &HttpRequest,
        known: &[Parameter],
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
        known: &[Parameter],
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
