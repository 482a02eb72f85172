//! What an operation takes and answers, as data: the document is made of it.

use crate::parameter::{Parameter, Values};
use crate::problem::ProblemJson;
use actix_web::http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// One method of a resource.
pub(crate) struct Operation {
    /// For programs that are made from the document.
    name: String,
    about: &'static str,
    parameters: Vec<Parameter>,
    headers: Vec<Parameter>,
    bodies: Vec<Content>,
    answers: Vec<(u16, Content)>,
    problems: Content,
}

/// What a body is.
#[derive(Clone, Copy)]
enum Content {
    Nothing,
    /// JSON, or a kind of it, of a schema.
    Json(&'static str, fn(&mut SchemaGenerator) -> Schema),
    /// A JSON array of a schema, under this name, and its whole length as `total_count`.
    List(&'static str, fn(&mut SchemaGenerator) -> Schema),
    /// A JSON object of these parameters.
    Object(&'static [Parameter]),
    /// Something of another media type.
    Bytes(&'static str),
}

const JSON: &str = "application/json";

impl Operation {
    pub(crate) fn new(name: &str, about: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            about,
            parameters: Vec::new(),
            headers: Vec::new(),
            bodies: Vec::new(),
            answers: Vec::new(),
            problems: Content::Json("application/problem+json", schema::<ProblemJson>),
        }
    }

    /// The same at another path.
    pub(crate) fn renamed(self, suffix: &str) -> Self {
        Self { name: self.name + suffix, ..self }
    }

    /// These parameters in the query string.
    pub(crate) fn takes(mut self, parameters: &[Parameter]) -> Self {
        self.parameters.extend_from_slice(parameters);
        self
    }

    pub(crate) fn takes_header(mut self, header: Parameter) -> Self {
        self.headers.push(header);
        self
    }

    /// These parameters as a JSON object.
    pub(crate) fn takes_object(mut self, parameters: &'static [Parameter]) -> Self {
        self.bodies.push(Content::Object(parameters));
        self
    }

    pub(crate) fn takes_json<T: JsonSchema>(mut self) -> Self {
        self.bodies.push(Content::Json(JSON, schema::<T>));
        self
    }

    pub(crate) fn takes_bytes(mut self, media: &'static str) -> Self {
        self.bodies.push(Content::Bytes(media));
        self
    }

    pub(crate) fn gives_json<T: JsonSchema>(mut self, status: u16) -> Self {
        self.answers.push((status, Content::Json(JSON, schema::<T>)));
        self
    }

    /// A list as the routes of 0.11 have them.
    pub(crate) fn gives_list<T: JsonSchema>(mut self, name: &'static str) -> Self {
        self.answers.push((200, Content::List(name, schema::<T>)));
        self
    }

    pub(crate) fn gives_bytes(mut self, status: u16, media: &'static str) -> Self {
        self.answers.push((status, Content::Bytes(media)));
        self
    }

    pub(crate) fn gives_nothing(mut self, status: u16) -> Self {
        self.answers.push((status, Content::Nothing));
        self
    }

    /// Its problems are told as plain text.
    pub(crate) fn fails_in_words(self) -> Self {
        Self { problems: Content::Bytes("text/plain"), ..self }
    }

    /// As OpenAPI has it; `in_path` are the names in its path.
    pub(crate) fn describe(&self, in_path: &[&str], generator: &mut SchemaGenerator) -> Value {
        let path = in_path.iter().map(|name| path_parameter(name));
        let mut parameters: Vec<Value> = path.collect();
        parameters.extend(self.parameters.iter().map(|parameter| one(parameter, "query", generator)));
        parameters.extend(self.headers.iter().map(|header| one(header, "header", generator)));
        let mut answers = Map::new();
        for (status, content) in &self.answers {
            let reason = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
            let answer = answers
                .entry(status.to_string())
                .or_insert_with(|| json!({ "description": reason.unwrap_or_default() }));
            content.add_to(answer, generator);
        }
        let mut problem = json!({ "description": "A problem" });
        self.problems.add_to(&mut problem, generator);
        answers.insert("default".to_owned(), problem);
        let mut operation = json!({
            "operationId": self.name,
            "summary": self.about,
            "parameters": parameters,
            "responses": answers,
        });
        if !self.bodies.is_empty() {
            let mut body = json!({});
            self.bodies.iter().for_each(|content| content.add_to(&mut body, generator));
            operation["requestBody"] = body;
        }
        operation
    }
}

impl Content {
    fn add_to(self, body: &mut Value, generator: &mut SchemaGenerator) {
        let (media, schema) = match self {
            Self::Nothing => return,
            Self::Json(media, schema) => (media, json!({ "schema": schema(generator) })),
            Self::List(name, schema) => (JSON, json!({ "schema": list(name, &schema(generator)) })),
            Self::Object(parameters) => (JSON, json!({ "schema": object(parameters, generator) })),
            Self::Bytes(media) => (media, json!({})),
        };
        body["content"][media] = schema;
    }
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn list(name: &str, element: &Schema) -> Value {
    json!({
        "type": "object",
        "properties": {
            name: { "type": "array", "items": element },
            "total_count": { "type": "integer", "minimum": 0 },
        },
        "required": [name, "total_count"],
    })
}

fn path_parameter(name: &str) -> Value {
    let (about, schema) = match name {
        "id" => ("a profile, by one of its names", json!({ "type": "string", "minLength": 1 })),
        name if name.ends_with("_id") => ("a number", json!({ "type": "integer", "minimum": 0 })),
        _ => ("as another answer gave it", json!({ "type": "string", "minLength": 1 })),
    };
    json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
}

fn one(parameter: &Parameter, place: &str, generator: &mut SchemaGenerator) -> Value {
    let schema = value_schema(&parameter.values, generator);
    let mut described = json!({ "name": parameter.name, "in": place, "description": parameter.about });
    if parameter.is_required {
        described["required"] = json!(true);
    }
    match parameter.values {
        Values::Json(_) => described["content"][JSON] = json!({ "schema": schema }),
        _ => described["schema"] = schema,
    }
    described
}

fn object(parameters: &[Parameter], generator: &mut SchemaGenerator) -> Value {
    let described = |parameter: &Parameter, generator: &mut SchemaGenerator| {
        let mut schema = value_schema(&parameter.values, generator);
        schema["description"] = json!(parameter.about);
        (parameter.name.to_owned(), schema)
    };
    let properties: Map<String, Value> =
        parameters.iter().map(|parameter| described(parameter, generator)).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn value_schema(values: &Values, generator: &mut SchemaGenerator) -> Value {
    match values {
        Values::Integer => json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
        Values::Text => json!({ "type": "string" }),
        Values::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Values::Words(words) => json!({ "type": "string", "enum": words }),
        Values::Json(schema) => json!(schema(generator)),
    }
}
