//! What all handlers share.

use crate::artifacts::Artifacts;
use crate::options::ApiOptions;
use crate::parameters::Parameters;
use crate::problem::Problem;
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
}
