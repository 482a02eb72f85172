//! `GET /v1/openapi.json`: every operation of the server, as an OpenAPI document.

use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::routes::resources;
use actix_web::{HttpRequest, HttpResponse};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The document.
pub(crate) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());
    Parameters::only(&request, &[])?;
    Ok(HttpResponse::Ok().content_type("application/json").body(DOCUMENT.as_str()))
}

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    // What the document describes most is answers; what requests have is read as it is written.
    let mut generator = settings.for_serialize().into_generator();
    let paths: Map<String, Value> =
        resources().iter().map(|resource| resource.describe(&mut generator)).collect();
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bytehound",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Where the memory of a program goes.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}
