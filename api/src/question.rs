//! Questions to one profile, from the request to the answer.

use crate::answer::{Answer, Wrapped};
use crate::errors::BAD_PARAMETER;
use crate::operation::Operation;
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::{Kind, Problem};
use crate::resource::Resource;
use crate::state::Api;
use actix_web::http::Method;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Profile};
use schemars::JsonSchema;
use std::num::ParseIntError;
use std::time::Instant;

/// A question with parameters. It is read where HTTP is served, and answered on the query actor.
pub(crate) trait Question: Sized + Send + 'static {
    /// The last part of its path.
    const NAME: &'static str;
    /// What it answers, for people.
    const ABOUT: &'static str;
    const PARAMETERS: &'static [Parameter];
    /// What `data` of its answers is.
    type Data: JsonSchema;

    /// What it answers with.
    fn answers(operation: Operation) -> Operation {
        operation.gives_json::<Wrapped<Self::Data>>(200)
    }

    fn read(parameters: &Parameters) -> Result<Self, Problem>;

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError>;
}

/// Something that a profile has by numbers.
pub(crate) trait Numbered: 'static {
    /// What it is called, in the path (with `_id`) and to people.
    const NAME: &'static str;
    /// What one is answered with, for people.
    const ABOUT: &'static str;
    /// That there is none of a number.
    const MISSING: &'static Kind;
    /// What `data` of its answers is.
    type Data: JsonSchema;

    fn find(profile: &Profile, number: u32) -> Result<Option<Answer>, ServiceError>;
}

/// Where a question is put: its parameters come in the query string, or in a body.
pub(crate) fn question<Q: Question>() -> Resource {
    let by_body = format!("{}_by_body", Q::NAME);
    Resource::new(format!("/v1/profiles/{{id}}/{}", Q::NAME))
        .on(Method::GET, ask::<Q>, Q::answers(Operation::new(Q::NAME, Q::ABOUT).takes(Q::PARAMETERS)))
        .on(
            Method::POST,
            ask::<Q>,
            Q::answers(Operation::new(&by_body, Q::ABOUT).takes_object(Q::PARAMETERS)),
        )
}

/// Where things that have numbers are.
pub(crate) fn numbered<N: Numbered>() -> Resource {
    let name = N::NAME;
    Resource::new(format!("/v1/profiles/{{id}}/{name}s/{{{name}_id}}")).on(
        Method::GET,
        show::<N>,
        Operation::new(name, N::ABOUT).gives_json::<Wrapped<N::Data>>(200),
    )
}

/// Answers a question whose parameters come in the query string, or in a body.
async fn ask<Q: Question>(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    let (id, parameters) = api.question(&request, &mut payload, Q::PARAMETERS).await?;
    let question = Q::read(&parameters)?;
    let answer = api.service.ask(vec![id], move |profiles, cancel| question.answer(&profiles[0], cancel));
    Ok(answer.await?.respond(since))
}

/// Answers with the one whose number stands in the path.
async fn show<N: Numbered>(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    let (id, _) = api.profile(&request, &[])?;
    let number = request.match_info().query(&format!("{}_id", N::NAME)).parse();
    let number: u32 = number.map_err(|error: ParseIntError| {
        Problem::new(&BAD_PARAMETER, format!("the number of the {}: {error}", N::NAME))
    })?;
    let answer = api.service.ask(vec![id], move |profiles, _| N::find(&profiles[0], number));
    let missing = || Problem::new(N::MISSING, format!("the profile has no {} {number}", N::NAME));
    Ok(answer.await?.ok_or_else(missing)?.respond(since))
}
