//! The OpenAPI document: every operation does what it says, and there is none that it does not say.

use crate::support::{Answer, TestServer};
use serde_json::{Map, Value, json};

const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "head"];

struct Document(Value);

/// One method of one path, with the names in the path filled in.
struct Asked<'a> {
    method: &'a str,
    path: String,
    operation: &'a Value,
}

impl Document {
    fn of(server: &TestServer) -> Self {
        Self(server.get("/v1/openapi.json").json())
    }

    fn paths(&self) -> &Map<String, Value> {
        self.0["paths"].as_object().unwrap()
    }

    /// Fails unless the answer is one that the operation is said to give.
    #[track_caller]
    fn check(&self, asked: &Asked<'_>, answer: &Answer) {
        let what = format!("{} {}: {} {}", asked.method, asked.path, answer.status, answer.text());
        if asked.method == "head" {
            return assert!(answer.body.is_empty(), "{what}");
        }
        let answers = &asked.operation["responses"];
        let described = answers.get(answer.status.to_string()).unwrap_or(&answers["default"]);
        let Some(content) = described["content"].as_object() else {
            return assert!(answer.body.is_empty(), "{what}");
        };
        let media = answer.content_type().split(';').next().unwrap();
        let described = content.get(media).unwrap_or_else(|| panic!("`{media}` is not said: {what}"));
        if let Some(schema) = described.get("schema") {
            let schema = json!({ "allOf": [schema], "components": self.0["components"] });
            let errors: Vec<String> = jsonschema::validator_for(&schema)
                .unwrap()
                .iter_errors(&answer.json())
                .map(|error| format!("{error} at {}", error.instance_path()))
                .collect();
            assert_eq!(errors, [""; 0], "{what}");
        }
    }
}

impl Asked<'_> {
    fn ask(&self, server: &TestServer, query: &str, body: Option<(&str, &[u8])>) -> Answer {
        // Where an upload of which nothing has come goes on; nobody else looks at it.
        let headers = [("upload-offset", "0")];
        server.request_with(self.method, &format!("{}{query}", self.path), body, &headers)
    }
}

/// A path whose names are filled in with what there is. Only a whole id says what is put.
fn filled(method: &str, path: &str, server: &TestServer) -> String {
    let artifact = || {
        let run = server.post("/script", b"graph().add(allocations()).save(\"a.svg\");", &[]).json();
        run["output"][0]["url"].as_str().unwrap().strip_prefix("/v1/artifacts/").unwrap().to_owned()
    };
    let name = if path.contains("_graph/") { "full.svg" } else { "a" };
    let path = match path.contains("{checksum}") {
        true => path.replace("{checksum}/{name}", &artifact()),
        false => path.replace("{name}", name),
    };
    let path = match path.contains("{upload}") {
        true => {
            let upload = server.post("/v1/uploads", b"", &[]).json();
            path.replace("{upload}", upload["id"].as_str().unwrap())
        }
        false => path.to_owned(),
    };
    let last = server.get("/v1/profiles/last").json()["id"].as_str().unwrap().to_owned();
    path.replace("{job}", &last.replacen("p_", "j_", 1))
        .replace("{id}", if method == "put" { &last } else { "last" })
        .replace("{map_id}", "1")
        .replace("{backtrace_id}", "1")
}

/// A body that an operation can take: its media type, and the bytes.
fn body(name: &str, server: &TestServer) -> Option<(&'static str, Vec<u8>)> {
    let json = |value: Value| Some(("application/json", value.to_string().into_bytes()));
    match name {
        "upload" | "put_profile" | "append_to_upload" => {
            Some(("application/octet-stream", server.get("/v1/profiles/last/data").body))
        }
        "change_profile" => json(json!({"labels": {"a": "b"}})),
        "compare" => json(json!({"base": {"profiles": ["last"]}, "new": {"profiles": ["last"]}})),
        "run_script" | "script" | "original_execute_script" => Some(("text/plain", b"println(1);".to_vec())),
        name if name.ends_with("_by_body") => json(json!({})),
        _ => None,
    }
}

/// Values that a parameter can have, as a query string has them.
fn values(parameter: &Value) -> Vec<String> {
    let schema = &parameter["schema"];
    match (schema["enum"].as_array(), schema["type"].as_str()) {
        (Some(words), _) => words.iter().map(|word| word.as_str().unwrap().to_owned()).collect(),
        (_, Some("integer")) => vec!["0".to_owned(), "7".to_owned()],
        (_, Some("array")) => vec!["a=b".to_owned()],
        _ if parameter["content"].is_object() => vec!["%5B%5D".to_owned(), "%5B%22leaked%22%5D".to_owned()],
        _ => Vec::new(),
    }
}

fn server() -> TestServer {
    let server = TestServer::start();
    server.upload("mmap.decoded.dat");
    server
}

#[test]
fn every_operation_answers_as_the_document_says() {
    let server = server();
    let document = Document::of(&server);
    let mut count = 0;
    for (path, methods) in document.paths() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            if method == "delete" {
                continue;
            }
            let asked = Asked { method, path: filled(method, path, &server), operation };
            let body = body(name, &server);
            let body = body.as_ref().map(|(media, bytes)| (*media, bytes.as_slice()));
            assert_eq!(body.is_some(), operation.get("requestBody").is_some(), "{name}");
            let answer = asked.ask(&server, "", body);
            assert!((200..300).contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
            document.check(&asked, &answer);
            check_parameters(&server, &document, &asked, body);
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

/// Each parameter alone, with each of its words; and one that there is not.
fn check_parameters(
    server: &TestServer,
    document: &Document,
    asked: &Asked<'_>,
    body: Option<(&str, &[u8])>,
) {
    let parameters = asked.operation["parameters"].as_array().unwrap();
    for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        for value in values(parameter) {
            let answer = asked.ask(server, &format!("?{name}={value}"), body);
            document.check(asked, &answer);
            // What is alive, or a map, or a profile of that name may be missing; nothing else may be wrong.
            let is_refused = answer.status == 400 && !value.starts_with("alive");
            assert!(!is_refused, "{} {name}={value}: {}", asked.path, answer.text());
        }
    }
    let answer = asked.ask(server, "?no_such_parameter=1", body);
    let is_ours = asked.path.starts_with("/v1/") || asked.path == "/script";
    assert_eq!(answer.status == 400, is_ours, "{}: {}", asked.path, answer.text());
    document.check(asked, &answer);
}

#[test]
fn no_operation_is_left_out() {
    let server = server();
    let document = Document::of(&server);
    for (path, methods) in document.paths().iter().filter(|(path, _)| path.starts_with("/v1/")) {
        let mut said: Vec<String> = methods.as_object().unwrap().keys().cloned().collect();
        said.sort();
        let refused = METHODS.iter().find(|method| !said.iter().any(|said| said == *method)).unwrap();
        let answer = server.request(refused, &filled(refused, path, &server), None);
        assert_eq!(answer.status, 405, "{refused} {path}: {}", answer.text());
        let mut allowed: Vec<String> =
            answer.header("allow").split(", ").map(str::to_ascii_lowercase).collect();
        allowed.sort();
        assert_eq!(allowed, said, "{path}");
    }
    assert_eq!(server.get("/v1/no/such/route").status, 404);
}

#[test]
fn names_of_operations_are_there_once_and_references_lead_somewhere() {
    let document = Document::of(&TestServer::start());
    let operations = document.paths().values().flat_map(|methods| methods.as_object().unwrap().values());
    let mut names: Vec<&str> =
        operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    let text = document.0.to_string();
    let references: Vec<&str> =
        text.split("\"$ref\":\"#").skip(1).map(|part| part.split('"').next().unwrap()).collect();
    assert!(references.len() > 20);
    for reference in references {
        assert!(document.0.pointer(reference).is_some(), "{reference}");
    }
}
