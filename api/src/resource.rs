//! A path of the API: what each of its methods does, and what the document says of it. There is one description for both,
//! so that neither has what the other lacks.

use crate::operation::Operation;
use crate::problem;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, Responder, Route};
use schemars::SchemaGenerator;
use serde_json::{Map, Value};

/// One path.
pub(crate) struct Resource {
    path: String,
    methods: Vec<(Method, Operation, Route)>,
    refusal: Refusal,
}

/// How a method that is not allowed is told.
enum Refusal {
    Problem,
    /// As Bytehound 0.11 did.
    Bare,
}

impl Resource {
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), methods: Vec::new(), refusal: Refusal::Problem }
    }

    /// One of the original's.
    pub(crate) fn original(path: impl Into<String>) -> Self {
        Self { refusal: Refusal::Bare, ..Self::new(path) }
    }

    /// What a method does.
    pub(crate) fn on<F, Arguments>(mut self, method: Method, handler: F, operation: Operation) -> Self
    where
        F: Handler<Arguments>,
        Arguments: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route = web::method(method.clone()).to(handler);
        self.methods.push((method, operation, route));
        self
    }

    /// Has requests to this path answered.
    pub(crate) fn register(self, config: &mut ServiceConfig) {
        let allowed: Vec<String> = self.methods.iter().map(|(method, ..)| method.to_string()).collect();
        let resource = self
            .methods
            .into_iter()
            .fold(web::resource(self.path), |resource, (_, _, route)| resource.route(route));
        let allowed = allowed.join(", ");
        let refuse = move |request: HttpRequest| {
            let refusal = problem::unknown_method(&request, &allowed);
            async move { refusal }
        };
        match self.refusal {
            Refusal::Problem => config.service(resource.default_service(web::to(refuse))),
            Refusal::Bare => config.service(resource),
        };
    }

    /// Its path and its methods, as OpenAPI has them.
    pub(crate) fn describe(&self, generator: &mut SchemaGenerator) -> (String, Value) {
        let path = self.path.replace(":.*}", "}");
        let in_path: Vec<&str> = path.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
        let methods = self.methods.iter().map(|(method, operation, _)| {
            (method.as_str().to_ascii_lowercase(), operation.describe(&in_path, generator))
        });
        let methods: Map<String, Value> = methods.collect();
        (path, methods.into())
    }
}
